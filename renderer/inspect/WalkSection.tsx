import { useState } from "react";
import type { FrameFacts, SecondWalk, WalkReport } from "../../core/api/schema.ts";
import { useInspected } from "./inspected.ts";
import { AddressField, Flags, FrameButton, TypeText, Waiting } from "./parts.tsx";
import { showMemory, useInspect } from "./state.ts";
import { useApp } from "../state/store.ts";
import { Term } from "../glossary/Term.tsx";

/** The way of a guest's linear address through its page tables, and what each frame on it is. */
export function WalkSection({ domid }: { domid: number }) {
  const { vcpu, tables, walked, frame } = useInspect();
  // Until an address is given, the one that the vCPU is at.
  const registers = useInspected("inspectRegisters", walked === "" ? { domid, vcpu } : null);
  const address = walked || (registers.value?.rip.address ?? "");
  const { value, error } = useInspected("inspectWalk", address === "" ? null : { domid, vcpu, tables, address });
  const problem = error ?? (walked === "" ? registers.error : null);
  const fits = value?.vcpu === vcpu && value.tables === tables && value.address === address;
  return (
    <div className="inspect-walk">
      <div className="inspect-ask">
        <AddressField
          domid={domid}
          label="Virtual address"
          value={address}
          onGo={(next) => useInspect.setState({ walked: next })}
        />
        <TablesSelect domid={domid} />
      </div>
      {problem !== null || !fits ? <Waiting error={problem} /> : <Walk report={value} />}
      <FrameCard mfn={frame ?? (fits ? (value.steps.at(-1)?.frame?.mfn ?? null) : null)} />
    </div>
  );
}

/** A PVH vCPU has one set of tables, those of its CR3. */
export function useIsPvh(domid: number): boolean {
  return useApp((state) => state.domains.find((each) => each.domid === domid)?.type === "pvh");
}

export function TablesSelect({ domid }: { domid: number }) {
  const tables = useInspect((state) => state.tables);
  if (useIsPvh(domid)) return null;
  return (
    <label className="inspect-vcpu">
      Page tables
      <select
        value={tables}
        onChange={({ target }) => useInspect.setState({ tables: target.value === "user" ? "user" : "kernel" })}
      >
        <option value="kernel">the kernel’s</option>
        <option value="user">its user’s</option>
      </select>
    </label>
  );
}

