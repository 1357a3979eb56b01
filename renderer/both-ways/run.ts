/**
 * One kernel started as a PV and as a PVH domain, and what the hypervisor had counted of each at the same points of its boot. The last such pair; it
 * is known until the next power-on of the host, or a reload of the window.
 */
import { create } from "zustand";
import { withValue } from "../../core/api/config-text.ts";
import type { DomainCounts } from "../../core/api/schema.ts";
import { createUntil } from "../create/cancellable.ts";
import { say } from "../state/messages.ts";
import { onConsole, request, sentence } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { isReady, withMore } from "./boot-text.ts";
import { WAYS, pairNames, whyNotTwice, type WayType } from "./twice.ts";

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

/** The xl.cfg of one of the two: under a name of its own, with a UUID of its own. */
function configOf(text: string, name: string, type: WayType): string {
  const values: [key: string, value: string | null][] = [
    ["name", name],
    ["type", type],
    ["builder", null],
    ["uuid", null],
  ];
  return values.reduce((config, [key, value]) => withValue(config, key, value), text);
}

interface Draft {
  text: string;
  /** What the names of the two are made from. A domain of this very name does not matter. */
  name: string;
  /** The name of the kernel's file. */
  kernel: string;
  files: Record<string, string>;
}

/**
 * Starts both at once. Rejects, when nothing has been done, with a sentence if two domains can't have what the configuration says. Rejects with what
 * the host says if one of them can't be started, or if the signal is aborted; by then both are destroyed and their definitions are in the bin.
 */
export async function startBothWays(draft: Draft, signal: AbortSignal): Promise<void> {
  await checkBothWays(draft);
  const names = await freeNames(draft.name);
  const before = useBothWays.getState().pair;
  const made: { domid: number; uuid: string }[] = [];
  const warnings = new Set<string>();
  try {
    const ways: Way[] = [];
    for (const type of WAYS) {
      const name = names[type];
      const config = configOf(draft.text, name, type);
      const given = { config, configName: "New domain", files: draft.files, paused: true };
      const result = await createUntil(signal, name, given);
      made.push(result);
      for (const { message } of result.warnings) warnings.add(message);
      const counts = { begun: null, firstLine: null, ready: null };
      ways.push({ type, name, domid: result.domid, built: result.timings, counts });
    }
    await Promise.all(ways.map(({ domid }) => request("consoleAttach", { domid })));
    const cycle = useApp.getState().host?.cycle ?? null;
    useBothWays.setState({ pair: { kernel: draft.kernel, cycle, ways: ways as [Way, Way] } });
    follow(ways);
    for (const { domid } of ways) await measure(domid, "begun");
    signal.throwIfAborted();
    await Promise.all(ways.map(({ domid }) => request("unpause", { domid })));
    signal.throwIfAborted();
  } catch (error) {
    ignore();
    useBothWays.setState({ pair: before });
    for (const each of made) await undo(each);
    throw error;
  }
  for (const message of warnings) say("warning", message);
}

/** Ends a domain of this call's, and moves its definition to the bin. Never rejects. */
async function undo({ domid, uuid }: { domid: number; uuid: string }): Promise<void> {
  try {
    // One that has ended by itself can't be destroyed; it may be kept all the same.
    await request("destroy", { domid }).catch(() => {});
    const kept = await request("keptDomains", {});
    if (kept.some((each) => each.uuid === uuid)) await request("keptDelete", { uuid });
  } catch (error) {
    say("error", sentence(error));
  }
}

async function checkBothWays({ text }: Draft): Promise<void> {
  const { config } = await request("parseConfig", { config: text });
  const reason = whyNotTwice(text, config);
  if (reason !== null) throw new Error(reason);
}

async function freeNames(name: string): Promise<Record<WayType, string>> {
  const others = [await request("list", {}), await request("keptDomains", {})].flat();
  return pairNames(name, new Set(others.map((each) => each.name)));
}

let ignore: () => void = () => {};

/** Hears the consoles of the two until each is ready or gone, or others have taken their place. */
function follow(ways: readonly Way[]): void {
  ignore();
  const awaited = new Set(ways.map(({ domid }) => domid));
  const end = (domid: number): void => {
    if (awaited.delete(domid) && awaited.size === 0) ignore();
  };
  const texts = new Map(ways.map(({ domid }) => [domid, ""]));
  const reached = new Map(ways.map(({ domid }) => [domid, new Set<Point>()]));
  const decoder = new TextDecoder("latin1");
  const reach = (domid: number, point: Point): void => {
    const points = reached.get(domid)!;
    if (points.has(point)) return;
    points.add(point);
    void measure(domid, point);
    if (point === "ready") end(domid);
  };
  const unhear = onConsole(({ domid, bytes }) => {
    const before = texts.get(domid);
    if (before === undefined) return;
    const text = withMore(before, decoder.decode(bytes));
    texts.set(domid, text);
    if (text.includes("\n")) reach(domid, "firstLine");
    if (isReady(text)) reach(domid, "ready");
  });
  const unsubscribe = useApp.subscribe(({ departed }) => {
    for (const domid of awaited) if (departed.has(domid)) end(domid);
  });
  ignore = () => {
    unhear();
    unsubscribe();
  };
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
