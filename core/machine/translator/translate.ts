/** Writes a region's blocks, in their structure, as one function. */
import * as I from "../cpu/ids.ts";
import { BAILED_SYSCALL, CPU_RIP } from "../cpu/state.ts";
import type { DecodedOp, Family } from "./decoded.ts";
import { mayBeEntrance, writeDispatch } from "./dispatch.ts";
import type { FlagState } from "./flags.ts";
import { STATE, type HelperName } from "./imports.ts";
import { drop, peek, push, writeInteger } from "./integer.ts";
import type { NeighbourState } from "./neighbours.ts";
import { rmValue } from "./operands.ts";
import { cut } from "./segments.ts";
import { RegionTooLarge, type Block, type Entrance, type Region, type Target } from "./region.ts";
import { smallLoops } from "./small-loops.ts";
import { edgeKey, structure, type ControlFlow } from "./structure.ts";
import { writeVector } from "./vector.ts";
import { writesFlags } from "./avx.ts";
import { chooseWindows } from "./windows.ts";
import { writeX87Run } from "./x87.ts";
import { I32, I64, Mem, Op, type FunctionBody } from "./wasm.ts";
import { RegionWriter, type KeepOp, type RegionUse } from "./writer.ts";

/** Returns the function of a region. For `keep` see KeepOp. */
export function translateRegion(region: Region, keep: KeepOp): FunctionBody {
  const flow = flowOf(region);
  // The first pass finds out which registers loops touch.
  const unknown: RegionUse = {
    touched: new Map(),
    written: new Map(),
    serves: null,
    flags: true,
    movesCodeBase: true,
  };
  const windows = chooseWindows(region, flow);
  const first = new RegionWriter(region, unknown, windows, () => 0);
  new BlockWriter(region, flow, unknown, first).write();
  first.use.flags = first.flags.used;
  const writer = new RegionWriter(region, first.use, windows, keep);
  new BlockWriter(region, flow, first.use, writer).write();
  return writer.finish();
}

/** The most entrances of a cluster, with those that it needs to be a structure. */
const MOST_ENTRANCES = 96;

/** In a cluster, an edge that would make the graph irreducible leads through the dispatching block, so its target becomes an entrance. */
function flowOf(region: Region): ControlFlow {
  const next = (block: number) => successors(region.blocks[block]!);
  const { transfer } = region.blocks[0]!;
  if (transfer.kind !== "dispatch") return structure(0, next);
  while (true) {
    const flow = structure(0, next, new Set(transfer.to.map(({ block }) => block)));
    const added = [...flow.cut]
      .map((edge) => Number(edge.split(",")[1]))
      .filter((block) => {
        const { ops } = region.blocks[block]!;
        return ops.length && mayBeEntrance(ops[0]!.offset) && transfer.to.every((each) => each.block !== block);
      });
    if (!added.length) return flow;
    // A guest may have any code, and the table of dispatch has to have room.
    if (transfer.to.length + added.length > MOST_ENTRANCES) throw new RegionTooLarge();
    for (const block of new Set(added)) transfer.to.push({ offset: region.blocks[block]!.ops[0]!.offset, block });
  }
}

function successors({ transfer }: Block): number[] {
  if (transfer.kind === "dispatch") return transfer.to.map(({ block }) => block);
  const targets =
    transfer.kind === "condition" ? [transfer.taken, transfer.next] : "to" in transfer ? [transfer.to] : [];
  return [...new Set(targets.flatMap((to) => (to && to.block !== null ? [to.block] : [])))];
}

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;
const ALL_OLD = [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI];

/** What instructions do that give a register the value of a register plus a number, in all 64 bits; null for all others. */
function sumOf(op: DecodedOp): { to: number; from: number; distance: number } | null {
  const { family, id, form, reg, rm, base } = op;
  if (op.size !== 8) return null;
  if (id === I.ID_LEA && family === "data")
    return op.addressSize === 8 && base < 16 && op.index >= 16 ? { to: reg, from: base, distance: op.disp } : null;
  if (op.isMemory) return null;
  if (family === "data" && id === I.ID_MOV && form === I.FORM_REG_RM) return { to: reg, from: rm, distance: 0 };
  if (family === "data" && id === I.ID_MOV && form === I.FORM_RM_REG) return { to: rm, from: reg, distance: 0 };
  if (family !== "alu") return null;
  if (id === I.ID_INC || id === I.ID_DEC) return { to: rm, from: rm, distance: id === I.ID_INC ? 1 : -1 };
  if (form !== I.FORM_RM_IMM || (id !== I.ID_ADD && id !== I.ID_SUB)) return null;
  return { to: rm, from: rm, distance: id === I.ID_ADD ? Number(op.imm) : -Number(op.imm) };
}

