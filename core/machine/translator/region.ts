/**
 * Finds the region that begins at an instruction: the blocks reachable from it through branches, direct calls and their returns. A called function is
 * included once for each call, so that its return has a single target (which the code checks, because a guest may return anywhere). Indirect calls
 * and jumps, what lies too far away, and what has never run leave the region.
 * Places are offsets from the beginning of the page in which the region begins; they reach into other pages.
 */
import * as I from "../cpu/ids.ts";
import type { CodeMode } from "./code-mode.ts";
import type { DecodedOp } from "./decoded.ts";

/** A place to continue at. `block` is null if it is not part of the region. */
export interface Target {
  offset: number;
  block: number | null;
}

/** How control leaves a block at its end. */
export type Transfer =
  /** `branches`: by the block's last instruction; otherwise it just continues. */
  | { kind: "jump"; to: Target; branches: boolean }
  | { kind: "condition"; taken: Target; next: Target }
  | { kind: "call"; to: Target }
  /** `to` is the place after the call for which this function was included. */
  | { kind: "return"; to: Target | null }
  | { kind: "callIndirect" | "jumpIndirect" | "syscall" }
  /** A cluster's first block, which has no instructions: goes to that of these where the address is the one to continue at (dispatch.ts). */
  | { kind: "dispatch"; to: Entrance[] }
  /** The interpreter executes the instruction. */
  | { kind: "interpret"; offset: number };

/** A place that a cluster's first block leads to. */
export interface Entrance {
  offset: number;
  block: number;
}

export interface Block {
  /** All instructions. A transfer is the last of them, unless the interpreter executes it. */
  ops: DecodedOp[];
  transfer: Transfer;
}

export interface Region {
  mode: CodeMode;
  /**
   * What becomes of an access whose page the TLB does not have: a call of the interpreter's function for it, or the interpreter executes the instruction.
   */
  misses: "call" | "leave";
  /** The first is where it begins; in a cluster it is the one that dispatches. */
  blocks: Block[];
}

/** The region is not worth its code. */
export class RegionTooLarge extends Error {}

/** How much a region may include. */
export interface RegionLimits {
  ops: number;
  blocks: number;
  /** How deep calls inside calls are followed. */
  depth: number;
  misses: Region["misses"];
}
/** What V8 compiles soon, and what it compiles well. */
export const SMALL_REGION: RegionLimits = { ops: 60, blocks: 40, depth: 0, misses: "call" };
export const LARGE_REGION: RegionLimits = { ops: 120, blocks: 80, depth: 4, misses: "call" };
/** A cluster (cluster.ts). V8's optimizer takes four times as long for twice as much. */
export const CLUSTER: RegionLimits = { ops: 720, blocks: 360, depth: 0, misses: "leave" };
/** One whose functions are called where an access misses the TLB: V8's optimizer takes three times as long for each operation. */
export const CLUSTER_WITH_CALLS: RegionLimits = { ops: 200, blocks: 100, depth: 0, misses: "call" };

/** So many instructions more than its limit a region may have, where they have no branches. */
const LONGEST_RUN = 240;

/** Decodes the instruction at an offset; null if it can't be reached. */
export type Decode = (offset: number) => DecodedOp | null;
/** Returns whether code at an offset has run. */
export type WasReached = (offset: number) => boolean;

type Kind = "jump" | "condition" | "call" | "return" | "callIndirect" | "jumpIndirect" | "syscall" | "interpret";

const NEAR: Record<number, Kind> = {
  [I.ID_JCC]: "condition",
  [I.ID_JMP_REL]: "jump",
  [I.ID_CALL_REL]: "call",
  [I.ID_CALL_RM]: "callIndirect",
  [I.ID_JMP_RM]: "jumpIndirect",
  [I.ID_RET]: "return",
};

/** System instructions that leave the mode as it is, and the bases of segments. */
const STAYING = [I.ID_MFENCE, I.ID_RDTSC, I.ID_RDTSCP, I.ID_RDFSBASE, I.ID_RDGSBASE];

