/** The loops whose registers stay in locals from block to block, unsaved (registers.ts): small ones, with all loops that are in them. */
import type { Region } from "./region.ts";
import type { ControlFlow } from "./structure.ts";

/** Each way out of a block stores all that its loop writes, so code grows by ways out times registers. */
const MOST_BLOCKS = 8;
const MOST_OPERATIONS = 96;

/**
 * For each block of such a loop the blocks of the outermost one that it is in. Control comes into that at its head alone, and stays in it by jumps and
 * conditional branches.
 */
export function smallLoops(region: Region, flow: ControlFlow): Map<number, ReadonlySet<number>> {
  const found = new Map<number, ReadonlySet<number>>();
  const all = [...flow.loops].map((head) => blocksOf(head, flow)).sort((a, b) => b.size - a.size);
  // Of two loops one is in the other, or they have nothing in common.
  for (const blocks of all)
    if (isSmall(region, blocks)) for (const block of blocks) if (!found.has(block)) found.set(block, blocks);
  return found;
}

/** What the edges back to the head come from, and what that is reached from. */
function blocksOf(head: number, { backward, forward }: ControlFlow): ReadonlySet<number> {
  const blocks = new Set([head]);
  const toLookAt = backward.filter(({ to }) => to === head).map(({ from }) => from);
  for (let block = toLookAt.pop(); block !== undefined; block = toLookAt.pop()) {
    if (blocks.has(block)) continue;
    blocks.add(block);
    toLookAt.push(...forward.get(block)!, ...backward.filter(({ to }) => to === block).map(({ from }) => from));
  }
  return blocks;
}

function isSmall(region: Region, blocks: ReadonlySet<number>): boolean {
  const all = [...blocks].map((block) => region.blocks[block]!);
  const operations = all.reduce((sum, { ops }) => sum + ops.length, 0);
  return (
    all.every(({ transfer }) => transfer.kind === "jump" || transfer.kind === "condition") &&
    (blocks.size === 1 || (blocks.size <= MOST_BLOCKS && operations <= MOST_OPERATIONS))
  );
}