/** The families that the interpreter executes for the translator, and the registers beyond their operands that these may read or change. */
const EXECUTED: Partial<Record<Family, { name: HelperName; implied: number[] }>> = {
  alu: { name: "region_alu", implied: [RAX, RCX, RDX, RBX] },
  data: { name: "region_data", implied: [RAX, RBX] },
  stack: { name: "region_stack", implied: [RSP, RBP] },
  shift: { name: "region_shift", implied: [RCX] },
  bits: { name: "region_bits", implied: [RDX] },
  string: { name: "region_string", implied: [RAX, RCX, RSI, RDI] },
  x87: { name: "region_x87", implied: [RAX] },
  sse: { name: "region_sse", implied: [RAX, RCX, RDX, RDI] },
  avx: { name: "region_avx", implied: [RAX, RCX, RDX, RDI] },
  wait: { name: "region_wait", implied: [] },
  system: { name: "region_system", implied: [RAX, RCX, RDX] },
  segment: { name: "region_segment", implied: [] },
};

/** Returns how an instruction that the interpreter executes uses the flags. */
function flagUse(op: DecodedOp): { reads: boolean; writes: boolean } {
  const none = { reads: false, writes: false };
  switch (op.family) {
    case "x87": {
      // FCMOVcc, FCOMI and similar.
      const looks = !op.isMemory && (op.opcode === 0xda || op.opcode === 0xdb || op.opcode === 0xdf);
      return { reads: looks, writes: looks };
    }
    case "sse": {
      const writes =
        (op.map === 1 && (op.opcode === 0x2e || op.opcode === 0x2f)) ||
        (op.map === 2 && op.opcode === 0x17) ||
        (op.map === 3 && op.opcode >= 0x60 && op.opcode <= 0x63);
      return { reads: false, writes };
    }
    case "avx":
      return { reads: false, writes: writesFlags(op) };
    case "string":
      return { reads: false, writes: op.id === I.ID_CMPS || op.id === I.ID_SCAS };
    case "wait":
    case "system":
    case "segment":
      return none;
    default:
      return { reads: true, writes: true };
  }
}

/** The most bytes of one function. It is far more than any region needs, so that no guest can make the translator run out of memory. */
const MOST_BYTES = 512 * 1024;
/** The same for a cluster, which V8's optimizer has to finish soon. */
const MOST_BYTES_OF_CLUSTER = 96 * 1024;

class BlockWriter {
  readonly #region: Region;
  readonly #flow: ControlFlow;
  readonly #w: RegionWriter;
  /** Open labels: blocks by the merge after them, loops by their head. */
  readonly #labels = new Map<number, number>();
  /** Flags at the end of blocks. */
  readonly #flagsAfter = new Map<number, FlagState>();
  /** Registers that are available (registers.ts) at the end of blocks, and at the heads of loops. */
  readonly #availableAfter = new Map<number, ReadonlySet<number>>();
  readonly #availableAt = new Map<number, ReadonlySet<number>>();
  /** What is known of their neighbours (neighbours.ts) at the end of blocks. */
  readonly #neighboursAfter = new Map<number, NeighbourState>();
  /** The small loop (small-loops.ts) that a block belongs to. */
  readonly #smallLoops: ReadonlyMap<number, ReadonlySet<number>>;
  readonly #known: RegionUse;

  constructor(region: Region, flow: ControlFlow, known: RegionUse, writer: RegionWriter) {
    this.#region = region;
    this.#flow = flow;
    this.#smallLoops = smallLoops(region, flow);
    this.#known = known;
    this.#w = writer;
  }

