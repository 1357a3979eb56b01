import { useEffect, useRef } from "react";
import type { ApicReport, FlagsValue, RegistersReport, SegmentValue } from "../../core/api/schema.ts";
import { useInspected } from "./inspected.ts";
import { AddressButton, Flags, Waiting } from "./parts.tsx";
import { useInspect } from "./state.ts";
import { Term } from "../glossary/Term.tsx";
import { Table, type Columns } from "../ui/Table.tsx";

const CODE_COLUMNS: Columns = ["Address", "Bytes", "Instruction"];
const STACK_COLUMNS: Columns = ["At", "Address", "Symbol", "Found by"];
const SEGMENT_COLUMNS: Columns = ["Segment", "Selector", "Base", "Limit", "Attributes"];

const FOUND: Record<RegistersReport["stack"][number]["by"], [word: string, title: string]> = {
  rip: ["RIP", "Where the vCPU is"],
  frame: ["RBP chain", "RBP leads to the frame that it lies in"],
  scan: ["scan", "An executable address behind a CALL: of a caller, or left over from an earlier call"],
};

/** Shows a vCPU's registers, the code around RIP and what is on its stack. */
export function RegistersSection({ domid }: { domid: number }) {
  const vcpu = useInspect((state) => state.vcpu);
  const { value, error } = useInspected("inspectRegisters", { domid, vcpu });
  if (error !== null || value?.vcpu !== vcpu) return <Waiting error={error} />;
  const { running, blocked, online, ranMeanwhile, apic } = value;
  return (
    <Registers
      report={value}
      state={running ? "running" : blocked ? "blocked" : online ? "not running" : "offline"}
      note={`XEN_DOMCTL_${apic ? "gethvmcontext" : "getvcpucontext"} takes the registers at one moment. The domain is not paused${
        ranMeanwhile
          ? ": the vCPU ran on before its code and stack were read, which may be newer."
          : "; the vCPU did not run before its code and stack were read."
      }`}
    />
  );
}

