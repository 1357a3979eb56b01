/**
 * Clusters: blocks that mostly follow one another, in one function, so that going from one to the next costs no more than a branch (dispatch.ts). A
 * bytecode interpreter's handlers are one, and functions that call each other through pointers. Which blocks these are is shown by a path.
 */
import { PAGE_LIST_MOST_PAGES } from "../layout.ts";
import { mayBeEntrance } from "./dispatch.ts";
import type { Path } from "./path.ts";
import { LARGE_REGION, RegionFinder, type Decode, type Region, type RegionLimits } from "./region.ts";

/** What was executed less often, or come to less often, is not worth the time that V8 takes for it. */
const LEAST_SHARE = 1 / 2048;
/** The share of the path that has to lie in the cluster, and by how much it has to be greater than that in a cluster that is there. */
const LEAST_COVERED = 0.96;
const LEAST_GAIN = 0.05;
const MOST_ENTRANCES = 64;

/** Returns the blocks of a cluster that can be entered at an offset; null if there is none. */
export type KnownCluster = (entrance: number) => Iterable<number> | null;
export interface Cluster {
  region: Region;
  /** Where its blocks begin. */
  leaders: number[];
}

/** Returns the cluster of what a path executed most often; null if that covers too little of it, or is in a cluster already. */
export function findCluster(path: Path, decode: Decode, limits: RegionLimits, known: KnownCluster): Cluster | null {
  const least = path.length * LEAST_SHARE;
  const often = (counts: Map<number, number>): number[] =>
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .filter(([, count]) => count >= least)
      .map(([offset]) => offset);
  const chosen = new Set<number>();
  let taken = new Set<number>();
  let pages = new Set<number>();
  for (const leader of often(path.executed)) {
    const { offsets, end } = path.run(leader);
    if (!offsets.length || chosen.size === limits.blocks) continue;
    const more = new Set([...taken, ...offsets]);
    const morePages = new Set(pages);
    for (let page = leader >> 12; page <= (end - 1) >> 12; page++) morePages.add(page);
    if (more.size > limits.ops || morePages.size > PAGE_LIST_MOST_PAGES) continue;
    [taken, pages] = [more, morePages];
    chosen.add(leader);
  }
  const share = path.share(chosen);
  const entrances = often(path.arrivals)
    .filter((offset) => chosen.has(offset) && mayBeEntrance(offset))
    .slice(0, MOST_ENTRANCES);
  if (share < LEAST_COVERED || !entrances.length) return null;
  // What has one entrance is an ordinary region, unless it is too large for that.
  if (entrances.length === 1 && taken.size <= LARGE_REGION.ops) return null;
  for (const entrance of entrances) {
    const there = known(entrance);
    if (there && path.share(there) > share - LEAST_GAIN) return null;
  }
  const finder = new RegionFinder(path.mode, decode, (offset) => chosen.has(offset), limits);
  return { region: finder.cluster(chosen, entrances), leaders: [...chosen] };
}