  write(): void {
    if (this.#entrances) this.#cluster();
    else this.#tree(0);
  }

  /** The entrances of a cluster; null if it is an ordinary region. */
  get #entrances(): Entrance[] | null {
    const { transfer } = this.#region.blocks[0]!;
    return transfer.kind === "dispatch" ? transfer.to : null;
  }
  /** Where a cluster goes on: what its dispatching block looks at. */
  get #target(): number {
    return this.#w.temporary("target", I64);
  }
  /** Writes all blocks in a loop around the one that dispatches. Registers are in memory there, and the flags in their locals. */
  #cluster(): void {
    const { code, registers } = this.#w;
    code.get(STATE).memory(Mem.i64Load, CPU_RIP).set(this.#target);
    this.#labels.set(0, code.loop());
    this.#availableAfter.set(0, new Set());
    this.#neighboursAfter.set(0, registers.neighbours.nothing());
    this.#flagsAfter.set(0, { kind: "dynamic" });
    registers.begin([], [], registers.neighbours.nothing());
    this.#within(0, this.#joinedAfter(0));
    code.end();
  }

  /** Writes a block and what it dominates. */
  #tree(block: number): void {
    const { loops } = this.#flow;
    const joined = this.#joinedAfter(block);
    const { registers } = this.#w;
    const available = this.#availableBefore(block);
    this.#availableAt.set(block, available);
    if (!loops.has(block)) return this.#within(block, joined);
    registers.begin(available, [], registers.neighbours.nothing());
    registers.fetch(this.#touchedInLoop(block));
    registers.fetch(this.#unsavedAround(block));
    this.#availableAt.set(block, registers.state.available);
    const label = this.#w.code.loop();
    this.#labels.set(block, label);
    this.#within(block, joined);
    this.#w.code.end();
  }

  /** Returns the merges that a block dominates directly, the last one first. */
  #joinedAfter(block: number): number[] {
    const { children, merges, number } = this.#flow;
    const joined = children.get(block)!.filter((child) => merges.has(child));
    return joined.sort((a, b) => number.get(b)! - number.get(a)!);
  }

  /** Returns the registers that are unsaved from block to block of the small loop that this block belongs to: all that the loop writes. */
  #unsavedAround(block: number): number[] {
    return [...(this.#smallLoops.get(block) ?? [])].flatMap((each) => [...(this.#known.written.get(each) ?? [])]);
  }
  /** Returns the registers that are available in all blocks from which forward edges lead to the block. */
  #availableBefore(block: number): ReadonlySet<number> {
    const [first, ...others] = this.#flow.forward.get(block)!.map((from) => this.#availableAfter.get(from)!);
    return new Set([...(first ?? [])].filter((n) => others.every((other) => other.has(n))));
  }
  /** In a loop, the earlier turns may have changed everything. */
  #neighboursBefore(block: number): NeighbourState {
    const { neighbours } = this.#w.registers;
    if (this.#flow.loops.has(block)) return neighbours.nothing();
    return neighbours.joined(this.#flow.forward.get(block)!.map((from) => this.#neighboursAfter.get(from)!));
  }
  #touchedInLoop(head: number): Set<number> {
    const { order, number, backward } = this.#flow;
    const last = Math.max(...backward.filter(({ to }) => to === head).map(({ from }) => number.get(from)!));
    return new Set(
      order.slice(number.get(head), last + 1).flatMap((block) => [...(this.#known.touched.get(block) ?? [])]),
    );
  }

  #within(block: number, joined: number[]): void {
    const [last, ...rest] = joined;
    if (last === undefined) return this.#block(block);
    const label = this.#w.code.block();
    this.#labels.set(last, label);
    this.#within(block, rest);
    this.#w.code.end();
    this.#tree(last);
  }

  #block(number: number): void {
    const w = this.#w;
    if (w.code.length > (this.#entrances ? MOST_BYTES_OF_CLUSTER : MOST_BYTES)) throw new RegionTooLarge();
    const block = this.#region.blocks[number]!;
    if (block.transfer.kind === "dispatch") return this.#dispatch(block.transfer.to);
    const before = this.#flow.before.get(number);
    const isAlone = number === 0 && !this.#flow.loops.has(0);
    w.flags.state =
      before !== undefined ? this.#flagsAfter.get(before)! : isAlone ? { kind: "memory" } : { kind: "dynamic" };
    w.done = 0;
    w.vectorsChecked.clear();
    w.registers.begin(this.#availableAt.get(number)!, this.#unsavedAround(number), this.#neighboursBefore(number));
    w.use.touched.set(number, w.registers.touched);
    w.use.written.set(number, w.registers.written);
    const { ops, transfer } = block;
    const isTransfer = transfer.kind !== "interpret" && !(transfer.kind === "jump" && !transfer.branches);
    const straight = isTransfer ? ops.slice(0, -1) : ops;
    while (w.done < straight.length) {
      if (writeX87Run(w, straight, w.done)) continue;
      this.#instruction(straight[w.done]!);
      w.done++;
    }
    this.#transfer(number, block);
  }

  #dispatch(entrances: readonly Entrance[]): void {
    const { code, flags, use, pageBase } = this.#w;
    use.touched.set(0, new Set());
    use.written.set(0, new Set());
    flags.state = { kind: "dynamic" };
    writeDispatch(code, entrances, this.#target, pageBase, this.#labels);
    code.get(this.#target);
    this.#w.leaveTo(0);
  }
  /** Goes to the block that dispatches, with the target in its local. The block's instructions are counted, and its registers are saved. */
  #toDispatch(): void {
    const w = this.#w;
    w.flags.settle();
    const away = w.code.block();
    w.branchIfCalledAway(away);
    w.code.branch(this.#labels.get(0)!).end();
    w.flags.state = { kind: "dynamic" };
    w.code.get(this.#target);
    w.leaveTo(0);
  }

  #instruction(op: DecodedOp): void {
    const w = this.#w;
    if (op.family === "system" && op.id === I.ID_MFENCE) return void w.code.fence();
    const sum = sumOf(op);
    const value = sum && w.registers.neighbours.sum(sum.from, sum.distance);
    if (!writeInteger(w, op) && !writeVector(w, op)) this.#byInterpreter(op);
    if (sum) w.registers.neighbours.set(sum.to, value!);
  }

  #byInterpreter(op: DecodedOp): void {
    const w = this.#w;
    const { name, implied } = EXECUTED[op.family]!;
    const popsAll = op.family === "stack" && op.id === I.ID_POPA;
    const touched = new Set([...(popsAll ? ALL_OLD : implied), op.reg, op.rm, op.reg8 >> 3, op.rm8 >> 3, op.vreg]);
    for (const n of [op.base, op.index]) if (n < 16) touched.add(n);
    w.execute(name, op, touched, flagUse(op));
  }

  #transfer(number: number, { transfer, ops }: Block): void {
    const w = this.#w;
    const { code } = w;
    const op = ops[ops.length - 1]!;
    const target = w.temporary("target", I64);
    const next = w.temporary("next", I64);
    const length = ops.length;
    /** Ends the block; what follows counts from 0. */
    const end = (): void => {
      // The interpreter's functions may have left registers of the loop in memory alone.
      if (this.#smallLoops.has(number)) w.registers.fetch(this.#unsavedAround(number));
      else w.registers.save();
      const { available, neighbours } = w.registers.state;
      this.#availableAfter.set(number, available);
      this.#neighboursAfter.set(number, neighbours);
      w.count(length);
      w.done = 0;
      this.#flagsAfter.set(number, w.flags.state);
    };
    switch (transfer.kind) {
      case "dispatch":
        return;
      case "interpret":
        return w.bail(transfer);
      case "jump":
        end();
        return this.#edge(number, transfer.to, transfer.branches ? op : null);
      case "condition": {
        const condition = w.temporary("condition", I32);
        w.flags.condition(op.condition);
        code.set(condition);
        end();
        code.get(condition).if();
        const { state } = w.registers;
        this.#edge(number, transfer.taken, op);
        code.else();
        w.registers.state = state;
        w.flags.state = this.#flagsAfter.get(number)!;
        this.#edge(number, transfer.next, null);
        code.end();
        return;
      }
      case "call":
        this.#nextInstruction(op, next);
        if (transfer.to.block === null) {
          this.#address(op, transfer.to.offset, target);
          w.target(op, target);
        }
        push(w, op, next);
        end();
        if (transfer.to.block === null && !w.mode.isFlat) {
          code.get(target);
          return w.leaveTo(0);
        }
        return this.#edge(number, transfer.to, null);
      case "return":
        peek(w, op, target);
        if (transfer.to && transfer.to.block !== null) {
          w.registers.save();
          const known = w.registers.state;
          code.get(target);
          w.codeAddress(transfer.to.offset);
          code.op(Op.i64Eq).if();
          drop(w, op.size + Number(op.imm));
          const { done } = w;
          const { state } = w.flags;
          end();
          this.#edge(number, transfer.to, null);
          w.done = done;
          w.flags.state = state;
          w.registers.state = known;
          code.end();
        }
        w.target(op, target);
        drop(w, op.size + Number(op.imm));
        break;
      case "callIndirect":
        this.#indirect(op, target);
        this.#nextInstruction(op, next);
        push(w, op, next);
        break;
      case "syscall":
        w.needSyscall(op);
        w.flags.toMemory();
        w.call("region_rflags");
        w.setRegister(11);
        this.#nextInstruction(op, target);
        code.get(target);
        w.setRegister(RCX);
        w.sayWhy(BAILED_SYSCALL);
        break;
      case "jumpIndirect":
        this.#indirect(op, target);
        break;
    }
    if (this.#entrances && transfer.kind !== "syscall") {
      end();
      return this.#toDispatch();
    }
    code.get(target);
    w.leaveTo(length);
  }

  #nextInstruction(op: DecodedOp, local: number): void {
    this.#w.codeAddress(op.offset + op.length);
    this.#w.code.set(local);
  }
  /** Leaves in the local the address to which a direct transfer goes. */
  #address(op: DecodedOp, offset: number, local: number): void {
    this.#w.codeAddress(offset);
    if (op.size === 2) cut(this.#w.code, 2);
    this.#w.code.set(local);
  }
  /** Leaves in the local the address to which an indirect transfer goes. */
  #indirect(op: DecodedOp, local: number): void {
    const w = this.#w;
    rmValue(w, op, op.size);
    if (!op.isMemory) cut(w.code, op.size);
    w.code.set(local);
    w.target(op, local);
  }

  /**
   * Goes to a block, or out of the region. `branch` is the instruction that branches there; null if control just continues, or its target is known to
   * be canonical. The block's instructions are counted already.
   */
  #edge(from: number, to: Target, branch: DecodedOp | null): void {
    const w = this.#w;
    const { code } = w;
    const { number, merges, loops, cut } = this.#flow;
    const { block, offset } = to;
    const goesOn = block !== null && !cut.has(edgeKey(from, block));
    if (!goesOn || !this.#smallLoops.get(from)?.has(block)) w.registers.save();
    if (!goesOn && block !== null && this.#entrances?.some((each) => each.block === block)) {
      w.codeAddress(offset);
      code.set(this.#target);
      return this.#toDispatch();
    }
    if (!goesOn) {
      const mayFault = w.mode.isLong ? offset < 0 || offset >= 4096 : !w.mode.isFlat;
      if (!branch || !mayFault) return w.leave(offset, 0);
      const target = w.temporary("target", I64);
      this.#address(branch, offset, target);
      // If the branch itself faults, it is not done although it was counted.
      w.done = -1;
      w.target(branch, target);
      w.done = 0;
      code.get(target);
      return w.leaveTo(0);
    }
    const isBackward = number.get(block)! <= number.get(from)!;
    const inherits = !isBackward && !merges.has(block);
    if (!inherits || loops.has(block)) w.flags.settle();
    if (inherits) return this.#tree(block);
    if (isBackward) {
      const away = code.block();
      w.branchIfCalledAway(away);
      w.registers.fetch(this.#availableAt.get(block)!);
      code.branch(this.#labels.get(block)!).end();
      w.flags.state = { kind: "dynamic" };
      return w.leave(offset, 0);
    }
    code.branch(this.#labels.get(block)!);
  }
}
