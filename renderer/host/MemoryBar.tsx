import type { DomainInfo } from "../../core/api/schema.ts";
import { useFigure } from "../state/figure.ts";
import { history } from "../state/session.ts";

/** This many domains have colours that can be told apart. If there are more, the largest are named and the rest are drawn as one. */
const MOST_NAMED = 7;

function sum(domains: readonly DomainInfo[]): number {
  return domains.reduce((all, { memoryMiB }) => all + memoryMiB, 0);
}
/** Returns Domain-0 and the largest domains, in their original order. */
function largest(domains: readonly DomainInfo[]): readonly DomainInfo[] {
  const guests = domains.filter(({ domid }) => domid !== 0).toSorted((a, b) => b.memoryMiB - a.memoryMiB);
  const named = new Set(guests.slice(0, MOST_NAMED - 1));
  return domains.filter((each) => each.domid === 0 || named.has(each));
}

/** Shows who has the host's memory. */
export function MemoryBar({ domains }: { domains: DomainInfo[] }) {
  const total = useFigure(() => history.totalMemoryMiB);
  const free = useFigure(() => history.freeMemory.last);
  if (!total || !Number.isFinite(free)) return <p className="muted">Measuring…</p>;
  const shown = domains.length <= MOST_NAMED ? domains : largest(domains);
  const others = domains.filter((each) => !shown.includes(each));
  const used = sum(domains);
  const parts = [
    ...shown.map(({ domid, name, memoryMiB }, i) => ({
      key: String(domid),
      name,
      mib: memoryMiB,
      color: domid === 0 ? "dom0" : String((i % 6) + 1),
    })),
    ...(others.length ? [{ key: "others", name: `${others.length} others`, mib: sum(others), color: "others" }] : []),
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
