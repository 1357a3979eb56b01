/** A region's blocks in their structure, written as one function. */
import * as I from "../cpu/ids.ts";
import type { DecodedOp, Family } from "./decoded.ts";
import type { FlagState } from "./flags.ts";
import type { ImportName } from "./imports.ts";
import { drop, peek, push, rmValue, writeInteger } from "./integer.ts";
import type { Block, Region } from "./region.ts";
import { edgeKey, structure, type ControlFlow } from "./structure.ts";
import { writeVector } from "./vector.ts";
import { I32, I64, Op, type FunctionBody } from "./wasm.ts";
import { RegionWriter, type KeepOp, type RegionUse } from "./writer.ts";

/** The function of a region. `keep`: see KeepOp. */
export function translateRegion(region: Region, keep: KeepOp): FunctionBody {
  const flow = structure(region.entry, (offset) => successors(region.blocks.get(offset)!, region));
  // The first pass finds out which registers are used at all.
  const unknown: RegionUse = {
    used: new Set(),
    written: new Set(),
    usedVectors: new Set(),
    writtenVectors: new Set(),
    flags: true,
  };
  const first = new RegionWriter(unknown, () => 0);
  new BlockWriter(region, flow, first).write();
  first.use.flags = first.flags.used;
  const writer = new RegionWriter(first.use, keep);
  new BlockWriter(region, flow, writer).write();
  return writer.finish();
}

function targets({ transfer }: Block): number[] {
  if (transfer.kind === "jump") return [transfer.target];
  return transfer.kind === "condition" ? [transfer.taken, transfer.next] : [];
}
function successors(block: Block, region: Region): number[] {
  return targets(block).filter((offset) => region.blocks.has(offset));
}

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;

/** What the interpreter executes for the translator, and the registers beyond its operands that it may look at or change. */
const EXECUTED: Partial<Record<Family, { name: ImportName; implied: number[] }>> = {
  alu: { name: "region_alu", implied: [RAX, RCX, RDX, RBX] },
  data: { name: "region_data", implied: [RAX, RBX] },
  stack: { name: "region_stack", implied: [RSP, RBP] },
  shift: { name: "region_shift", implied: [RCX] },
  bits: { name: "region_bits", implied: [RDX] },
  string: { name: "region_string", implied: [RAX, RCX, RSI, RDI] },
  x87: { name: "region_x87", implied: [RAX] },
  sse: { name: "region_sse", implied: [RAX, RCX, RDX, RDI] },
  wait: { name: "region_wait", implied: [] },
};

/** What an instruction that the interpreter executes does with the flags. */
function flagUse(op: DecodedOp): { reads: boolean; writes: boolean } {
  const none = { reads: false, writes: false };
  switch (op.family) {
    case "x87":
      // FCMOVcc, FCOMI and their kin.
      return op.isMemory || op.opcode < 0xda ? none : { reads: true, writes: true };
    case "sse": {
      const writes =
        (op.map === 1 && (op.opcode === 0x2e || op.opcode === 0x2f)) ||
        (op.map === 2 && op.opcode === 0x17) ||
        (op.map === 3 && op.opcode >= 0x60 && op.opcode <= 0x63);
      return { reads: false, writes };
    }
    case "string":
      return { reads: false, writes: op.id === I.ID_CMPS || op.id === I.ID_SCAS };
    case "wait":
      return none;
    default:
      return { reads: true, writes: true };
  }
}

class BlockWriter {
  readonly #region: Region;
  readonly #flow: ControlFlow;
  readonly #w: RegionWriter;
  /** Labels that are open: blocks by the merge after them, loops by their head. */
  readonly #labels = new Map<number, number>();
  /** Flags at the end of blocks. */
  readonly #flagsAfter = new Map<number, FlagState>();

  constructor(region: Region, flow: ControlFlow, writer: RegionWriter) {
    this.#region = region;
    this.#flow = flow;
    this.#w = writer;
  }

  write(): void {
    this.#tree(this.#region.entry);
  }