/** Returns what an instruction does if it ends a block, otherwise null. */
export function kindOf(op: DecodedOp, mode: CodeMode): Kind | null {
  switch (op.family) {
    case "control":
      if (op.id === I.ID_SYSCALL && mode.isLong) return "syscall";
      // Transfers of another size than the mode's are rare.
      return (op.size === mode.word && NEAR[op.id]) || "interpret";
    case "sse":
      // FXRSTOR, LDMXCSR, XSAVEC and similar instructions change the state of x87, SSE and AVX that the region relies on, or read AVX's. FXSAVE only
      // reads what the region has.
      return op.map === 1 && ((op.opcode === 0xae && !(op.isMemory && (op.reg & 7) === 0)) || op.opcode === 0xc7)
        ? "interpret"
        : null;
    case "system":
      return STAYING.includes(op.id) ? null : "interpret";
    case "segment":
      return op.id === I.ID_MOV_FROM_SEG ? null : "interpret";
    case "avx":
      // VLDMXCSR and VSTMXCSR.
      return op.id === 0xae ? "interpret" : null;
    case "invalid":
      return "interpret";
    default:
      return null;
  }
}

/** A call that was followed: the context in which it was made, and where it returns to. 0 is the region's own context. */
interface Context {
  parent: number;
  returnTo: number;
  depth: number;
  /** Contexts of its own calls, by the offset of the call. */
  calls: Map<number, number>;
  /** Offsets of the instructions that are included. */
  taken: Set<number>;
  /** Blocks by offset. */
  leaders: Map<number, number>;
}

export class RegionFinder {
  readonly #decode: Decode;
  readonly #reached: WasReached;
  readonly #limits: RegionLimits;
  readonly #mode: CodeMode;
  readonly #ops = new Map<number, DecodedOp | null>();
  readonly #contexts: Context[] = [];
  readonly #found: { context: number; offset: number }[] = [];
  readonly #waiting: { context: number; offset: number }[] = [];
  #count = 0;
  #isCluster = false;

  constructor(mode: CodeMode, decode: Decode, reached: WasReached, limits: RegionLimits) {
    this.#mode = mode;
    this.#decode = decode;
    this.#reached = reached;
    this.#limits = limits;
  }

  find(entry: number): Region {
    const { ops, blocks } = this.#limits;
    this.#waiting.push({ context: this.#context(0, 0, 0), offset: entry });
    while (this.#waiting.length && this.#count < ops && this.#found.length < blocks) {
      const next = this.#waiting.shift()!;
      const { leaders } = this.#contexts[next.context]!;
      if (leaders.has(next.offset)) continue;
      leaders.set(next.offset, this.#found.length);
      this.#found.push(next);
      this.#take(next.context, next.offset);
    }
    return {
      mode: this.#mode,
      misses: this.#limits.misses,
      blocks: this.#found.map(({ context, offset }) => this.#block(this.#contexts[context]!, offset)),
    };
  }

  #context(parent: number, returnTo: number, depth: number): number {
    this.#contexts.push({ parent, returnTo, depth, calls: new Map(), taken: new Set(), leaders: new Map() });
    return this.#contexts.length - 1;
  }

