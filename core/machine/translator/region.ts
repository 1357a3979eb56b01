/**
 * Finds the region that begins at an instruction: the blocks reachable from it by branches inside its 4 KiB page. Calls, returns,
 * indirect jumps and branches to other pages leave the region.
 */
import * as H from "../cpu/handlers.ts";
import * as I from "../cpu/ids.ts";
import type { DecodedOp } from "./decoded.ts";

/** Where control goes at the end of a block, as offsets in the page (beyond 0..4095: another page). */
export type Transfer =
  | { kind: "jump"; target: number }
  | { kind: "condition"; taken: number; next: number }
  | { kind: "call" | "callIndirect" | "jumpIndirect" | "return" }
  /** The instruction is the interpreter's. */
  | { kind: "interpret"; offset: number };

export interface Block {
  offset: number;
  /** All instructions; a transfer that is one is the last of them, but not one that the interpreter does. */
  ops: DecodedOp[];
  transfer: Transfer;
}

export interface Region {
  entry: number;
  /** By offset. */
  blocks: Map<number, Block>;
}

const MOST_OPS = 600;
const MOST_BLOCKS = 150;

/** Decodes the instruction at an offset of the page; null if it goes on in the next page. */
export type Decode = (offset: number) => DecodedOp | null;

function isJcc(op: DecodedOp): boolean {
  return op.handler >= H.H_JCC;
}

/** The transfer of an instruction that ends a block; null for one that does not. */
function transferOf(op: DecodedOp): Transfer | null {
  if (isJcc(op)) return { kind: "condition", taken: Number(op.imm), next: op.offset + op.length };
  switch (op.handler) {
    case H.H_JMP:
      return { kind: "jump", target: Number(op.imm) };
    case H.H_CALL:
      return { kind: "call" };
    case H.H_CALL_R:
    case H.H_CALL_M:
      return { kind: "callIndirect" };
    case H.H_JMP_R:
    case H.H_JMP_M:
      return { kind: "jumpIndirect" };
    case H.H_RET:
      return { kind: "return" };
  }
  // FXSAVE, LDMXCSR and their kin touch all there is.
  if (op.family === "sse" && op.map === 1 && op.opcode === 0xae) return { kind: "interpret", offset: op.offset };
  const isFence = op.family === "system" && op.id === I.ID_FENCE;
  const isForeign =
    op.family === "segment" || op.family === "control" || op.family === "system" || op.family === "invalid";
  return isForeign && !isFence ? { kind: "interpret", offset: op.offset } : null;
}

/** Region at `entry`; its first block is empty of instructions if the first one is the interpreter's. */
export function findRegion(entry: number, decode: Decode): Region {
  const ops = new Map<number, DecodedOp | null>();
  const leaders = new Set<number>();
  const waiting = [entry];
  while (waiting.length && ops.size < MOST_OPS && leaders.size < MOST_BLOCKS) {
    const leader = waiting.shift()!;
    if (leaders.has(leader)) continue;
    leaders.add(leader);
    const found = decodeRun(leader, ops, decode).filter((offset) => offset >= 0 && offset < 4096);
    waiting.push(...found);
  }
  const blocks = new Map<number, Block>();
  for (const leader of leaders) blocks.set(leader, blockAt(leader, ops, leaders));
  return { entry, blocks };
}

/** Decodes from a leader to a transfer or to what is decoded already; returns where blocks begin because of it. */
function decodeRun(leader: number, ops: Map<number, DecodedOp | null>, decode: Decode): number[] {
  for (let at = leader; at < 4096; ) {
    // The blocks join here.
    if (ops.has(at)) return at === leader ? [] : [at];
    const op = decode(at);
    ops.set(at, op);
    const transfer = op && transferOf(op);
    if (transfer?.kind === "condition") return [transfer.next, transfer.taken];
    if (transfer?.kind === "jump") return [transfer.target];
    if (!op || transfer) return [];
    at += op.length;
  }
  return [];
}

function blockAt(leader: number, ops: Map<number, DecodedOp | null>, leaders: Set<number>): Block {
  const block: Block = { offset: leader, ops: [], transfer: { kind: "interpret", offset: leader } };
  let at = leader;
  while (true) {
    if (at >= 4096 || (at !== leader && leaders.has(at))) {
      block.transfer = { kind: "jump", target: at };
      return block;
    }
    const op = ops.get(at);
    if (!op) {
      // Across pages, or beyond the limits.
      block.transfer = op === null ? { kind: "interpret", offset: at } : { kind: "jump", target: at };
      return block;
    }
    const transfer = transferOf(op);
    if (transfer) {
      block.transfer = transfer;
      if (transfer.kind !== "interpret") block.ops.push(op);
      return block;
    }
    block.ops.push(op);
    at += op.length;
  }
}
