import { Columns2 } from "lucide-react";
import { Term } from "../glossary/Term.tsx";
import { show, useApp } from "../state/store.ts";
import { TableHead, type Columns } from "../ui/Table.tsx";
import { differenceText, elapsed, groupsOf, largest, valueText, type Group, type Row } from "./rows.ts";
import { useBothWays, type Pair, type Way } from "./run.ts";
import "../styles/boot.css";
import "../styles/both-ways.css";

const COLUMNS: Columns = [
  { title: "Figure", isOnlyHeard: true },
  { title: "PV", term: "pv" },
  { title: "PVH", term: "pvh" },
  "Difference",
];

/** What differs between a kernel that has page tables of its own and the same kernel whose page tables are Xen's to check: one boot of each. */
export function BothWaysTab() {
  const pair = useBothWays((state) => state.pair);
  const cycle = useApp((state) => state.host?.cycle ?? null);
  if (!pair || pair.cycle !== cycle) return <Nothing />;
  return <Comparison pair={pair} />;
}

function Nothing() {
  return (
    <div className="page-empty">
      <p>No kernel was started both ways since the host was powered on.</p>
      <p>
        A kernel that starts as <Term of="pv">PV</Term> and as <Term of="pvh">PVH</Term>, as Linux does, can be started
        both ways at once from the dialog for new domains. What each of the two asks of the hypervisor while it boots is
        compared here.
      </p>
      <button type="button" onClick={() => useApp.setState({ dialog: "new-domain" })}>
        New domain…
      </button>
    </div>
  );
}

function Comparison({ pair: { kernel, ways } }: { pair: Pair }) {
  return (
    <div className="both-ways">
      <h2>
        <Columns2 size={16} aria-hidden /> {kernel}, both ways
      </h2>
      <div className="both-ways-stories">
        {ways.map((way) => (
          <Story key={way.type} way={way} longest={Math.max(...ways.map(lasted))} />
        ))}
      </div>
      <div className="card both-ways-figures" tabIndex={0} role="region" aria-label="The two compared">
        <table>
          <TableHead columns={COLUMNS} />
          {groupsOf(ways).map((group) => (
            <Figures key={group.title} group={group} />
          ))}
        </table>
        <p className="muted">
          Counted by the hypervisor from the domain’s first instruction until its console showed a prompt. Both started
          at the same time and share the host’s pCPUs.
        </p>
      </div>
    </div>
  );
}

/** Milliseconds of building and booting, as far as it has come. */
function lasted(way: Way): number {
  const built = way.built.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return built + (elapsed(way, "ready") ?? elapsed(way, "firstLine") ?? 0);
}

/** The steps of one boot, each behind the one before. */
function Story({ way, longest }: { way: Way; longest: number }) {
  const gone = useApp((state) => !state.domains.some(({ domid }) => domid === way.domid));
  const firstLine = elapsed(way, "firstLine");
  const ready = elapsed(way, "ready");
  const steps = [
    ...way.built.map(({ name, milliseconds }) => ({ name: `built: ${name}`, milliseconds })),
    ...(firstLine === null ? [] : [{ name: "boots, to its first line", milliseconds: firstLine }]),
    ...(firstLine === null || ready === null
      ? []
      : [{ name: "boots, until it is ready", milliseconds: ready - firstLine }]),
  ];
  let from = 0;
  return (
    <section className="card" aria-label={`The boot of ${way.name}`} data-ready={ready !== null}>
      <header className="card-header">
        <h3>{way.name}</h3>
        <span className="muted">
          {ready !== null ? `ready after ${valueText(ready, "ms")}` : gone ? "ended before it was ready" : "boots…"}
        </span>
        <span className="spacer" />
        <button type="button" onClick={() => show({ page: "domain", domid: way.domid, tab: "console" })}>
          Console
        </button>
      </header>
      <ol className="both-ways-steps">
        {steps.map(({ name, milliseconds }) => {
          const left = from;
          from += milliseconds;
          return (
            <li key={name}>
              <span>{name}</span>
              <span className="story-bar" aria-hidden>
                <span style={{ left: `${(100 * left) / longest}%`, width: `${(100 * milliseconds) / longest}%` }} />
              </span>
              <span className="story-time">{valueText(milliseconds, "ms")}</span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Figures({ group: { title, rows } }: { group: Group }) {
  return (
    <tbody>
      <tr className="both-ways-group">
        <th scope="rowgroup" colSpan={4}>
          {title}
        </th>
      </tr>
      {rows.map((row) => (
        <Figure key={row.label} row={row} />
      ))}
    </tbody>
  );
}

function Figure({ row }: { row: Row }) {
  const { label, term, values, unit, isPart } = row;
  const most = largest(row);
  return (
    <tr data-figure={label}>
      <th scope="row" className={isPart ? "both-ways-part" : ""}>
        {term ? <Term of={term}>{label}</Term> : label}
      </th>
      {values.map((value, i) => (
        <td key={i}>
          {valueText(value, unit)}
          <span className="both-ways-bar" aria-hidden>
            <span className={`both-ways-${i}`} style={{ width: `${most > 0 ? (100 * (value ?? 0)) / most : 0}%` }} />
          </span>
        </td>
      ))}
      <td className="muted">{differenceText(row)}</td>
    </tr>
  );
}
