/** What is compared of the two: a row for each figure, of what the hypervisor has counted between the start of a domain and a point of its boot. */
import { ACCESSES, FIRST_ACCESS, HYPERCALLS } from "../../core/api/trace/names.ts";
import type { DomainCounts } from "../../core/api/schema.ts";
import { EXIT_CAUSES } from "../domain/exit-causes.ts";
import type { TermId } from "../glossary/terms.ts";
import type { Way } from "./run.ts";

export interface Row {
  label: string;
  term?: TermId;
  /** Milliseconds, or how often; null: it has not come so far. */
  values: readonly [number | null, number | null];
  unit: "ms" | "count";
  /** Part of the row above that is not. */
  isPart: boolean;
}
export interface Group {
  title: string;
  rows: Row[];
}

type Figure = (counts: DomainCounts) => number;
/** Hypercalls that are named one by one; of the others each is little. */
const MOST_CALLS = 12;

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

export function groupsOf(ways: readonly [Way, Way]): Group[] {
  const [pv, pvh] = ways;
  /** At the end of its boot, without what was counted before it began. */
  const difference = (way: Way, figure: Figure): number | null => {
    const { begun, ready } = way.counts;
    return begun && ready ? figure(ready) - figure(begun) : null;
  };
  const count = (label: string, figure: Figure, more: Partial<Row> = {}): Row => ({
    label,
    values: [difference(pv, figure), difference(pvh, figure)],
    unit: "count",
    isPart: false,
    ...more,
  });
  const parts = (labels: readonly (readonly [label: string, figure: Figure])[]): Row[] =>
    labels
      .map(([label, figure]) => count(label, figure, { isPart: true }))
      .filter(({ values }) => values.some(Boolean));
  const calls = parts(
    Array.from({ length: FIRST_ACCESS }, (_, number) => [
      HYPERCALLS.get(number) ?? `hypercall ${number}`,
      ({ calls: all }: DomainCounts) => all[number] ?? 0,
    ]),
  ).sort((a, b) => largest(b) - largest(a));
  return [
    {
      title: "Time",
      rows: [
        { label: "Building the domain", values: [building(pv), building(pvh)], unit: "ms", isPart: false },
        {
          label: "First line on its console",
          values: [elapsed(pv, "firstLine"), elapsed(pvh, "firstLine")],
          unit: "ms",
          isPart: false,
        },
        { label: "Ready", values: [elapsed(pv, "ready"), elapsed(pvh, "ready")], unit: "ms", isPart: false },
        count("Its vCPUs ran for", ({ cpuTime }) => cpuTime / 1e6, { unit: "ms" }),
      ],
    },
    {
      title: "Until it was ready",
      rows: [
        count("Instructions", ({ instructions }) => instructions),
        count("Page faults", ({ pageFaults }) => pageFaults),
        count("Events", ({ events }) => events, { term: "event-channel" }),
      ],
    },
    {
      title: "Exits to the hypervisor",
      rows: [
        count("All", ({ exits }) => sum(exits)),
        ...parts(EXIT_CAUSES.map(({ label }, cause) => [label, ({ exits }: DomainCounts) => exits[cause] ?? 0])),
      ],
    },
    {
      title: "Hypercalls",
      rows: [count("All", ({ hypercalls }) => hypercalls, { term: "hypercall" }), ...calls.slice(0, MOST_CALLS)],
    },
    {
      title: "Ports and devices",
      rows: [
        count("All", ({ calls: all }) => sum(all.slice(FIRST_ACCESS)), { term: "access" }),
        ...parts([...ACCESSES].map(([number, label]) => [label, ({ calls: all }: DomainCounts) => all[number] ?? 0])),
      ],
    },
  ];
}

function building({ built }: Way): number {
  return sum(built.map(({ milliseconds }) => milliseconds));
}

/** From its first instruction on. */
export function elapsed({ counts }: Way, point: "firstLine" | "ready"): number | null {
  const [from, to] = [counts.begun, counts[point]];
  return from && to ? (to.time - from.time) / 1e6 : null;
}

export function largest({ values }: Row): number {
  return Math.max(...values.map((value) => value ?? 0));
}

/** As a person reads it: "812 ms", "12,345". */
export function valueText(value: number | null, unit: Row["unit"]): string {
  if (value === null) return "–";
  if (unit === "count") return Math.round(value).toLocaleString("en");
  return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** What the two figures say beside each other. */
export function differenceText({ values: [pv, pvh], unit }: Row): string {
  if (pv === null || pvh === null) return "";
  if (pv === 0 || pvh === 0) return pv === pvh ? "none" : `${pv > 0 ? "PV" : "PVH"} only`;
  const [more, ratio] = pv > pvh ? ["PV", pv / pvh] : ["PVH", pvh / pv];
  if (ratio < 1.05) return "the same";
  return `${more} ${ratio < 10 ? ratio.toFixed(1) : Math.round(ratio).toLocaleString("en")} times as ${unit === "ms" ? "long" : "many"}`;
}