/** `state` says what the vCPU does; `note` says how the registers were taken. */
export function Registers({ report, state, note }: { report: RegistersReport; state: string; note: string }) {
  const changed = useChanged(report);
  const { general, rip, rflags, segments, control, msrs, apic, symbols } = report;
  return (
    <div className="inspect-registers">
      <section className="card">
        <header className="card-header">
          <h2>Registers</h2>
          <span className="muted">
            {state}, in {report.mode} mode, {report.bits} bits
          </span>
        </header>
        <dl className="registers">
          {general.map(({ name, value }) => (
            <div key={name} className={changed(name, value) ? "changed" : undefined}>
              <dt>{name}</dt>
              <dd>
                <AddressButton value={value} />
              </dd>
            </div>
          ))}
          <div className={changed("RIP", rip.address) ? "changed" : undefined}>
            <dt>RIP</dt>
            <dd>
              <AddressButton value={rip.address} />
            </dd>
          </div>
        </dl>
        <FlagsRow register={rflags} />
        {report.eventsMasked && (
          <p className="muted">
            <Term of="upcall">evtchn_upcall_mask</Term> is set: it takes no events.
          </p>
        )}
        <h3>Segments</h3>
        {segments.some(({ limit }) => limit !== null) ? (
          <SegmentTable segments={segments} />
        ) : (
          <dl className="registers">
            {segments.map(({ name, selector, base }) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd className="mono">
                  {selector !== null && selector.toString(16).padStart(4, "0")}{" "}
                  {base !== null && <AddressButton value={base} />}
                </dd>
              </div>
            ))}
          </dl>
        )}
        <h3>Control registers</h3>
        {control.map((register) => (
          <FlagsRow key={register.name} register={register} />
        ))}
        {msrs.length > 0 && <h3>Model-specific registers</h3>}
        {msrs.map((register) => (
          <FlagsRow key={register.name} register={register} />
        ))}
        <p className="muted inspect-note">{note}</p>
      </section>
      {apic && <LocalApic apic={apic} />}
      <section className="card">
        <header className="card-header">
          <h2>Code</h2>
          {rip.symbol !== null && <span className="mono symbol">{rip.symbol}</span>}
          <span className="muted">
            {symbols.state === "ready"
              ? `${symbols.count.toLocaleString("en")} symbols of its kernel’s own`
              : symbols.state === "reading"
                ? "reading its kernel’s symbols…"
                : "its kernel’s file has no symbols"}
          </span>
        </header>
        {report.code.length === 0 ? (
          <p className="muted">Nothing is mapped at RIP.</p>
        ) : (
          <Table label="Code around RIP" className="code-lines" columns={CODE_COLUMNS}>
            {report.code.map(({ address, bytes, text, target }) => (
              <tr key={address} aria-current={address === rip.address ? "true" : undefined}>
                <td>
                  <AddressButton value={address} />
                </td>
                <td className="mono muted">{bytes}</td>
                <td className="mono">
                  {text}
                  {target?.symbol && <span className="symbol"> {target.symbol}</span>}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </section>
      <section className="card">
        <header className="card-header">
          <h2>Stack</h2>
          <span className="muted">{report.stackBytes.toLocaleString("en")} bytes from RSP on looked through</span>
        </header>
        <Table label="Return addresses on the stack" columns={STACK_COLUMNS}>
          {report.stack.map(({ slot, address, symbol, by }) => (
            <tr key={slot ?? "rip"}>
              <td>{slot === null ? "–" : <AddressButton value={slot} />}</td>
              <td>
                <AddressButton value={address} />
              </td>
              <td className="mono symbol">{symbol ?? "–"}</td>
              <td title={FOUND[by][1]}>{FOUND[by][0]}</td>
            </tr>
          ))}
        </Table>
      </section>
    </div>
  );
}

/** Shows the segments of a PVH vCPU, with the hidden parts that were loaded with each selector. */
function SegmentTable({ segments }: { segments: readonly SegmentValue[] }) {
  return (
    <Table label="Segments" columns={SEGMENT_COLUMNS}>
      {segments.map(({ name, selector, base, limit, attributes }) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td className="mono">{selector === null ? "–" : selector.toString(16).padStart(4, "0")}</td>
          <td>{base === null ? "–" : <AddressButton value={base} />}</td>
          <td className="mono">{limit === null ? "–" : limit.toString(16)}</td>
          <td>
            <Flags flags={attributes.map((each) => ({ name: each }))} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** Shows which interrupts wait for the vCPU, and which it has not ended yet. */
function LocalApic({ apic: { base, mode, enabled, irr, isr, tmr, registers } }: { apic: ApicReport }) {
  const vectors = (list: readonly number[]) =>
    list.length === 0 ? (
      <span className="muted">none</span>
    ) : (
      <Flags flags={list.map((vector) => ({ name: vector.toString(16), meaning: `Vector ${vector}` }))} />
    );
  return (
    <section className="card">
      <header className="card-header">
        <h2>
          <Term of="local-apic">Local APIC</Term>
        </h2>
        <span className="muted">
          {mode === "off" ? "off" : `${mode}, ${enabled ? "enabled" : "disabled by its SVR"}`}
        </span>
      </header>
      <dl className="facts">
        <dt>Requested (IRR)</dt>
        <dd>{vectors(irr)}</dd>
        <dt>In service (ISR)</dt>
        <dd>{vectors(isr)}</dd>
        <dt>Level-triggered (TMR)</dt>
        <dd>{vectors(tmr)}</dd>
      </dl>
      <FlagsRow register={base} />
      <dl className="registers">
        {registers.map(({ name, value, set }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <span className="mono">{name === "TSC deadline" ? value.slice(2) : value.slice(-8)}</span>{" "}
              <Flags flags={set.map((each) => ({ name: each }))} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function FlagsRow({ register: { name, value, set } }: { register: FlagsValue }) {
  return (
    <div className="flags-row">
      <span className="flags-name">{name}</span>
      <AddressButton value={value} />
      <Flags flags={set.map((each) => ({ name: each }))} />
    </div>
  );
}

/** Returns whether a register differs from the previous report. */
function useChanged(report: RegistersReport): (name: string, value: string) => boolean {
  const kept = useRef<{ now: RegistersReport; before: RegistersReport | null }>({ now: report, before: null });
  if (kept.current.now !== report) kept.current = { now: report, before: kept.current.now };
  useEffect(() => () => void (kept.current.before = null), []);
  const { before } = kept.current;
  return (name, value) =>
    before !== null &&
    before.vcpu === report.vcpu &&
    value !== (name === "RIP" ? before.rip.address : before.general.find((each) => each.name === name)?.value);
}
