import { useEffect, useRef } from "react";
import type { RegistersReport } from "../../core/api/schema.ts";
import { Term } from "../glossary/Term.tsx";
import { CodeCard } from "./CodeCard.tsx";
import { LocalApic } from "./LocalApic.tsx";
import { AddressButton, FlagsRow } from "./parts.tsx";
import { Segments } from "./Segments.tsx";
import { StackCard } from "./StackCard.tsx";
import { Vectors } from "./Vectors.tsx";

/** `state` says what the vCPU does; `note` says how the registers were taken. */
export function Registers({ report, state, note }: { report: RegistersReport; state: string; note: string }) {
  const { control, msrs } = report;
  return (
    <div className="inspect-registers">
      <section className="card">
        <header className="card-header">
          <h2>Registers</h2>
          <span className="muted">
            {state}, in {report.mode} mode, {report.bits} bits
          </span>
        </header>
        <General report={report} />
        <FlagsRow register={report.rflags} />
        {report.eventsMasked && (
          <p className="muted">
            <Term of="upcall">evtchn_upcall_mask</Term> is set: it takes no events.
          </p>
        )}
        <h3>Segments</h3>
        <Segments segments={report.segments} />
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
      {report.apic && <LocalApic apic={report.apic} />}
      <CodeCard report={report} />
      <StackCard report={report} />
      <Vectors vectors={report.vectors} />
    </div>
  );
}

/** Registers that may hold an address, RIP behind the others. What is not as before is marked. */
function General({ report }: { report: RegistersReport }) {
  const changed = useChanged(report);
  const all = [...report.general, { name: "RIP", value: report.rip.address }];
  return (
    <dl className="registers">
      {all.map(({ name, value }) => (
        <div key={name} className={changed(name, value) ? "changed" : undefined}>
          <dt>{name}</dt>
          <dd>
            <AddressButton value={value} />
          </dd>
        </div>
      ))}
    </dl>
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
