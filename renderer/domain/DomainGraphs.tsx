import type { DomainInfo } from "../../core/api/schema.ts";
import type { DomainHistory } from "../../core/api/history/live.ts";
import type { LongHistory, LongRange } from "../state/long-history.ts";
import type { TermId } from "../glossary/terms.ts";
import { history } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { MOST_LINES, type LineStyle } from "../ui/graph-lines.ts";
import { Graph, type GraphLine } from "../ui/Graph.tsx";
import type { LongLine } from "../ui/long-columns.ts";
import { useMarkers } from "../ui/markers.ts";
import { EXIT_CAUSES } from "./exit-causes.ts";
import { LARGE_PIXELS, LongGraphs, metricLine, type LongGraphKind } from "./LongGraphs.tsx";
import { MoreGraphs } from "./MoreGraphs.tsx";
import { LongVcpuGraphs, VcpuGraphs } from "./VcpuGraphs.tsx";

/** The scale reaches a little beyond the most that a domain may have, so that the line of that maximum is visible. */
const MEMORY_ROOM = 1.08;

/** The graphs of a domain's last ten minutes. */
export function LiveGraphs({ domid, uuid, name }: Pick<DomainInfo, "domid" | "uuid" | "name">) {
  useApp((state) => state.tick);
  const markers = useMarkers(uuid);
  const figures = history.domains.get(domid);
  if (figures?.uuid !== uuid) return <Awaited />;
  type Kind = { title: string; term?: TermId; unit: string; max?: number; lines: GraphLine[] };
  const large: Kind[] = [
    vcpuGraph(figures),
    {
      title: "Memory",
      term: "balloon",
      unit: "MiB",
      max: MEMORY_ROOM * Math.max(...memoryLines(figures).map(({ series }) => largest(series.values))),
      lines: memoryLines(figures),
    },
    ...TRAFFIC.map(({ title, unit, lines }) => ({
      title,
      unit,
      lines: lines.map(([label, metric], i) => ({ label, series: figures[metric], color: i })),
    })).filter(({ lines }) => lines.some(({ series }) => series.values.some((value) => value > 0))),
  ];
  const others: Kind[] = [
    { title: "Exits", term: "exit", unit: "/s", lines: exitLines(figures) },
    {
      title: "Hypercalls",
      term: "hypercall",
      unit: "/s",
      lines: [{ label: "Hypercalls", series: figures.hypercalls }],
    },
    {
      title: "Events received",
      term: "events-received",
      unit: "/s",
      lines: [{ label: "Events", series: figures.events }],
    },
    { title: "Page faults", term: "page-fault", unit: "/s", lines: [{ label: "Faults", series: figures.pageFaults }] },
    { title: "Instructions", term: "mips", unit: "M/s", lines: [{ label: "Instructions", series: figures.mips }] },
  ];
  return (
    <>
      <div className="graphs graphs-large">
        {large.map((kind) => (
          <section key={kind.title} className="card">
            <Graph markers={markers} height={LARGE_PIXELS} {...kind} />
          </section>
        ))}
      </div>
      <MoreGraphs>
        <div className="graphs">
          {others.map((kind) => (
            <section key={kind.title} className="card">
              <Graph markers={markers} {...kind} />
            </section>
          ))}
        </div>
        <VcpuGraphs name={name} figures={figures} markers={markers} />
      </MoreGraphs>
    </>
  );
}

/** Has the size of the graphs that will replace it, so that nothing below moves when the first figures arrive. */
function Awaited() {
  return (
    <>
      <div className="graphs graphs-large" role="status">
        {["vCPUs", "Memory"].map((title) => (
          <section key={title} className="card graph-awaited">
            {title}: measuring…
          </section>
        ))}
      </div>
      <MoreGraphs>
        <p className="muted">Measuring…</p>
      </MoreGraphs>
    </>
  );
}

/** The traffic of disks and networks, shown if there was any. Directions are as the guest sees them. */
const TRAFFIC = [
  {
    title: "Disks",
    unit: "B/s",
    lines: [
      ["read", "diskRead"],
      ["written", "diskWritten"],
    ],
  },
  {
    title: "Network",
    unit: "B/s",
    lines: [
      ["received", "netReceived"],
      ["sent", "netSent"],
    ],
  },
] as const;

function largest(values: Iterable<number | null>): number {
  let found = 1;
  for (const value of values) if (value !== null && value > found) found = value;
  return found;
}

/** Draws a line for each vCPU while lines can be told apart. With more vCPUs it draws their sum, and each has its own graph below. */
function vcpuGraph({ cpu, vcpus }: DomainHistory): {
  title: string;
  term?: TermId;
  unit: string;
  max: number;
  lines: GraphLine[];
} {
  if (vcpus.length > MOST_LINES)
    return {
      title: `CPU, all ${vcpus.length} vCPUs`,
      unit: "%",
      max: 100,
      lines: [{ label: "CPU", series: cpu }],
    };
  const lines = vcpus.map((series, i) => ({ label: `vCPU ${i}`, series }));
  return { title: "vCPUs", term: "vcpu", unit: "%", max: 100, lines };
}

