import { useEffect, useState } from "react";
import type { CrashReport } from "../../core/api/schema.ts";
import { request } from "../state/session.ts";
import { clockText } from "../ui/clock.ts";

/** What the host has taken down of a domain's crash; null where it did not crash, undefined until it is known. */
export function useCrashReport(domid: number, crashed: boolean): CrashReport | null | undefined {
  const [report, setReport] = useState<CrashReport | null | undefined>(undefined);
  useEffect(() => {
    if (!crashed) {
      setReport(null);
      return;
    }
    let current = true;
    request("crashReport", { domid }).then(
      (found) => current && setReport(found),
      () => current && setReport(null),
    );
    return () => {
      current = false;
    };
  }, [domid, crashed]);
  return report;
}

/** In the place of Inspect of a domain that has ended: there is nothing to look into, but what it said when it crashed. */
export function CrashCard({ domid, crashed }: { domid: number; crashed: boolean }) {
  const report = useCrashReport(domid, crashed);
  if (report === undefined) return <p className="page-empty">Asking…</p>;
  if (report === null)
    return (
      <p className="page-empty">
        This domain has ended: it has no registers, memory or ports to inspect any more. It did not crash.
      </p>
    );
  const { at, line, console, xen } = report;
  return (
    <div className="crash-card">
      <section className="card" aria-label="Crash">
        <h2>It crashed at {clockText(at)}</h2>
        <p className="crash-line mono">{line ?? "Neither its console nor Xen said why."}</p>
        <p className="muted">Taken when it happened. The domain is gone; what its kernel and Xen printed is kept.</p>
      </section>
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
