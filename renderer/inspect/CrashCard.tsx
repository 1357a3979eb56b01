import { useState } from "react";
import type { RegistersReport } from "../../core/api/schema.ts";
import { useCrashReport } from "./crash-report.ts";
import { clockText } from "../ui/clock.ts";
import "../styles/inspect.css";
import { AddressesLead } from "./parts.tsx";
import { Registers } from "./Registers.tsx";

/** Stands in the place of Inspect for a domain that has ended. There is nothing to inspect but what the domain said when it crashed. */
export function CrashCard({ domid, crashed }: { domid: number; crashed: boolean }) {
  const report = useCrashReport(domid, crashed);
  if (report === undefined) return <p className="page-empty">Asking…</p>;
  if (report === null)
    return (
      <p className="page-empty">
        This domain has ended: it has no registers, memory or ports to inspect any more. It did not crash.
      </p>
    );
  const { at, line, console, xen, vcpus } = report;
  return (
    <div className="crash-card">
      <section className="card" aria-label="Crash">
        <h2>It crashed at {clockText(at)}</h2>
        <p className="crash-line mono">{line ?? "Neither its console nor Xen said why."}</p>
        <p className="muted">
          Taken when it happened. The domain is gone; its registers, its stack and what its kernel and Xen printed are
          kept until the host is powered off.
        </p>
      </section>
      {vcpus.length > 0 && <CrashedVcpus vcpus={vcpus} crashed={crashedVcpu(xen)} />}
      {console.length > 0 && (
        <section className="card" aria-label="Console at the crash">
          <h2>What its console said</h2>
          <pre className="crash-text" tabIndex={0}>
            {console.join("\n")}
          </pre>
        </section>
      )}
      {xen.length > 0 && (
        <section className="card" aria-label="Xen log at the crash">
          <h2>What Xen said: registers and stack</h2>
          <pre className="crash-text" tabIndex={0}>
            {xen.join("\n")}
          </pre>
        </section>
      )}
    </div>
  );
}

/** Returns the vCPU that Xen names; null if the guest ended by itself. */
function crashedVcpu(xen: readonly string[]): number | null {
  for (const line of xen) {
    const named = /\(vcpu#(\d+)\) crashed/.exec(line);
    if (named) return Number(named[1]);
  }
  return null;
}

function CrashedVcpus({ vcpus, crashed }: { vcpus: readonly RegistersReport[]; crashed: number | null }) {
  const [chosen, setChosen] = useState(crashed);
  const report = vcpus.find(({ vcpu }) => vcpu === chosen) ?? vcpus[0]!;
  return (
    <section aria-label="Registers at the crash" className="inspect crash-registers">
      {vcpus.length > 1 && (
        <label className="inspect-vcpu">
          vCPU{" "}
          <select value={report.vcpu} onChange={({ target }) => setChosen(Number(target.value))}>
            {vcpus.map(({ vcpu }) => (
              <option key={vcpu} value={vcpu}>
                {vcpu === crashed ? `${vcpu}, which crashed` : vcpu}
              </option>
            ))}
          </select>
        </label>
      )}
      <AddressesLead value={null}>
        <Registers
          report={report}
          state={report.online ? "as it stopped" : "offline"}
          note="Read while the domain was held as it stopped, before its on_crash was carried out. Its memory is gone since, so that the addresses lead nowhere."
        />
      </AddressesLead>
    </section>
  );
}