  #op(offset: number): DecodedOp | null {
    let op = this.#ops.get(offset);
    if (op === undefined) this.#ops.set(offset, (op = this.#decode(offset)));
    return op;
  }

  /** Includes what follows a leader, up to a transfer or to what is included already. */
  #take(id: number, leader: number): void {
    const context = this.#contexts[id]!;
    const wait = (offset: number, into = id) => this.#waiting.push({ context: into, offset });
    for (let at = leader; ;) {
      if (context.taken.has(at)) {
        // The blocks join here.
        if (at !== leader) wait(at);
        return;
      }
      // What has no branches is cut somewhere too. A leader itself is always taken, as jumps lead to it.
      if (at !== leader && this.#count >= this.#limits.ops + LONGEST_RUN) return;
      const op = this.#op(at);
      if (!op) return;
      context.taken.add(at);
      this.#count++;
      const after = at + op.length;
      const kind = kindOf(op, this.#mode);
      if (kind === "condition") for (const way of [after, Number(op.imm)]) if (this.#reached(way)) wait(way);
      if (kind === "jump" && (!this.#isCluster || this.#reached(Number(op.imm)))) wait(Number(op.imm));
      if (kind === "call" && context.depth < this.#limits.depth) {
        const called = this.#context(id, after, context.depth + 1);
        context.calls.set(at, called);
        wait(Number(op.imm), called);
      }
      if (kind === "return" && id) wait(context.returnTo, context.parent);
      if (kind) return;
      at = after;
    }
  }

  /**
   * Returns the cluster of those blocks: `entrances` are those at which it is entered without being called. All are in the region's own context, so
   * returns lead to an entrance or out of it. Block number 0 is the one that dispatches.
   */
  cluster(leaders: Iterable<number>, entrances: Iterable<number>): Region {
    this.#isCluster = true;
    const context = this.#contexts[this.#context(0, 0, 0)]!;
    this.#found.push({ context: 0, offset: 0 });
    for (const offset of leaders) this.#waiting.push({ context: 0, offset });
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (context.leaders.has(next.offset)) continue;
      context.leaders.set(next.offset, this.#found.length);
      this.#found.push(next);
      this.#take(0, next.offset);
    }
    const blocks = this.#found.map(({ offset }, n): Block =>
      n ? this.#block(context, offset) : { ops: [], transfer: { kind: "dispatch", to: [] } },
    );
    const to = [...entrances].flatMap((offset) => {
      const block = context.leaders.get(offset);
      return block === undefined || !blocks[block]!.ops.length ? [] : [{ offset, block }];
    });
    blocks[0]!.transfer = { kind: "dispatch", to };
    return { mode: this.#mode, misses: this.#limits.misses, blocks };
  }

  /** A place where nothing can be read is none of the region's, so whoever branches there asks whether it may. */
  #target(context: Context, offset: number): Target {
    const block = this.#op(offset) ? context.leaders.get(offset) : null;
    return { offset, block: block ?? null };
  }

  /** A called function that was not included for this call: in a cluster it may be part of it all the same. */
  #called(context: Context, offset: number): Target {
    return this.#isCluster ? this.#target(context, offset) : { offset, block: null };
  }

  #block(context: Context, leader: number): Block {
    const ops: DecodedOp[] = [];
    for (let at = leader; ;) {
      const goesOn = (): Block => ({ ops, transfer: { kind: "jump", to: this.#target(context, at), branches: false } });
      if (at !== leader && context.leaders.has(at)) return goesOn();
      const op = this.#op(at);
      if (!op) return { ops, transfer: { kind: "jump", to: { offset: at, block: null }, branches: false } };
      if (!context.taken.has(at)) return goesOn();
      const kind = kindOf(op, this.#mode);
      if (kind === "interpret") return { ops, transfer: { kind, offset: at } };
      ops.push(op);
      const after = at + op.length;
      const target = Number(op.imm);
      switch (kind) {
        case "condition":
          // If both ways lead to the same place there is one edge; otherwise the block after it would be written twice.
          if (target === after)
            return { ops, transfer: { kind: "jump", to: this.#target(context, after), branches: true } };
          return { ops, transfer: { kind, taken: this.#target(context, target), next: this.#target(context, after) } };
        case "jump":
          return { ops, transfer: { kind, to: this.#target(context, target), branches: true } };
        case "call": {
          const called = this.#contexts[context.calls.get(at) ?? -1];
          if (called) return { ops, transfer: { kind, to: this.#target(called, target) } };
          return { ops, transfer: { kind, to: this.#called(context, target) } };
        }
        case "return": {
          const isCalled = context !== this.#contexts[0];
          const parent = this.#contexts[context.parent]!;
          return { ops, transfer: { kind, to: isCalled ? this.#target(parent, context.returnTo) : null } };
        }
        case "callIndirect":
        case "jumpIndirect":
        case "syscall":
          return { ops, transfer: { kind } };
      }
      at = after;
    }
  }
}

export function findRegion(
  entry: number,
  mode: CodeMode,
  decode: Decode,
  reached: WasReached,
  limits: RegionLimits,
): Region {
  return new RegionFinder(mode, decode, reached, limits).find(entry);
}
