/**
 * One kernel started as a PV and as a PVH domain, and what the hypervisor had counted of each at the same points of its boot. The last such pair; it
 * is known until the next power-on of the host, or a reload of the window.
 */
import { create } from "zustand";
import { withValue } from "../../core/api/config-text.ts";
import type { DomainCounts } from "../../core/api/schema.ts";
import { onConsole, request } from "../state/session.ts";
import { useApp } from "../state/store.ts";

export const WAYS = ["pv", "pvh"] as const;
export type WayType = (typeof WAYS)[number];

/** Where in its boot a domain was counted. */
export type Point = "begun" | "firstLine" | "ready";

export interface Way {
  type: WayType;
  name: string;
  domid: number;
  /** How long its builder took, by step. */
  built: readonly { name: string; milliseconds: number }[];
  /** null until it has come there. */
  counts: Readonly<Record<Point, DomainCounts | null>>;
}

export interface Pair {
  /** Of the file. */
  kernel: string;
  /** The host's power cycle in which the two run. */
  cycle: string | null;
  ways: readonly [Way, Way];
}

export const useBothWays = create<{ pair: Pair | null }>()(() => ({ pair: null }));

/** A prompt for a login, a shell's alone on its line, or what the tests' RAM disks say. */
const READY = /login: *$|^[\w.@:~/-]*[#$>] ?(\x1b\[6n)?$|^GUEST-READY/m;
/** Characters of a console that are looked at: a prompt comes in pieces. */
const MOST_TEXT = 1024;

/** The xl.cfg of one of the two: under a name of its own, with a UUID of its own. */
export function configOf(text: string, name: string, type: WayType): string {
  const values: [key: string, value: string | null][] = [
    ["name", wayName(name, type)],
    ["type", type],
    ["builder", null],
    ["uuid", null],
  ];
  return values.reduce((config, [key, value]) => withValue(config, key, value), text);
}
export function wayName(name: string, type: WayType): string {
  return `${name}-${type}`;
}

/** Starts both at once. Rejects with what the host says of the one that can't be; the other is gone then. */
export async function startBothWays(
  { text, name, kernel }: { text: string; name: string; kernel: string },
  files: Record<string, string>,
): Promise<void> {
  const ways: Way[] = [];
  try {
    for (const type of WAYS) {
      const { domid, timings } = await request("create", {
        config: configOf(text, name, type),
        configName: "New domain",
        files,
        paused: true,
      });
      const counts = { begun: null, firstLine: null, ready: null };
      ways.push({ type, name: wayName(name, type), domid, built: timings, counts });
    }
    await Promise.all(ways.map(({ domid }) => request("consoleAttach", { domid })));
  } catch (error) {
    for (const { domid } of ways) void request("destroy", { domid }).catch(() => {});
    throw error;
  }
  const cycle = useApp.getState().host?.cycle ?? null;
  useBothWays.setState({ pair: { kernel, cycle, ways: ways as [Way, Way] } });
  follow(ways);
  for (const { domid } of ways) await measure(domid, "begun");
  await Promise.all(ways.map(({ domid }) => request("unpause", { domid })));
}

let ignore: () => void = () => {};

/** Hears the consoles of the two until both are ready, or others have taken their place. */
function follow(ways: readonly Way[]): void {
  ignore();
  const texts = new Map(ways.map(({ domid }) => [domid, ""]));
  const reached = new Map(ways.map(({ domid }) => [domid, new Set<Point>()]));
  const decoder = new TextDecoder("latin1");
  const reach = (domid: number, point: Point): void => {
    const points = reached.get(domid)!;
    if (points.has(point)) return;
    points.add(point);
    void measure(domid, point);
    if ([...reached.values()].every((each) => each.has("ready"))) ignore();
  };
  ignore = onConsole(({ domid, bytes }) => {
    const before = texts.get(domid);
    if (before === undefined) return;
    const text = (before + decoder.decode(bytes).replaceAll("\r", "")).slice(-MOST_TEXT);
    texts.set(domid, text);
    if (text.includes("\n")) reach(domid, "firstLine");
    if (READY.test(text)) reach(domid, "ready");
  });
}

/** Asks for the counts of now; a domain that is gone has none. */
async function measure(domid: number, point: Point): Promise<void> {
  const counts = await request("domainCounts", { domid }).catch(() => null);
  useBothWays.setState(({ pair }) => {
    if (!pair) return {};
    const ways = pair.ways.map((way) =>
      way.domid === domid ? { ...way, counts: { ...way.counts, [point]: counts } } : way,
    );
    return { pair: { ...pair, ways: ways as unknown as [Way, Way] } };
  });
}

/** Whether a kernel's file says that it starts both ways. */
export function startsBothWays(notes: readonly { name: string }[]): boolean {
  const names = new Set(notes.map(({ name }) => name));
  const isPv = ["ENTRY", "HYPERCALL_PAGE", "VIRT_BASE"].some((name) => names.has(name));
  return isPv && names.has("PHYS32_ENTRY");
}
