/**
 * One region's function while it is being written: registers in locals, memory through the TLB, ways out.
 * Registers are in locals as far as it pays (registers.ts). There is a single way out, at the end of the function. Leaving in the middle of a block
 * subtracts those of its instructions that were not done from the count.
 */
import * as S from "../cpu/state.ts";
import { TLB_PLACE, TLB_READ, TLB_SHIFT, TLB_WRITE } from "../cpu/tlb_layout.ts";
import type { CodeMode } from "./code-mode.ts";
import type { DecodedOp } from "./decoded.ts";
import { FlagWriter } from "./flags.ts";
import { LEFT, PARAMETERS, POLL, STATE, STATUS_BAIL, TLB, callHelper, type HelperName } from "./imports.ts";
import type { Neighbour, Place } from "./neighbours.ts";
import type { Region } from "./region.ts";
import { RegisterWriter, highHalfNumber, vectorNumber } from "./registers.ts";
import { SegmentWriter, cut } from "./segments.ts";
import { Code, I32, I64, Mem, Op, type FunctionBody, type ValueType } from "./wasm.ts";

const PAGE = -4096n;
const PAGE_32 = 0xfffff000n;
const RSP = 4;
/** Offset of the addend in an entry of the TLB. */
const ADDEND = 8;

/** What a first pass over the region has found, for the second one, which writes. */
export interface RegionUse {
  /** By block number, the registers (registers.ts) that the block touches and writes. */
  touched: Map<number, ReadonlySet<number>>;
  written: Map<number, ReadonlySet<number>>;
  /** Operations next to whose memory operand others are (neighbours.ts); null while that is not known. */
  serves: Set<DecodedOp> | null;
  /** Whether some instruction leaves its flags in locals. */
  flags: boolean;
  /** Whether the interpreter executes an instruction in a page other than the first, so that it has to be told the page. */
  movesCodeBase: boolean;
}

/** How many accesses are kept for their neighbours: more would be kept in memory, by V8's first code even if nobody needs them any more. */
const MOST_NEIGHBOURS = 6;
/** The same while it is found out which of them have neighbours. */
const MOST_CANDIDATES = 12;

/** Takes a decoded operation into the pool that translated code refers to. Returns its machine address. */
export type KeepOp = (op: DecodedOp) => number;

export class RegionWriter {
  readonly mode: CodeMode;
  readonly #region: Region;
  readonly segments: SegmentWriter;
  readonly code = new Code();
  readonly flags: FlagWriter;
  readonly use = {
    touched: new Map<number, ReadonlySet<number>>(),
    written: new Map<number, ReadonlySet<number>>(),
    serves: new Set<DecodedOp>(),
    flags: false,
    movesCodeBase: false,
  };
  readonly #known: RegionUse;
  readonly #keep: KeepOp;
  readonly #windows: Map<DecodedOp, number>;
  /** Locals that are -1 while a window shows nothing, and 0 when it shows a page. */
  readonly #usedWindows = new Set<number>();
  readonly #locals: ValueType[] = [];
  readonly #named = new Map<string, number>();
  readonly registers: RegisterWriter;
  /** RIP of the first byte of the page in which the region begins; and where to continue. */
  readonly pageBase: number;
  readonly #rip: number;
  /** Labels of the ways out: everything is set; RIP and the count have to be computed from an offset and a number; the same and it bails. */
  readonly #exit: number;
  readonly #left: number;
  readonly #bailed: number;
  /** Number of instructions of the running block that are done. */
  done = 0;
  /** Writes the code that stores those parts of the vCPU's state that are only in locals at the moment; null while there are none. */
  unsettled: (() => void) | null = null;

  constructor(region: Region, known: RegionUse, windows: Map<DecodedOp, number>, keep: KeepOp) {
    this.mode = region.mode;
    this.#region = region;
    this.segments = new SegmentWriter(this);
    this.#windows = windows;
    this.#known = known;
    this.#keep = keep;
    this.pageBase = this.temporary("pageBase", I64);
    this.#rip = this.temporary("rip", I64);
    this.flags = new FlagWriter(this, known.flags);
    this.registers = new RegisterWriter(this.code, (name, type) => this.temporary(name, type));
    this.#exit = this.code.block();
    this.#left = this.code.block();
    this.#bailed = this.code.block();
  }

