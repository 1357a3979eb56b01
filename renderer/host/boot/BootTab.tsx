import { useEffect, useState } from "react";
import type { BootReport } from "../../../core/api/schema.ts";
import { request } from "../../state/session.ts";
import { useApp } from "../../state/store.ts";
import { BootMenuCard } from "./BootMenuCard.tsx";
import { HostSizeCard } from "./HostSizeCard.tsx";
import { stageFacts } from "./facts.ts";
import "../../styles/boot.css";

/** Shows how the host came up: each stage with its time, what it printed and what it built; and the boot menu for the next time. */
export function BootTab() {
  const host = useApp((state) => state.host);
  const open = useApp((state) => state.connection === "open");
  const [report, setReport] = useState<BootReport | null>(null);
  const power = host?.power;
  const reached = host?.stages.length;
  useEffect(() => {
    if (!open) return;
    let current = true;
    request("bootReport", {}).then(
      (answer) => current && setReport(answer),
      () => {},
    );
    return () => {
      current = false;
    };
  }, [open, power, reached]);
  if (!host) return <p className="page-empty">Connecting to the host…</p>;
  return (
    <div className="boot">
      <Story report={report} entry={host.bootEntries[host.bootEntry]?.title ?? ""} />
      <div className="boot-choices">
        <HostSizeCard host={host} />
        <BootMenuCard host={host} />
      </div>
    </div>
  );
}

function Story({ report, entry }: { report: BootReport | null; entry: string }) {
  if (!report) return <p className="page-empty">Asking…</p>;
  if (report.stages.length === 0)
    return <p className="page-empty">The host was not powered on yet: there is nothing to tell.</p>;
  let before = 0;
  const total = report.stages.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return (
    <ol className="story">
      {report.stages.map((stage) => {
        const from = before;
        before += stage.milliseconds;
        return (
          <Stage key={stage.name} stage={stage} from={from} total={total} facts={stageFacts(stage, report, entry)} />
        );
      })}
    </ol>
  );
}

function Stage({
  stage: { name, milliseconds, log },
  from,
  total,
  facts,
}: {
  stage: BootReport["stages"][number];
  from: number;
  total: number;
  facts: [string, string][];
}) {
  return (
    <li className="card story-stage">
      <header className="story-header">
        <h2>{name}</h2>
        <span className="story-bar" aria-hidden>
          <span style={{ left: `${(100 * from) / total}%`, width: `${(100 * milliseconds) / total}%` }} />
        </span>
        <span className="story-time">
          {milliseconds.toFixed(1)} ms <span className="muted">from {from.toFixed(1)} ms on</span>
        </span>
      </header>
      {facts.length > 0 && (
        <dl className="facts">
          {facts.map(([term, value]) => (
            <div key={term} className="fact-row">
              <dt>{term}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {log ? (
        <pre className="log story-log" tabIndex={0} aria-label={`Xen log of ${name}`}>
          {log.replace(/\r/g, "").trimEnd()}
        </pre>
      ) : (
        <p className="muted">Xen printed nothing in this stage.</p>
      )}
    </li>
  );
}
