/** The wiring as nodes and edges for the graph library. Their places are computed again only when devices come or go. */
import { Graph, layout } from "@dagrejs/dagre";
import type { Edge, Node } from "@xyflow/react";
import type { DeviceFigure, DeviceWiring, PortWiring } from "../../core/api/schema.ts";
import { rateText, rateUnit, xenbusState, type RateUnit } from "./figures.ts";
import { usedOf, type DeviceSample, type RingSample } from "./samples.ts";

export type Part = "frontend" | "ring" | "channel" | "grant" | "backend" | "behind";
const ENDS = ["frontend", "backend", "behind"] as const;
const MIDDLES = ["ring", "channel", "grant"] as const;

export interface Bar {
  label: string;
  /** From 0 to 1; null when the guest's indices make no sense. */
  share: number | null;
  text: string;
}
export interface PartData extends Record<string, unknown> {
  part: Part;
  /** The number of the device's ring that it belongs to. */
  ring: number;
  title: string;
  lines: string[];
  bars: Bar[];
  /** Whether something is wrong with it. */
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

/** `ring` is the number of the device's ring, for a part that belongs to one. */
export function idOf(key: string, part: Part, ring = 0): string {
  return `${key}:${part}${ring === 0 ? "" : `.${ring}`}`;
}
export function partOf(id: string | null): { key: string; part: Part; ring: number } | null {
  const match = id === null ? null : /^(.*):([a-z]+)(?:\.(\d+))?$/.exec(id);
  return match && { key: match[1]!, part: match[2] as Part, ring: Number(match[3] ?? 0) };
}

type Places = Map<string, { x: number; y: number }>;
let placedFor = "";
let placed: Places = new Map();

/** Lays the parts out from left to right: the frontend; the rings with their event channels and grants; the backend; and what lies behind it. */
function places(samples: readonly DeviceSample[]): Places {
  const shape = samples.map(({ key, rings }) => `${key} ${rings.length}`).join();
  if (placedFor === shape) return placed;
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", ranksep: 76, nodesep: 12, edgesep: 0, marginx: PADDING, marginy: PADDING + TITLE });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { key, rings } of samples) {
    for (const part of ENDS) graph.setNode(idOf(key, part), { width: WIDTH, height: HEIGHTS[part] });
    // They are as far apart as if there were a ring between them.
    graph.setEdge(idOf(key, "frontend"), idOf(key, "backend"), { minlen: 2 });
    rings.forEach((_, i) => {
      for (const middle of MIDDLES) {
        graph.setNode(idOf(key, middle, i), { width: WIDTH, height: HEIGHTS[middle] });
        graph.setEdge(idOf(key, "frontend"), idOf(key, middle, i));
        graph.setEdge(idOf(key, middle, i), idOf(key, "backend"));
      }
    });
    graph.setEdge(idOf(key, "backend"), idOf(key, "behind"));
  }
  layout(graph);
  placedFor = shape;
  placed = new Map(
    graph.nodes().map((id) => {
      const { x, y, width, height } = graph.node(id) as { x: number; y: number; width: number; height: number };
      return [id, { x: x - width / 2, y: y - height / 2 }];
    }),
  );
  return placed;
}