  /**
   * Returns the local variable for the purpose `name`, which is made when it is first asked for. There should be few, because the machine code that
   * V8 makes first clears all locals at every entry.
   */
  temporary(name: string, type: ValueType): number {
    let local = this.#named.get(name);
    if (local === undefined) {
      this.#locals.push(type);
      this.#named.set(name, (local = PARAMETERS + this.#locals.length - 1));
    }
    return local;
  }
  /** Returns whether the local was asked for. */
  has(name: string): boolean {
    return this.#named.has(name);
  }
  get #linear(): number {
    return this.temporary("linear", I64);
  }
  get #host(): number {
    return this.temporary("host", I32);
  }
  get #entry(): number {
    return this.temporary("entry", I32);
  }
  get #tag(): number {
    return this.temporary("tag", I64);
  }
  get #status(): number {
    return this.temporary("status", I32);
  }

  call(name: HelperName): Code {
    return callHelper(this.code, name);
  }

  // ---- general registers ----

  /** Pushes all 64 bits. */
  register(n: number): void {
    this.registers.read(n);
  }
  /** Takes 64 bits. */
  setRegister(n: number): void {
    this.registers.write(n);
  }
  /** Pushes a register operand as i64; bits above the size are undefined. `byte` is the register file offset for size 1. */
  readSized(n: number, byte: number, size: number): void {
    if (size !== 1) return this.register(n);
    this.register(byte >> 3);
    if (byte & 1) this.code.i64(8).op(Op.i64ShrU);
  }
  /** Writes the low bits of the i64 local to a register operand: 32 bits clear the upper half, fewer leave the rest. */
  writeSized(n: number, byte: number, size: number, value: number): void {
    const { code } = this;
    if (size === 8) {
      code.get(value);
      this.setRegister(n);
    } else if (size === 4) {
      code.get(value).op(Op.i32WrapI64, Op.i64ExtendI32U);
      this.setRegister(n);
    } else {
      const target = size === 1 ? byte >> 3 : n;
      const shift = size === 1 && byte & 1 ? 8 : 0;
      const mask = size === 1 ? 0xffn : 0xffffn;
      this.register(target);
      code.i64(~(mask << BigInt(shift))).op(Op.i64And);
      code.get(value).i64(mask).op(Op.i64And);
      if (shift) code.i64(shift).op(Op.i64Shl);
      code.op(Op.i64Or);
      this.setRegister(target);
    }
  }

  // ---- vector registers ----

  /** Pushes an XMM register. */
  vectorRegister(n: number): void {
    this.registers.read(vectorNumber(n));
  }
  setVectorRegister(n: number): void {
    this.registers.write(vectorNumber(n));
  }
  /** Pushes half 0 or 1 of a YMM register. */
  vectorHalf(n: number, half: number): void {
    this.registers.read(half ? highHalfNumber(n) : vectorNumber(n));
  }
  setVectorHalf(n: number, half: number): void {
    this.registers.write(half ? highHalfNumber(n) : vectorNumber(n));
  }
  clearVectorHalf(n: number, half: number): void {
    this.registers.clear(half ? highHalfNumber(n) : vectorNumber(n));
  }
  /** Bails out unless SSE's or AVX's instructions may be used. Once in a block is enough, since nothing in it can change that. */
  needVectors(op: DecodedOp): void {
    const forbidden = op.family === "avx" ? "noAvx" : "noVectors";
    if (this.vectorsChecked.has(forbidden)) return;
    this.vectorsChecked.add(forbidden);
    this.code.get(this.temporary(forbidden, I32));
    this.code.ifUnlikely();
    this.bail(op);
    this.code.end();
  }
  /** The checks that the running block has had. */
  readonly vectorsChecked = new Set<string>();
  /** Bails out unless SYSCALL is an exit from this vCPU; the interpreter executes it otherwise. */
  needSyscall(op: DecodedOp): void {
    const { code } = this;
    code.get(STATE).memory(Mem.i32Load, S.CPU_DEPRIVILEGED).op(Op.i32Eqz);
    // EFER.SCE
    code.get(STATE).memory(Mem.i32Load, S.CPU_EFER).i32(1).op(Op.i32And, Op.i32Eqz, Op.i32Or);
    code.ifUnlikely();
    this.bail(op);
    code.end();
  }
  /** Takes a host address and pushes it again; bails out unless it is a multiple of the size. */
  aligned(op: DecodedOp, size = 16): void {
    const { code } = this;
    code
      .set(this.#host)
      .get(this.#host)
      .i32(size - 1)
      .op(Op.i32And);
    code.ifUnlikely();
    this.bail(op);
    code.end().get(this.#host);
  }

  // ---- memory ----

  /** Pushes the memory operand's offset in its segment, cut to the address size. */
  offset(op: DecodedOp): void {
    const { code } = this;
    let displacement = BigInt(op.disp);
    if (op.base === 17 || op.base === 18) {
      // 17: relative to the page; 18: to the next instruction.
      code.get(this.pageBase);
      displacement += BigInt(op.base === 18 ? op.offset + op.length : op.page);
    } else if (op.base < 16) this.register(op.base);
    const hasBase = op.base !== 16;
    if (op.index < 16) {
      this.register(op.index);
      if (op.scale) code.i64(op.scale).op(Op.i64Shl);
      if (hasBase) code.op(Op.i64Add);
    }
    if (!hasBase && op.index === 16) code.i64(displacement);
    else if (displacement) code.i64(displacement).op(Op.i64Add);
    cut(code, op.addressSize);
  }

  /** Takes an offset in the operation's segment and pushes the linear address of `size` bytes there. */
  #linearOf(op: DecodedOp, size: number): void {
    if (!op.isUnlimited) this.segments.linear(op, op.segment, size);
    else if (op.segmentSlot) this.code.get(STATE).memory(Mem.i64Load, op.segmentSlot).op(Op.i64Add);
  }

  /**
   * Pushes the host address of `size` bytes on the stack, where a register, plus a distance, points to; bails out if the TLB does not have it, or SS does
   * not allow it.
   */
  hostOnStack(op: DecodedOp, register: number, distance: number, size: number, write: boolean): void {
    this.stackPointer(register, distance);
    if (!this.mode.isFlat) this.segments.linear(op, S.SS, size);
    this.code.set(this.#linear);
    const place = this.mode.isLong ? this.registers.neighbours.placeIn(register, distance) : null;
    this.#find(op, place, size, write, () => this.#lookUp(op, size, write));
  }
  /** Pushes a register, as a stack pointer, plus a distance. */
  stackPointer(register: number, distance: number): void {
    this.register(register);
    if (distance) this.code.i64(distance).op(Op.i64Add);
    cut(this.code, this.mode.stackPointer);
  }
  /** The stack pointer becomes a register plus a distance. */
  moveStack(register: number, distance: number): void {
    if (this.mode.isLong) return this.registers.writeSum(RSP, register, distance);
    this.stackPointer(register, distance);
    if (this.mode.stackPointer > 2) return this.setRegister(RSP);
    const pointer = this.temporary("stackPointer", I64);
    this.code.set(pointer);
    this.writeSized(RSP, 0, 2, pointer);
  }

  /** Pushes the host address of `size` bytes at an offset in the operation's segment, as hostOf(). */
  hostAtOffset(op: DecodedOp, offset: bigint, size: number, write: boolean): void {
    this.code.i64(offset);
    this.#linearOf(op, size);
    this.code.set(this.#linear);
    this.#find(op, null, size, write, () => this.#lookUp(op, size, write));
  }
  /** The same for the operation's memory operand. */
  hostOf(op: DecodedOp, size: number, write: boolean): void {
    this.offset(op);
    this.#linearOf(op, size);
    this.code.set(this.#linear);
    const window = this.#windows.get(op);
    const place = this.registers.neighbours.placeOf(op);
    this.#find(op, place, size, write, () => {
      if (window === undefined) this.#lookUp(op, size, write);
      else this.#look(window, op, size, write);
    });
  }

  /** Pushes the host address for the linear address in its local: from a neighbour's if there is one. `otherwise` sets the local `host`. */
  #find(op: DecodedOp, place: Place | null, size: number, write: boolean, otherwise: () => void): void {
    const { neighbours, inArm } = this.registers;
    const neighbour = place && neighbours.of(place, size, write);
    if (neighbour) {
      this.use.serves.add(neighbour.found.op);
      return this.#fromNeighbour(op, neighbour, size, write);
    }
    otherwise();
    this.code.get(this.#host);
    if (!place || inArm || this.#known.serves?.has(op) === false) return;
    const local = neighbours.record(place, op, size, write, this.#known.serves ? MOST_NEIGHBOURS : MOST_CANDIDATES);
    this.code.tee(this.temporary(`found${local}`, I32));
  }
  #fromNeighbour(op: DecodedOp, { found, distance, least, most }: Neighbour, size: number, write: boolean): void {
    const { code } = this;
    const local = this.temporary(`found${found.local}`, I32);
    if (least === null && most === null) return void code.get(local).i32(distance).op(Op.i32Add);
    // The sum is made where the ways have joined, as V8 then knows that its upper half is clear.
    const same = code.block();
    code.get(local).set(this.#host);
    code.get(local).i32(4095).op(Op.i32And);
    if (least !== null) code.i32(least).op(Op.i32GeU);
    else code.i32(most!).op(Op.i32LeU);
    code.branchIfLikely(same);
    // An object often lies in two pages. Where that would leave the region, the TLB is asked first.
    if (this.#region.misses === "leave") this.#lookUp(op, size, write);
    else this.#askHelper(op, size, write);
    code.get(this.#host).i32(distance).op(Op.i32Sub).set(this.#host);
    code.end();
    code.get(this.#host).i32(distance).op(Op.i32Add);
  }

  /**
   * Sets the host address to the one that the interpreter's function finds for the linear address in its local; bails out if there is none, or if the
   * region does so wherever the TLB does not have the page.
   */
  #askHelper(op: DecodedOp, size: number, write: boolean): void {
    const { code } = this;
    if (this.#region.misses === "leave") return this.bail(op);
    code.get(this.#linear).i32(size);
    this.call(write ? "region_write" : "region_read");
    code.tee(this.#host).op(Op.i32Eqz);
    code.ifUnlikely();
    this.bail(op);
    code.end();
  }
  /** Sets the host address of `size` bytes at the linear address in its local. */
  #lookUp(op: DecodedOp, size: number, write: boolean): void {
    const { code } = this;
    const table = write ? TLB_WRITE : TLB_READ;
    const found = code.block();
    code
      .get(this.#linear)
      .i64(TLB_SHIFT)
      .op(Op.i64ShrU, Op.i32WrapI64)
      .i32(TLB_PLACE)
      .op(Op.i32And)
      .get(TLB)
      .op(Op.i32Add);
    // If it belongs to another page, it is not used.
    code
      .tee(this.#entry)
      .memory(Mem.i32Load, table + ADDEND)
      .get(this.#linear)
      .op(Op.i32WrapI64, Op.i32Add)
      .set(this.#host);
    code.get(this.#entry).memory(Mem.i64Load, table).get(this.#linear);
    if (size > 1) code.i64(size - 1).op(Op.i64Add);
    code.i64(PAGE).op(Op.i64And).get(this.#tag).op(Op.i64Or, Op.i64Eq);
    code.branchIfLikely(found);
    this.#askHelper(op, size, write);
    code.end();
  }
  /** The same by a window. */
  #look(window: number, op: DecodedOp, size: number, write: boolean): void {
    const { code } = this;
    const name = `${write ? "write" : "read"}Window${window}`;
    const page = this.temporary(`${name}Page`, I64);
    const addend = this.temporary(`${name}Addend`, I32);
    // A window that shows nothing can't be expressed by a page number, because guests use any address, canonical or not.
    const closed = this.temporary(`${name}Closed`, I64);
    this.#usedWindows.add(closed);
    const inside = code.block();
    code
      .get(this.#linear)
      .get(page)
      .op(Op.i64Sub)
      .get(closed)
      .op(Op.i64Or)
      .i64(4096 - size)
      .op(Op.i64LeU);
    code.branchIfLikely(inside);
    this.#lookUp(op, size, write);
    code.get(this.#linear).i64(PAGE).op(Op.i64And).set(page).i64(0).set(closed);
    code.get(this.#host).get(this.#linear).op(Op.i32WrapI64, Op.i32Sub).set(addend);
    code.end();
    code.get(addend).get(this.#linear).op(Op.i32WrapI64, Op.i32Add).set(this.#host);
  }

  /** Takes a host address and pushes the value there, zero-extended. */
  load(size: number): void {
    this.code.memory([0, Mem.i64Load8U, Mem.i64Load16U, 0, Mem.i64Load32U, 0, 0, 0, Mem.i64Load][size]!);
  }
  /** Takes a host address and a value. */
  store(size: number): void {
    this.code.memory([0, Mem.i64Store8, Mem.i64Store16, 0, Mem.i64Store32, 0, 0, 0, Mem.i64Store][size]!);
  }

  // ---- code addresses ----

  /** Pushes RIP of the code at an offset from the page's beginning. */
  codeAddress(offset: number): void {
    this.code.get(this.pageBase).i64(offset).op(Op.i64Add);
    if (!this.mode.isLong) cut(this.code, 4);
  }
  /** Bails out at `op`, a near transfer to the address in the local, if nothing can be there. */
  target(op: DecodedOp, local: number): void {
    if (this.mode.isLong) this.#canonical(op, local);
    else if (!this.mode.isFlat) this.segments.target(op, local);
  }

  // ---- ways out ----

  /** Leaves before the instruction, which the interpreter has to execute. The flags are as before it. */
  bail(op: { offset: number }): void {
    this.unsettled?.();
    this.#leaveBy(this.#bailed, op.offset, this.done);
  }
  /** Leaves with RIP at an offset from the page's beginning, after `done` instructions of this block. */
  leave(offset: number, done: number): void {
    this.#leaveBy(this.#left, offset, done);
  }
  /** There are many of these, so what they have in common is written once, at the end of the function. */
  #leaveBy(way: number, offset: number, done: number): void {
    this.registers.save();
    this.code.i64(offset).set(this.#rip);
    this.code.i32(done).set(this.temporary("done", I32));
    this.flags.settle();
    this.code.branch(way);
  }
  /** Takes the address at which to continue. */
  leaveTo(done: number): void {
    this.code.set(this.#rip);
    this.registers.save();
    this.count(done);
    this.flags.settle();
    this.code.branch(this.#exit);
  }
  /** Sets the reason for leaving from here on: one of BAILED_*. */
  sayWhy(reason: number): void {
    this.code.get(STATE).i32(reason).memory(Mem.i32Store, S.CPU_BAILED);
  }
  count(done: number): void {
    if (done) this.code.get(LEFT).i32(done).op(Op.i32Sub).set(LEFT);
  }
  /**
   * Branches to the label if something else has to be looked at. The word that others write is read by a plain load, as in guests' own loops that
   * wait for a word: V8 reads it again each turn, and turns it into one comparison with memory. For an atomic load it would check the alignment
   * first. This order is the fastest one measured: with the other one fnv1a_64MiB takes a tenth longer.
   */
  branchIfCalledAway(label: number): void {
    this.code.get(POLL).memory(Mem.i32Load).branchIfUnlikely(label);
    this.code.get(LEFT).i32(0).op(Op.i32LeS).branchIfUnlikely(label);
  }
  #canonical(op: DecodedOp, local: number): void {
    const { code } = this;
    code.get(local).i64(16).op(Op.i64Shl).i64(16).op(Op.i64ShrS).get(local).op(Op.i64Ne);
    code.ifUnlikely();
    this.bail(op);
    code.end();
  }

  // ---- the interpreter's instructions ----

  /** Lets the interpreter's function execute an instruction that touches no flags, and no general registers other than those of its address. */
  executeApart(name: HelperName, op: DecodedOp): void {
    this.execute(name, op, [], { reads: false, writes: false });
  }

  /** Lets the interpreter's function execute the instruction. `writes` are the general registers that it may change. */
  execute(name: HelperName, op: DecodedOp, writes: Iterable<number>, flags: { reads: boolean; writes: boolean }): void {
    const { code } = this;
    this.registers.save();
    if (flags.reads || flags.writes) this.flags.toMemory();
    if (op.page) {
      code.get(STATE).get(this.pageBase).i64(op.page).op(Op.i64Add).memory(Mem.i64Store, S.CPU_CODE_BASE);
      this.use.movesCodeBase = true;
    } else if (this.#known.movesCodeBase) code.get(STATE).get(this.pageBase).memory(Mem.i64Store, S.CPU_CODE_BASE);
    code.address(this.#keep(op));
    this.call(name).set(this.#status);
    this.registers.changed(writes);
    const vectors = [0, op.reg & 15, op.rm & 15];
    if (op.family === "sse") this.registers.changed(vectors.map(vectorNumber));
    if (op.family === "avx")
      for (const number of [vectorNumber, highHalfNumber]) this.registers.changed([...vectors, op.vreg].map(number));
    code.get(this.#status);
    code.ifUnlikely();
    code.get(this.#status).i32(STATUS_BAIL).op(Op.i32Eq);
    code.ifUnlikely();
    this.bail(op);
    code.end();
    this.leave(op.offset + op.length, this.done + 1);
    code.end();
  }

  // ---- the whole ----

  finish(): FunctionBody {
    const before = new Code();
    this.#begin(before);
    if (this.has("tag")) before.get(STATE).memory(Mem.i64Load, S.CPU_TLB_TAG).set(this.#tag);
    for (const closed of this.#usedWindows) before.i64(-1).set(closed);
    if (this.has("noVectors")) {
      // With CR0.EM or TS set, or CR4.OSFXSR clear: #UD or #NM.
      before.get(STATE).memory(Mem.i32Load, S.CPU_CR0).i32(0xc).op(Op.i32And);
      before.get(STATE).memory(Mem.i32Load, S.CPU_CR4).i32(0x200).op(Op.i32And, Op.i32Eqz, Op.i32Or);
      before.set(this.temporary("noVectors", I32));
    }
    if (this.has("noAvx")) {
      // With CR0.TS: #NM; without CR4.OSXSAVE, or XCR0's bits of SSE and AVX: #UD. None of them changes while a region runs.
      before.get(STATE).memory(Mem.i32Load, S.CPU_CR0).i32(8).op(Op.i32And);
      before.get(STATE).memory(Mem.i32Load, S.CPU_CR4).i32(0x40000).op(Op.i32And, Op.i32Eqz, Op.i32Or);
      before.get(STATE).memory(Mem.i32Load, S.CPU_XCR0).i32(6).op(Op.i32And).i32(6).op(Op.i32Ne, Op.i32Or);
      before.set(this.temporary("noAvx", I32));
    }
    this.segments.begin(before);
    this.flags.begin(before);

    const { code } = this;
    code.op(Op.unreachable).end();
    this.sayWhy(S.BAILED_UNDONE);
    code.end();
    code.get(this.#rip).get(this.pageBase).op(Op.i64Add);
    if (!this.mode.isLong) cut(code, 4);
    code.set(this.#rip);
    code.get(LEFT).get(this.temporary("done", I32)).op(Op.i32Sub).set(LEFT).end();
    this.flags.storeSettled();
    code.get(STATE).get(this.#rip).memory(Mem.i64Store, S.CPU_RIP);
    code.get(LEFT);
    return { locals: this.#locals, code: [before, code] };
  }

  /** Finds out where the page is. */
  #begin(before: Code): void {
    const { mode } = this;
    const { blocks } = this.#region;
    if (blocks[0]!.transfer.kind === "dispatch")
      return void before.get(STATE).memory(Mem.i64Load, S.CPU_CODE_BASE).set(this.pageBase);
    before.get(STATE).get(STATE).memory(Mem.i64Load, S.CPU_RIP);
    if (mode.isFlat) before.i64(mode.isLong ? PAGE : PAGE_32).op(Op.i64And);
    else {
      // CS may begin anywhere, so RIP and the page have different beginnings.
      cut(before, 4);
      before.i64(blocks[0]!.ops[0]!.offset).op(Op.i64Sub);
    }
    before.tee(this.pageBase).memory(Mem.i64Store, S.CPU_CODE_BASE);
    if (mode.isFlat) return;
    const places = blocks.flatMap(({ ops, transfer }) => {
      if (ops.length) return ops.flatMap(({ offset, length }) => [offset, offset + length - 1]);
      // Jumps also lead to blocks of which nothing could be translated.
      return transfer.kind === "jump" ? [transfer.to.offset] : "offset" in transfer ? [transfer.offset] : [];
    });
    this.segments.beginCode(before, this.pageBase, Math.min(...places), Math.max(...places), mode.word);
  }
}
