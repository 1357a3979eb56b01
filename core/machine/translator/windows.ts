/**
 * Where loops look for memory first. A window is a page that was found through the TLB: its linear address and its host addend are in locals, so that
 * the next access there costs a subtraction and a comparison. Accesses whose addresses use the same registers share one, because they mostly lie
 * together.
 * A window is as valid as an entry of the TLB as long as the function runs: nothing flushes a translation while translated code does not return to
 * the run loop.
 */
import type { DecodedOp } from "./decoded.ts";
import type { Region } from "./region.ts";
import type { ControlFlow } from "./structure.ts";

/** As many as V8 can hold in registers beside the guest's. */
const MOST_WINDOWS = 4;
/** An access in an inner loop counts as so many of the loop around it. */
const INNER = 8;

/** Returns a name for the accesses that the same window serves; null for those whose address does not change or uses no register. */
function groupOf(op: DecodedOp): string | null {
  if (!op.isMemory || op.base > 16 || (op.base === 16 && op.index >= 16)) return null;
  return [op.segmentSlot, op.base, op.index, op.scale, op.addressSize].join();
}

/** Returns the window of each operation that has one. */
export function chooseWindows(region: Region, flow: ControlFlow): Map<DecodedOp, number> {
  const worth = new Map<string, number>();
  const loops = flow.backward.map(({ from, to }) => [flow.number.get(to)!, flow.number.get(from)!] as const);
  const inLoops: DecodedOp[] = [];
  for (const block of flow.order) {
    const number = flow.number.get(block)!;
    const depth = loops.filter(([first, last]) => number >= first && number <= last).length;
    if (!depth) continue;
    for (const op of region.blocks[block]!.ops) {
      const group = groupOf(op);
      if (group === null) continue;
      inLoops.push(op);
      worth.set(group, (worth.get(group) ?? 0) + INNER ** (depth - 1));
    }
  }
  const best = [...worth].sort(([, a], [, b]) => b - a).slice(0, MOST_WINDOWS);
  const windows = new Map(best.map(([group], n) => [group, n]));
  return new Map(
    inLoops.flatMap((op) => {
      const window = windows.get(groupOf(op)!);
      return window === undefined ? [] : [[op, window] as const];
    }),
  );
}
