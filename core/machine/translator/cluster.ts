/**
 * Clusters: hot regions that mostly follow one another, in one function, so that going from one to the next costs no more than a branch (dispatch.ts). A
 * bytecode interpreter's handlers are one, and functions that call each other through pointers. Which regions these are is shown by a path: where a pCPU
 * has entered regions, one after the other.
 */
import { mayBeEntrance } from "./dispatch.ts";
import { SMALL_REGION, type Region, type RegionFinder } from "./region.ts";

/** What was entered less often is not worth the time that V8 takes for it. */
const LEAST_SHARE = 1 / 256;
/** The share of the path that has to lie in the cluster, and the one that is enough. */
const LEAST_COVERED = 0.85;
const ENOUGH_COVERED = 0.98;
const MOST_ENTRANCES = 64;

/**
 * Returns the cluster of what a path entered most often; null if that covers too little of it. `before` are the entrances of the cluster that is there
 * already: they stay, as the path shows only where that was entered and left. It is not made again if nothing is added to it.
 */
export function findCluster(finder: RegionFinder, before: number[], path: Int32Array): Region | null {
  const counts = new Map<number, number>();
  for (const offset of path) counts.set(offset, (counts.get(offset) ?? 0) + 1);
  const share = (offsets: Iterable<number>): number =>
    [...offsets].reduce((sum, offset) => sum + (counts.get(offset) ?? 0), 0) / path.length;
  const often = [...counts].sort(([, a], [, b]) => b - a).filter(([, count]) => count >= path.length * LEAST_SHARE);
  const entrances = new Set<number>();
  finder.begin();
  for (const offset of [...before, ...often.map(([offset]) => offset)]) {
    if (entrances.has(offset) || !mayBeEntrance(offset)) continue;
    if (entrances.size === MOST_ENTRANCES || (entrances.size >= before.length && share(entrances) >= ENOUGH_COVERED))
      break;
    if (!finder.enter(offset, SMALL_REGION.ops)) break;
    entrances.add(offset);
  }
  const region = finder.cluster(entrances);
  const { transfer } = region.blocks[0]!;
  const made = transfer.kind === "dispatch" ? transfer.to.map(({ offset }) => offset) : [];
  const isNew = made.some((offset) => !before.includes(offset));
  return isNew && made.length > 1 && share(made) >= LEAST_COVERED ? region : null;
}
