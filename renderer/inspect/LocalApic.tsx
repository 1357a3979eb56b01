import type { ApicReport } from "../../core/api/schema.ts";
import { Term } from "../glossary/Term.tsx";
import { Flags, FlagsRow } from "./parts.tsx";

/** Shows which interrupts wait for the vCPU, and which it has not ended yet. */
export function LocalApic({ apic: { base, mode, enabled, irr, isr, tmr, registers } }: { apic: ApicReport }) {
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
