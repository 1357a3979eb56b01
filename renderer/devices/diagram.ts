/** The wiring as nodes and edges for the graph library; their places are computed anew only when devices come or go. */
import { Graph, layout } from "@dagrejs/dagre";
import type { Edge, Node } from "@xyflow/react";
import { rateText, xenbusState } from "./figures.ts";
import { usedOf, type DeviceSample } from "./samples.ts";

export type Part = "frontend" | "ring" | "channel" | "grant" | "backend" | "behind";

export interface Bar {
  label: string;
  /** 0 to 1; null when the guest's indices make no sense. */
  share: number | null;
  text: string;
}
export interface PartData extends Record<string, unknown> {
  part: Part;
  title: string;
  lines: string[];
  bars: Bar[];
  /** Something is wrong with it. */
  wrong: boolean;
}
export interface BoxData extends Record<string, unknown> {
  title: string;
}
export type PartNode = Node<PartData, "part">;
export type BoxNode = Node<BoxData, "box">;

const WIDTH = 190;
const HEIGHTS: Record<Part, number> = { frontend: 62, ring: 70, channel: 62, grant: 46, backend: 62, behind: 62 };
const PADDING = 14;
const TITLE = 26;

export function idOf(key: string, part: Part): string {
  return `${key}:${part}`;
}

type Places = Map<string, { x: number; y: number }>;
let placedFor = "";
let placed: Places = new Map();

/** From left to right: frontend; ring, event channel and grant; backend; what lies behind it. */
function places(keys: readonly string[]): Places {
  if (placedFor === keys.join()) return placed;
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", ranksep: 76, nodesep: 12, edgesep: 0, marginx: PADDING, marginy: PADDING + TITLE });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const key of keys) {
    for (const part of Object.keys(HEIGHTS) as Part[])
      graph.setNode(idOf(key, part), { width: WIDTH, height: HEIGHTS[part] });
    for (const middle of ["ring", "channel", "grant"] as const) {
      graph.setEdge(idOf(key, "frontend"), idOf(key, middle));
      graph.setEdge(idOf(key, middle), idOf(key, "backend"));
    }
    graph.setEdge(idOf(key, "backend"), idOf(key, "behind"));
  }
  layout(graph);
  placedFor = keys.join();
  placed = new Map(
    graph.nodes().map((id) => {
      const { x, y, width, height } = graph.node(id) as { x: number; y: number; width: number; height: number };
      return [id, { x: x - width / 2, y: y - height / 2 }];
    }),
  );
  return placed;
}

export function nodesOf(samples: readonly DeviceSample[], selected: string | null): (PartNode | BoxNode)[] {
  const at = places(samples.map(({ key }) => key));
  const parts = samples.flatMap((sample) =>
    partsOf(sample).map((data): PartNode => {
      const id = idOf(sample.key, data.part);
      return {
        id,
        type: "part",
        position: at.get(id)!,
        width: WIDTH,
        height: HEIGHTS[data.part],
        data,
        selected: id === selected,
        ariaLabel: [data.title, ...data.lines, ...data.bars.map(({ label, text }) => `${label} ${text}`)].join(", "),
      };
    }),
  );
  return [...boxesOf(samples, at), ...parts];
}

/** Around what belongs to a domain. */
function boxesOf(samples: readonly DeviceSample[], at: Places): BoxNode[] {
  const domains = new Map<string, { title: string; ids: [string, Part][] }>();
  const add = (id: string, title: string, nodes: [string, Part][]): void => {
    const box = domains.get(id);
    if (box) box.ids.push(...nodes);
    else domains.set(id, { title, ids: nodes });
  };
  for (const { key, wiring } of samples) {
    add(`domain ${wiring.domid}`, `${wiring.name}, domid ${wiring.domid}`, [[idOf(key, "frontend"), "frontend"]]);
    add("domain 0", "Domain-0", [
      [idOf(key, "backend"), "backend"],
      [idOf(key, "behind"), "behind"],
    ]);
    add("xen", "shared memory and Xen", [
      [idOf(key, "ring"), "ring"],
      [idOf(key, "channel"), "channel"],
      [idOf(key, "grant"), "grant"],
    ]);
  }
  return [...domains].map(([id, { title, ids }]) => {
    const rectangles = ids.map(([node, part]) => ({ ...at.get(node)!, height: HEIGHTS[part] }));
    const left = Math.min(...rectangles.map(({ x }) => x)) - PADDING;
    const top = Math.min(...rectangles.map(({ y }) => y)) - PADDING - TITLE;
    const right = Math.max(...rectangles.map(({ x }) => x + WIDTH)) + PADDING;
    const bottom = Math.max(...rectangles.map(({ y, height }) => y + height)) + PADDING;
    return {
      id,
      type: "box",
      position: { x: left, y: top },
      width: right - left,
      height: bottom - top,
      data: { title },
      selectable: false,
      focusable: false,
      zIndex: -1,
    };
  });
}