export function nodesOf(samples: readonly DeviceSample[], selected: string | null): (PartNode | BoxNode)[] {
  const at = places(samples);
  const parts = samples.flatMap((sample) =>
    partsOf(sample).map((data): PartNode => {
      const id = idOf(sample.key, data.part, data.ring);
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

/** Returns the boxes around the parts of each domain. */
function boxesOf(samples: readonly DeviceSample[], at: Places): BoxNode[] {
  const domains = new Map<string, { title: string; ids: [string, Part][] }>();
  const add = (id: string, title: string, nodes: [string, Part][]): void => {
    const box = domains.get(id);
    if (box) box.ids.push(...nodes);
    else domains.set(id, { title, ids: nodes });
  };
  for (const { key, wiring, rings } of samples) {
    add(`domain ${wiring.domid}`, `${wiring.name}, domid ${wiring.domid}`, [[idOf(key, "frontend"), "frontend"]]);
    add(`domain ${wiring.backendDomid}`, wiring.backendName, [
      [idOf(key, "backend"), "backend"],
      [idOf(key, "behind"), "behind"],
    ]);
    if (rings.length > 0)
      add(
        "xen",
        "shared memory and Xen",
        rings.flatMap((_, i) => MIDDLES.map((middle): [string, Part] => [idOf(key, middle, i), middle])),
      );
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

function partData(part: Part, title: string, lines: string[], rest: Partial<PartData> = {}): PartData {
  return { part, ring: 0, title, lines, bars: [], wrong: false, ...rest };
}

function partsOf({ wiring, rings }: DeviceSample): PartData[] {
  const { frontendTitle, backendTitle, behind, frontendState, backendState, halted, problem } = wiring;
  const [first] = wiring.rings;
  const ends = (port: PortWiring | null | undefined, state: string | null): string[] => [
    ...(first ? [port ? `port ${port.port}${bitsOf(port)}` : "port closed"] : ["not connected"]),
    ...(state === null ? [] : [xenbusState(state)]),
  ];
  return [
    partData("frontend", frontendTitle, [
      ...ends(first?.frontendPort, frontendState).slice(0, halted === null ? 2 : 1),
      ...(halted === null ? [] : [halted]),
    ]),
    ...rings.flatMap((ring, i) => ringParts(wiring, ring, i)),
    partData("backend", backendTitle, ends(first?.backendPort, backendState), { wrong: problem !== null }),
    partData(
      "behind",
      behind?.title ?? "Not known here",
      behind?.figures.slice(0, 2).map(figureText) ?? ["another domain’s backend"],
    ),
  ];
}

function ringParts(
  { title, rings: { length } }: DeviceWiring,
  { wiring, toBackend, toFrontend }: RingSample,
  ring: number,
): PartData[] {
  const { frontendPort, backendPort, frames, grants, unit, error, name } = wiring;
  const bars = wiring.directions.map((direction): Bar => {
    const used = usedOf(direction);
    return {
      label: direction.name,
      share: used === null ? null : used / direction.size,
      text: used === null ? "nonsense" : `${used} of ${direction.size}${unit === "bytes" ? " B" : ""}`,
    };
  });
  const [grant] = grants;
  return [
    partData("ring", length > 1 ? `${title} ${name}` : `${title} ring`, [], {
      ring,
      bars,
      wrong: bars.some(({ share }) => share === null) || (error ?? 0) !== 0,
    }),
    partData(
      "channel",
      "Event channel",
      [
        frontendPort && backendPort ? `${frontendPort.port} ⇄ ${backendPort.port}, ${backendPort.state}` : "closed",
        `kicks ${rateText(toBackend)} in, ${rateText(toFrontend)} out`,
      ],
      { ring, wrong: backendPort?.state !== "interdomain" },
    ),
    partData(
      "grant",
      !grant
        ? "No grant"
        : grants.length === 1
          ? `Grant ${grant.ref}`
          : `Grants ${grants.map(({ ref }) => ref).join(", ")}`,
      [
        !grant
          ? `mfn ${frames.join(", ")}, by its number`
          : grant.grant
            ? `mfn ${grant.grant.mfn}, ${grantUse(grant.grant)}`
            : "revoked",
      ],
      { ring, wrong: grants.some((each) => each.grant === null) },
    ),
  ];
}

export function figureText({ label, value, unit }: DeviceFigure): string {
  return `${label}: ${value}${unit === "bytes" ? " B" : unit && ` ${unit}`}`;
}

function bitsOf({ pending, masked }: { pending: boolean; masked: boolean }): string {
  return `${pending ? ", pending" : ""}${masked ? ", masked" : ""}`;
}
function grantUse({ reading, writing }: { reading: boolean; writing: boolean }): string {
  return writing || reading ? "mapped" : "not mapped";
}

export function edgesOf(samples: readonly DeviceSample[]): Edge[] {
  return samples.flatMap(({ key, rings }) => {
    const edge = (from: string, to: string, lane: "forth" | "back" | "", rate: number, unit: RateUnit): Edge => {
      const flows = rate > 0;
      return {
        id: `${from}>${to.slice(key.length + 1)}`,
        source: from,
        target: to,
        sourceHandle: `${lane}-source`,
        targetHandle: `${lane}-target`,
        className: flows ? "flows" : "still",
        focusable: false,
        selectable: false,
        ...(flows && { label: rateText(rate, unit) }),
      };
    };
    const [frontend, backend] = [idOf(key, "frontend"), idOf(key, "backend")];
    let all = 0;
    const middles = rings.flatMap(({ wiring, flow, toBackend, toFrontend }, i) => {
      const [ring, channel, grant] = MIDDLES.map((middle) => idOf(key, middle, i)) as [string, string, string];
      const unit = rateUnit(wiring.unit);
      const [forth, back] = wiring.directions.map(({ name }) => flow[name] ?? NaN) as [number, number];
      all += forth + back;
      return [
        edge(frontend, ring, "forth", forth, unit),
        edge(ring, backend, "forth", forth, unit),
        edge(backend, ring, "back", back, unit),
        edge(ring, frontend, "back", back, unit),
        edge(frontend, channel, "forth", toBackend, "/s"),
        edge(channel, backend, "forth", toBackend, "/s"),
        edge(backend, channel, "back", toFrontend, "/s"),
        edge(channel, frontend, "back", toFrontend, "/s"),
        edge(frontend, grant, "", NaN, "/s"),
        edge(grant, backend, "", NaN, "/s"),
      ];
    });
    const behind = edge(backend, idOf(key, "behind"), "", all, rateUnit(rings[0]?.wiring.unit ?? ""));
    return [...(rings.length ? middles : [edge(frontend, backend, "", NaN, "/s")]), behind];
  });
}

/** Returns the same object as before for a part that has not changed, because the graph library draws only new objects. */
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