  /** A block with what it dominates. */
  #tree(offset: number): void {
    const { loops, children, merges, number } = this.#flow;
    const joined = children.get(offset)!.filter((child) => merges.has(child));
    joined.sort((a, b) => number.get(b)! - number.get(a)!);
    if (!loops.has(offset)) return this.#within(offset, joined);
    const label = this.#w.code.loop();
    this.#labels.set(offset, label);
    this.#within(offset, joined);
    this.#w.code.end();
  }

  #within(offset: number, joined: number[]): void {
    const [last, ...rest] = joined;
    if (last === undefined) return this.#block(offset);
    const label = this.#w.code.block();
    this.#labels.set(last, label);
    this.#within(offset, rest);
    this.#w.code.end();
    this.#tree(last);
  }

  #block(offset: number): void {
    const w = this.#w;
    const block = this.#region.blocks.get(offset)!;
    const before = this.#flow.before.get(offset);
    const isAlone = offset === this.#region.entry && !this.#flow.loops.has(offset);
    w.flags.state =
      before !== undefined ? this.#flagsAfter.get(before)! : isAlone ? { kind: "memory" } : { kind: "dynamic" };
    w.done = 0;
    w.vectorsChecked = false;
    const { ops, transfer } = block;
    const last = transfer.kind === "jump" || transfer.kind === "interpret" ? null : ops[ops.length - 1]!;
    for (const op of ops) {
      if (op === last || isJump(op, block)) break;
      this.#instruction(op);
      w.done++;
    }
    this.#transfer(block);
  }

  #instruction(op: DecodedOp): void {
    const w = this.#w;
    if (op.family === "system" || writeInteger(w, op) || (op.family === "sse" && writeVector(w, op))) return;
    const { name, implied } = EXECUTED[op.family]!;
    const touched = new Set([...implied, op.reg, op.rm, op.reg8 >> 3, op.rm8 >> 3, op.vreg]);
    for (const n of [op.base, op.index]) if (n < 16) touched.add(n);
    w.execute(name, op, touched, touched, flagUse(op));
  }

  #transfer(block: Block): void {
    const w = this.#w;
    const { code } = w;
    const { transfer, ops } = block;
    const op = ops[ops.length - 1]!;
    const target = w.temporary("target", I64);
    const next = w.temporary("next", I64);
    const condition = w.temporary("condition", I32);
    const length = ops.length;
    switch (transfer.kind) {
      case "interpret":
        return w.bail(transfer);
      case "jump":
        w.count(length);
        w.done = 0;
        this.#flagsAfter.set(block.offset, w.flags.state);
        return this.#edge(block, transfer.target, op);
      case "condition":
        w.flags.condition(op.condition);
        // Written before the condition's branch, so that both arms may inherit.
        this.#flagsAfter.set(block.offset, w.flags.state);
        code.set(condition);
        w.count(length);
        w.done = 0;
        code.get(condition).if();
        this.#edge(block, transfer.taken, op);
        code.else();
        w.flags.state = this.#flagsAfter.get(block.offset)!;
        this.#edge(block, transfer.next, null);
        code.end();
        return;
      case "call":
        this.#nextInstruction(op, next);
        code.get(w.pageBase).i64(op.imm).op(Op.i64Add).set(target);
        w.canonical(op, target);
        push(w, op, next);
        break;
      case "callIndirect":
        rmValue(w, op, 8);
        code.set(target);
        w.canonical(op, target);
        this.#nextInstruction(op, next);
        push(w, op, next);
        break;
      case "jumpIndirect":
        rmValue(w, op, 8);
        code.set(target);
        w.canonical(op, target);
        break;
      case "return":
        peek(w, op, target);
        w.canonical(op, target);
        drop(w);
        break;
    }
    code.get(target);
    w.leaveTo(length);
  }

  #nextInstruction(op: DecodedOp, local: number): void {
    this.#w.code.get(this.#w.pageBase).i64(op.offset + op.length).op(Op.i64Add).set(local);
  }

  /**
   * Goes to a block, or out of the region. `branch`: the instruction that does, null if control just goes on. The block's
   * instructions are counted already.
   */
  #edge(from: Block, to: number, branch: DecodedOp | null): void {
    const w = this.#w;
    const { code } = w;
    const { number, merges, loops, cut } = this.#flow;
    if (!number.has(to) || !this.#region.blocks.has(to) || cut.has(edgeKey(from.offset, to))) {
      if (branch && isBranch(branch) && (to < 0 || to >= 4096)) {
        const target = w.temporary("target", I64);
        code.get(w.pageBase).i64(to).op(Op.i64Add).set(target);
        // It is the branch that faults: it is not done, and was counted.
        w.done = -1;
        w.canonical(branch, target);
        w.done = 0;
      }
      return w.leave(to, 0);
    }
    const isBackward = number.get(to)! <= number.get(from.offset)!;
    const inherits = !isBackward && !merges.has(to);
    if (!inherits || loops.has(to)) w.flags.settle();
    if (inherits) return this.#tree(to);
    if (isBackward) {
      w.isCalledAway();
      code.if();
      const now = w.flags.state;
      w.flags.state = { kind: "dynamic" };
      w.leave(to, 0);
      w.flags.state = now;
      code.end();
    }
    code.branch(this.#labels.get(to)!);
  }
}

function isBranch(op: DecodedOp): boolean {
  return op.family === "control";
}
function isJump(op: DecodedOp, { transfer, ops }: Block): boolean {
  return transfer.kind === "jump" && op === ops[ops.length - 1] && isBranch(op);
}