function Walk({ report }: { report: WalkReport }) {
  const { address, steps, end, machine, rights, root, rootSecond, parts, symbol } = report;
  const isTwoStage = rootSecond !== null;
  const firstIndex = parts.findIndex(({ kind }) => kind === "index");
  // Until a row is chosen, what the address leads to.
  const [chosen, setChosen] = useState<number | null>(null);
  const row = chosen !== null && chosen < steps.length ? chosen : steps.length - 1;
  const second = row < 0 ? rootSecond : (steps[row]!.second ?? null);
  return (
    <>
      <section className="card">
        <header className="card-header">
          <h2>
            <Term of="page-walk">Walk</Term>
          </h2>
          <span className="muted mono">
            {address}
            {symbol !== null && `, ${symbol}`}
          </span>
          <span className="spacer" />
          <button type="button" onClick={() => showMemory(address)}>
            Memory there
          </button>
        </header>
        <ol className="address-parts" aria-label="Parts of the address">
          {parts.map(({ name, text, kind }, n) => (
            <li key={name} className={partClass(kind, n - firstIndex, steps.length)}>
              <span>{name}</span>
              <b className="mono">{text}</b>
            </li>
          ))}
        </ol>
        <div className="table-box" tabIndex={0} role="group" aria-label="Entries of the page tables">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Entry</th>
                <th scope="col">
                  {isTwoStage ? "At guest-physical address" : <Term of="machine-address">At machine address</Term>}
                </th>
                <th scope="col">Value</th>
                <th scope="col">Flags</th>
                <th scope="col">
                  <Term of="mfn">mfn</Term>
                </th>
                <th scope="col">
                  <Term of="pfn">pfn</Term>
                </th>
                <th scope="col">
                  <Term of="frame-owner">Owner</Term>
                </th>
                <th scope="col">
                  <Term of="frame-type">Type</Term>
                </th>
                <th scope="col">
                  <Term of="type-count">Type count</Term>
                </th>
                <th scope="col">
                  <Term of="references">References</Term>
                </th>
              </tr>
            </thead>
            <tbody>
              <tr>
                <th scope="row">
                  <Term of="cr3">CR3</Term>
                </th>
                <td>–</td>
                <td>–</td>
                <td>–</td>
                {root ? (
                  <FrameCells frame={root} />
                ) : (
                  <NoFrame text={steps.length ? "names no memory" : "paging is off"} />
                )}
              </tr>
              {steps.map(({ level, index, address: at, value, flags, frame }, n) => (
                <tr key={level} aria-current={isTwoStage && n === row ? "true" : undefined}>
                  <th scope="row">
                    <span className={`level-mark part-level-${n + 1}`} aria-hidden />{" "}
                    {isTwoStage ? (
                      <button
                        type="button"
                        className="plain"
                        title="Its way through the second stage"
                        onClick={() => setChosen(n)}
                      >
                        L{level} [{index}]
                      </button>
                    ) : (
                      <>
                        L{level} [{index}]
                      </>
                    )}
                  </th>
                  <td className="mono">{at.slice(2)}</td>
                  <td className="mono">{value.slice(2)}</td>
                  <td>{flags.length ? <Flags flags={flags} /> : <span className="muted">not present</span>}</td>
                  {frame ? <FrameCells frame={frame} /> : <NoFrame text="names no frame" />}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <p className={machine === null ? "walk-end walk-end-none" : "walk-end"} role="status">
          {end}
          {machine !== null && (
            <>
              {" "}
              Machine address <span className="mono">{machine}</span>.
            </>
          )}
          {rights && (
            <>
              {" "}
              The guest’s {rights.user ? "user and kernel" : "kernel"} may read
              {rights.writable && ", write"}
              {rights.executable && ", execute"} it.
            </>
          )}
        </p>
      </section>
      {second && (
        <SecondStage walk={second} of={row < 0 ? "the address" : `L${steps[row]!.level} [${steps[row]!.index}]`} />
      )}
    </>
  );
}

function partClass(kind: WalkReport["parts"][number]["kind"], index: number, walked: number): string {
  if (kind !== "index") return `part-${kind}`;
  return index < walked ? `part-level part-level-${index + 1}` : "part-unused";
}

/** Of a PVH guest: how Xen finds the machine frame behind a guest-physical address. */
function SecondStage({ walk: { address, steps, end, machine }, of }: { walk: SecondWalk; of: string }) {
  return (
    <section className="card">
      <header className="card-header">
        <h2>
          <Term of="second-stage">Second stage</Term>
        </h2>
        <span className="muted">
          guest-physical <span className="mono">{address}</span>, of {of}
        </span>
      </header>
      <div className="table-box" tabIndex={0} role="group" aria-label="Entries of the second stage">
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Entry</th>
              <th scope="col">At machine address</th>
              <th scope="col">Value</th>
              <th scope="col">Flags</th>
              <th scope="col">mfn</th>
              <th scope="col">gfn</th>
              <th scope="col">Owner</th>
              <th scope="col">Type</th>
              <th scope="col">Type count</th>
              <th scope="col">References</th>
            </tr>
          </thead>
          <tbody>
            {steps.map(({ level, index, address: at, value, flags, frame }, n) => (
              <tr key={level}>
                <th scope="row">
                  <span className={`level-mark part-level-${n + 1}`} aria-hidden /> L{level} [{index}]
                </th>
                <td className="mono">{at.slice(2)}</td>
                <td className="mono">{value.slice(2)}</td>
                <td>{flags.length ? <Flags flags={flags} /> : <span className="muted">not present</span>}</td>
                {frame ? <FrameCells frame={frame} /> : <NoFrame text="names no frame" />}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className={machine === null ? "walk-end walk-end-none" : "walk-end"} role="status">
        {end}
        {machine !== null && (
          <>
            {" "}
            Machine address <span className="mono">{machine}</span>.
          </>
        )}
      </p>
    </section>
  );
}

function NoFrame({ text }: { text: string }) {
  return (
    <td colSpan={6} className="muted">
      {text}
    </td>
  );
}

function FrameCells({ frame }: { frame: FrameFacts }) {
  return (
    <>
      <td>
        <FrameButton mfn={frame.mfn} />
      </td>
      <td className="mono">{frame.pfn ?? "–"}</td>
      <td>{frame.owner}</td>
      <td className="mono">
        <TypeText frame={frame} />
      </td>
      <td>{frame.typeReferences}</td>
      <td>{frame.references}</td>
    </>
  );
}

/** What Xen's frame table has of a frame: of the walk's last, or of one that is asked for. */
function FrameCard({ mfn }: { mfn: number | null }) {
  const { value, error } = useInspected("inspectFrame", mfn === null ? null : { mfn });
  return (
    <section className="card">
      <header className="card-header">
        <h2>Frame</h2>
        <FrameField mfn={mfn} />
      </header>
      {mfn === null || error !== null || value?.mfn !== mfn ? (
        <p className="muted">{mfn === null ? "No frame is chosen." : (error ?? "Reading…")}</p>
      ) : (
        <dl className="facts frame-facts">
          <dt>
            <Term of="mfn">Machine frame</Term>
          </dt>
          <dd className="mono">
            {value.mfn}, 0x{value.mfn.toString(16)}
          </dd>
          <dt>
            <Term of="pfn">Pseudo-physical</Term>
          </dt>
          <dd>
            {value.pfn === null ? (
              "none"
            ) : (
              <button
                type="button"
                className="plain mono address"
                disabled={value.domid === null}
                title="Memory there"
                onClick={() => showMemory(`0x${(value.pfn! * 4096).toString(16).padStart(16, "0")}`, "pseudo-physical")}
              >
                {value.pfn}
              </button>
            )}
          </dd>
          <dt>
            <Term of="frame-owner">Owner</Term>
          </dt>
          <dd>{value.owner}</dd>
          <dt>
            <Term of="references">References</Term>
          </dt>
          <dd>
            {value.references} <Flags flags={value.flags.map((name) => ({ name }))} />
          </dd>
          <dt>
            <Term of="frame-type">Type</Term>
          </dt>
          <dd>
            <span className="mono">
              <TypeText frame={value} />
            </span>
            , {value.typeReferences} {value.typeReferences === 1 ? "reference" : "references"}{" "}
            <Flags flags={value.typeFlags.map((name) => ({ name }))} />
          </dd>
        </dl>
      )}
    </section>
  );
}

function FrameField({ mfn }: { mfn: number | null }) {
  return (
    <input
      key={mfn}
      className="mono frame-input"
      aria-label="Machine frame number"
      placeholder="mfn"
      inputMode="numeric"
      defaultValue={mfn ?? ""}
      onKeyDown={({ key, currentTarget }) => {
        const text = currentTarget.value.trim();
        if (key === "Enter" && /^(0x[0-9a-f]{1,8}|\d{1,9})$/i.test(text)) useInspect.setState({ frame: Number(text) });
      }}
    />
  );
}
