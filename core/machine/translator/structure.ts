/**
 * Converts a region's control flow to nested blocks and loops, which is all that WebAssembly has: the dominator tree, laid out as in Norman Ramsey,
 * "Beyond Relooper: recursive translation of unstructured control flow to structured control flow" (ICFP 2022).
 */

export interface ControlFlow {
  /** The reachable blocks in reverse postorder, with the entry first. */
  order: number[];
  /** By block, its place in the order. */
  number: Map<number, number>;
  dominator: Map<number, number>;
  /** Children in the dominator tree. */
  children: Map<number, number[]>;
  /** Edges to an earlier block, or from a block to itself. */
  backward: { from: number; to: number }[];
  /** Blocks that are the target of a backward edge. */
  loops: Set<number>;
  /** Blocks that are the target of two or more forward edges. */
  merges: Set<number>;
  /** By block, those from which forward edges lead to it. */
  forward: Map<number, number[]>;
  /** By block, the one before it, for blocks that are neither merge nor loop nor entry. */
  before: Map<number, number>;
  /** Edges that would make the graph irreducible, as "from,to"; they leave the region instead. */
  cut: Set<string>;
}

export function edgeKey(from: number, to: number): string {
  return `${from},${to}`;
}

/**
 * `successors` returns the blocks of the region with which a block may continue. Blocks `apart` count as merges, however many edges lead to them. The
 * edges in `cut` are left out, and those are added that would make the graph irreducible.
 */
export function structure(
  entry: number,
  successors: (block: number) => number[],
  apart: ReadonlySet<number> = new Set(),
  cut = new Set<string>(),
): ControlFlow {
  while (true) {
    const next = (block: number) => successors(block).filter((to) => !cut.has(edgeKey(block, to)));
    const order = reversePostorder(entry, next);
    const number = new Map(order.map((block, i) => [block, i]));
    const forward = new Map<number, number[]>(order.map((block) => [block, []]));
    for (const from of order)
      for (const to of next(from)) if (number.get(to)! > number.get(from)!) forward.get(to)!.push(from);
    const dominator = dominators(order, number, forward);
    const backward: ControlFlow["backward"] = [];
    const sizeBefore = cut.size;
    for (const from of order)
      for (const to of next(from)) {
        if (number.get(to)! > number.get(from)!) continue;
        if (dominates(dominator, to, from)) backward.push({ from, to });
        else cut.add(edgeKey(from, to));
      }
    if (cut.size !== sizeBefore) continue;

    const loops = new Set(backward.map(({ to }) => to));
    const merges = new Set(order.filter((block) => forward.get(block)!.length > 1 || apart.has(block)));
    const before = new Map<number, number>();
    const children = new Map<number, number[]>(order.map((block) => [block, []]));
    for (const block of order.slice(1)) {
      children.get(dominator.get(block)!)!.push(block);
      if (!merges.has(block) && !loops.has(block)) before.set(block, forward.get(block)![0]!);
    }
    return { order, number, dominator, children, backward, loops, merges, forward, before, cut };
  }
}

function reversePostorder(entry: number, next: (block: number) => number[]): number[] {
  const seen = new Set([entry]);
  const order: number[] = [];
  const stack: { block: number; rest: number[] }[] = [{ block: entry, rest: next(entry) }];
  while (stack.length) {
    const top = stack[stack.length - 1]!;
    const to = top.rest.pop();
    if (to === undefined) {
      order.push(top.block);
      stack.pop();
    } else if (!seen.has(to)) {
      seen.add(to);
      stack.push({ block: to, rest: next(to) });
    }
  }
  return order.reverse();
}

/** Uses only forward edges. Backward edges would change nothing, because the head of a loop dominates what goes back to it. */
function dominators(order: number[], number: Map<number, number>, forward: Map<number, number[]>): Map<number, number> {
  const dominator = new Map<number, number>();
  for (const block of order.slice(1)) {
    let common = forward.get(block)![0]!;
    for (let other of forward.get(block)!.slice(1)) {
      while (common !== other) {
        if (number.get(common)! > number.get(other)!) common = dominator.get(common)!;
        else other = dominator.get(other)!;
      }
    }
    dominator.set(block, common);
  }
  return dominator;
}

function dominates(dominator: Map<number, number>, over: number, block: number): boolean {
  for (let at: number | undefined = block; at !== undefined; at = dominator.get(at)) if (at === over) return true;
  return false;
}