function memoryLines({ memory, memoryTarget, memoryMax }: DomainHistory): GraphLine[] {
  const lines = [
    { label: "has", series: memory },
    { label: "target", series: memoryTarget, color: 1, dashed: true },
    { label: "maximum", series: memoryMax, color: 3, dashed: true },
  ];
  return lines.filter(({ series }, i) => i === 0 || series.values.some(Number.isFinite));
}

/** Draws all exits, and each cause that occurred. */
function exitLines({ exits, exitsByCause }: DomainHistory): GraphLine[] {
  const causes = exitsByCause.map((series, i) => ({
    label: EXIT_CAUSES[i]?.label ?? `exit ${i}`,
    series,
    color: EXIT_CAUSES[i]?.color ?? 0,
  }));
  return [{ label: "all", series: exits }, ...causes.filter(({ series }) => series.values.some((value) => value > 0))];
}

/** The last hour or day of a domain that exists or existed. */
export function DomainLongGraphs({ uuid, name, range }: Pick<DomainInfo, "uuid" | "name"> & { range: LongRange }) {
  return (
    <LongGraphs of={uuid} range={range} kinds={longKinds}>
      {(kept) => <LongVcpuGraphs name={name} history={kept} range={range} />}
    </LongGraphs>
  );
}

function longKinds(kept: LongHistory): LongGraphKind[] {
  const vcpus = kept.vcpus.length;
  const mean = (metric: string): (number | null)[] => kept.metrics.get(metric)?.mean ?? [];
  const memoryTop = Math.max(...["memory", "memoryTarget", "memoryMax"].map((metric) => largest(mean(metric))));
  const perVcpu: LongGraphKind = {
    title: "vCPUs",
    term: "vcpu",
    large: true,
    unit: "%",
    max: 100,
    lines: () => kept.vcpus.map(({ running }, i) => ({ label: `vCPU ${i}`, series: { mean: running } })),
  };
  const together: LongGraphKind = {
    title: "CPU, all vCPUs",
    unit: "%",
    max: 100,
    lines: perVcpuLine("cpu", { label: "CPU" }),
  };
  const each = vcpus > 1 && vcpus <= MOST_LINES;
  return [
    ...(each ? [perVcpu, together] : [{ ...together, large: true as const }]),
    {
      title: "Memory",
      term: "balloon",
      unit: "MiB",
      large: true,
      max: MEMORY_ROOM * memoryTop,
      lines: longMemoryLines,
    },
    ...TRAFFIC.map(({ title, unit, lines }) => ({
      title,
      unit,
      large: true as const,
      lines: (all: LongHistory) => lines.flatMap(([label, metric], color) => metricLine(metric, { label, color })(all)),
    })).filter(({ lines }) => lines(kept).some(({ series }) => series.mean.some((value) => (value ?? 0) > 0))),
    {
      title: "Waiting for a pCPU, all vCPUs",
      term: "runstate-runnable",
      unit: "%",
      max: 100,
      lines: perVcpuLine("runnable", { label: "waiting" }),
    },
    { title: "Exits", term: "exit", unit: "/s", lines: longExitLines },
    { title: "Hypercalls", term: "hypercall", unit: "/s", lines: metricLine("hypercalls", { label: "Hypercalls" }) },
    { title: "Events received", term: "events-received", unit: "/s", lines: metricLine("events", { label: "Events" }) },
    { title: "Page faults", term: "page-fault", unit: "/s", lines: metricLine("pageFaults", { label: "Faults" }) },
    { title: "Instructions", term: "mips", unit: "M/s", lines: metricLine("mips", { label: "Instructions" }) },
  ];
}

/** The history holds percent of one pCPU. It is shown, as everywhere, in percent of what the vCPUs can have. */
function perVcpuLine(metric: string, style: LineStyle): (kept: LongHistory) => LongLine[] {
  return (kept) => {
    const vcpus = Math.max(1, kept.vcpus.length);
    const share = (values: (number | null)[]): (number | null)[] =>
      values.map((value) => (value === null ? null : Math.min(100, value / vcpus)));
    const series = kept.metrics.get(metric);
    if (!series) return [];
    const { least, mean, largest } = series;
    return [{ ...style, series: { least: share(least), mean: share(mean), largest: share(largest) } }];
  };
}

function longMemoryLines(kept: LongHistory): LongLine[] {
  const lines = [
    ...metricLine("memory", { label: "has" })(kept),
    ...metricLine("memoryTarget", { label: "target", color: 1, dashed: true })(kept),
    ...metricLine("memoryMax", { label: "maximum", color: 3, dashed: true })(kept),
  ];
  return lines.filter(({ series }, i) => i === 0 || series.mean.some((value) => value !== null));
}

function longExitLines(kept: LongHistory): LongLine[] {
  const causes = EXIT_CAUSES.flatMap(({ metric, label, color }) =>
    metric === null ? [] : metricLine(metric, { label, color })(kept),
  );
  const all = kept.times.map((_, i) =>
    causes.reduce<number | null>((sum, { series }) => {
      const value = series.mean[i] ?? null;
      return value === null ? sum : (sum ?? 0) + value;
    }, null),
  );
  const known = causes.filter(({ series }) => series.mean.some((value) => value !== null && value > 0));
  // Only means are drawn: the least and largest values of each cause are not those of a sum.
  return [
    { label: "all", series: { mean: all } },
    ...known.map((line) => ({ ...line, series: { mean: line.series.mean } })),
  ];
}
