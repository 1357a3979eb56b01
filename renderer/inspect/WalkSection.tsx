import { useInspected } from "./inspected.ts";
import { Walk } from "./Walk.tsx";
import { AddressField, Flags, TypeText, Waiting } from "./parts.tsx";
import { showMemory, useInspect } from "./state.ts";
import { useIsPvh } from "./useIsPvh.ts";
import { Term } from "../glossary/Term.tsx";

/** Shows the way of a guest's linear address through its page tables, and what each frame on the way is. */
export function WalkSection({ domid }: { domid: number }) {
  const { vcpu, tables, walked, frame } = useInspect();
  // Until an address is given, the vCPU's present address is used.
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

/** Shows what Xen's frame table says about a frame: the last one of the walk, or one that is asked for. */
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
