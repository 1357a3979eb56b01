import type { DomainInfo } from "../../core/api/schema.ts";
import { useFigure } from "../state/figure.ts";
import { history } from "../state/session.ts";

/** Who has the host's memory. */
export function MemoryBar({ domains }: { domains: DomainInfo[] }) {
  const total = useFigure(() => history.totalMemoryMiB);
  const free = useFigure(() => history.freeMemory.last);
  if (!total || !Number.isFinite(free)) return <p className="muted">Measuring…</p>;
  const used = domains.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0);
  const parts = [
    ...domains.map(({ domid, name, memoryMiB }) => ({
      key: String(domid),
      name,
      mib: memoryMiB,
      color: domid === 0 ? "dom0" : String(((domid - 1) % 6) + 1),
    })),
    { key: "xen", name: "Xen", mib: Math.max(0, total - free - used), color: "xen" },
    { key: "free", name: "free", mib: free, color: "free" },
  ];
  return (
    <div>
      <div className="memory-bar" role="img" aria-label={`${Math.round(free)} of ${total} MiB are free`}>
        {parts.map(({ key, name, mib, color }) => (
          <span
            key={key}
            className={`memory-part part-${color}`}
            style={{ flexGrow: mib }}
            title={`${name}: ${Math.round(mib)} MiB`}
          />
        ))}
      </div>
      <ul className="memory-legend">
        {parts.map(({ key, name, mib, color }) => (
          <li key={key}>
            <span className={`swatch part-${color}`} />
            <span className="memory-owner" title={name}>
              {name}
            </span>
            <span className="muted">{Math.round(mib)} MiB</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