function partsOf({ wiring, toBackend, toFrontend, bytes }: DeviceSample): PartData[] {
  const { kind, ring, frontendPort, backendPort, grant, grantRef, behind, backendState, halted } = wiring;
  const isConsole = kind === "console";
  const bars = ring.directions.map((direction): Bar => {
    const used = usedOf(direction);
    return {
      label: direction.name,
      share: used === null ? null : used / direction.size,
      text: used === null ? "nonsense" : `${used} of ${direction.size} B`,
    };
  });
  const data = (part: Part, title: string, lines: string[], rest: Partial<PartData> = {}): PartData => ({
    part,
    title,
    lines,
    bars: [],
    wrong: false,
    ...rest,
  });
  return [
    data("frontend", isConsole ? "Console frontend" : "xenstore client", [
      frontendPort ? `port ${frontendPort.port}${bitsOf(frontendPort)}` : "port closed",
      ...(halted === null ? [] : [halted]),
    ]),
    data("ring", `${isConsole ? "Console" : "xenstore"} ring`, [], {
      bars,
      wrong: bars.some(({ share }) => share === null) || (ring.error ?? 0) !== 0,
    }),
    data(
      "channel",
      "Event channel",
      [
        frontendPort && backendPort ? `${frontendPort.port} ⇄ ${backendPort.port}, ${backendPort.state}` : "closed",
        `kicks ${rateText(toBackend)} in, ${rateText(toFrontend)} out`,
      ],
      { wrong: backendPort?.state !== "interdomain" },
    ),
    data("grant", `Grant ${grantRef}`, [grant ? `mfn ${grant.mfn}, ${grantUse(grant)}` : "revoked"], {
      wrong: grant === null,
    }),
    data("backend", isConsole ? "Console backend" : "xenstored", [
      backendPort ? `port ${backendPort.port}${bitsOf(backendPort)}` : "port closed",
      ...(backendState !== null ? [xenbusState(backendState)] : []),
    ]),
    behind.kind === "log"
      ? data("behind", "Console log", [
          `${behind.streamBytes} B written`,
          `${rateText(bytes.out ?? NaN, "B/s")}, ${behind.waitingInput} B typed ahead`,
        ])
      : data("behind", "The store", [
          `${counted(behind.nodes, "node")}, ${counted(behind.watches, "watch", "es")}`,
          counted(behind.requests, "request"),
        ]),
  ];
}

function counted(count: number, what: string, plural = "s"): string {
  return `${count} ${what}${count === 1 ? "" : plural}`;
}
function bitsOf({ pending, masked }: { pending: boolean; masked: boolean }): string {
  return `${pending ? ", pending" : ""}${masked ? ", masked" : ""}`;
}
function grantUse({ reading, writing }: { reading: boolean; writing: boolean }): string {
  return writing || reading ? "mapped" : "not mapped";
}

export function edgesOf(samples: readonly DeviceSample[]): Edge[] {
  return samples.flatMap((sample) => {
    const { key, wiring, bytes, toBackend, toFrontend } = sample;
    const ids = (part: Part): string => idOf(key, part);
    const edge = (from: Part, to: Part, lane: "forth" | "back" | "", rate: number, unit: "/s" | "B/s"): Edge => {
      const flows = rate > 0;
      return {
        id: `${ids(from)}>${to}`,
        source: ids(from),
        target: ids(to),
        sourceHandle: `${lane}-source`,
        targetHandle: `${lane}-target`,
        className: flows ? "flows" : "still",
        focusable: false,
        selectable: false,
        ...(flows && { label: rateText(rate, unit) }),
      };
    };
    const [forth, back] = wiring.ring.directions.map(({ name }) => bytes[name] ?? NaN) as [number, number];
    const behind = Number.isFinite(forth) && Number.isFinite(back) ? forth + back : NaN;
    return [
      edge("frontend", "ring", "forth", forth, "B/s"),
      edge("ring", "backend", "forth", forth, "B/s"),
      edge("backend", "ring", "back", back, "B/s"),
      edge("ring", "frontend", "back", back, "B/s"),
      edge("frontend", "channel", "forth", toBackend, "/s"),
      edge("channel", "backend", "forth", toBackend, "/s"),
      edge("backend", "channel", "back", toFrontend, "/s"),
      edge("channel", "frontend", "back", toFrontend, "/s"),
      edge("frontend", "grant", "", NaN, "/s"),
      edge("grant", "backend", "", NaN, "/s"),
      edge("backend", "behind", "", behind, "B/s"),
    ];
  });
}

/** What is as it was is the same object as before: the graph library draws only what changed. */
export class Kept<T extends { id: string }> {
  #before = new Map<string, { text: string; value: T }>();

  of(values: readonly T[]): T[] {
    const now = new Map<string, { text: string; value: T }>();
    for (const value of values) {
      const text = JSON.stringify(value);
      const before = this.#before.get(value.id);
      now.set(value.id, before?.text === text ? before : { text, value });
    }
    this.#before = now;
    return [...now.values()].map(({ value }) => value);
  }
}
