/**
 * String instructions. A repeated one commits its registers after every step, so that it can be continued after a fault or a poll in the middle. Runs
 * that stay in one page on each side are done in one go.
 */
import {
  OPF_SIMPLE,
  OP_ADDRSIZE,
  OP_FLAGS,
  OP_ID,
  OP_OPSIZE,
  OP_PREFIX,
  OP_SEG,
  OP_SEG_SLOT,
  PREFIX_REP,
  PREFIX_REPNE,
} from "./op";
import * as I from "./ids";
import { getReg64, readSized, segmentAddress, setAccessSegment, translate, writeSized } from "./access";
import { ACCESS_READ, ACCESS_WRITE, isCanonical } from "./paging/format";
import { FAULT_DEVICE, VECTOR_GP, clearFault, cpu, fault, intercept, raise } from "./machine";
import { DF, FLAGS_SUB, setLazy } from "./flags";
import { getAccumulator, inLongMode, setAccumulator } from "./operands";
import { portsAllowed } from "./protection";
import { CPU_DEPRIVILEGED, CPU_GPR, CPU_RFLAGS, ES } from "./state";
import { cutPointer, setPointer } from "./stack";
import { spaceTag, tlbTag } from "./tlb";

const DX: usize = CPU_GPR + 2 * 8;
const RCX: u32 = 1;
const RSI: u32 = 6;
const RDI: u32 = 7;
/** How many steps, or 16ths of the bytes of runs, a repeated instruction executes before it lets others in. */
export const PATIENCE: i32 = 16384;

/**
 * Returns false if a repeated instruction has steps left, so that RIP has to stay. The caller looks at `fault` first. `steps` is PATIENCE, or 1 for
 * who executes one element, and while debug traps are possible, each of which comes after the step that causes it.
 */
export function stringExecute(op: usize, steps: i32): bool {
  const id = <u32>load<u16>(op, OP_ID);
  if (id >= <u32>I.ID_INS) {
    if (load<u32>(cpu, CPU_DEPRIVILEGED) || portsAllowed(<u32>load<u16>(cpu + DX), load<u8>(op, OP_OPSIZE)))
      intercept();
    else raise(VECTOR_GP);
    return true;
  }
  const prefix = load<u8>(op, OP_PREFIX);
  const size = <u32>load<u8>(op, OP_OPSIZE);
  const compares = id == I.ID_CMPS || id == I.ID_SCAS;
  if (!(prefix & (PREFIX_REP | PREFIX_REPNE))) {
    stepOnce(op, id);
    if (compares && !fault) setCompared(size);
    return true;
  }
  const width = <u32>load<u8>(op, OP_ADDRSIZE);
  const wanted: u64 = prefix & PREFIX_REP ? 0 : 1;
  const forward = !(load<u64>(cpu, CPU_RFLAGS) & DF);
  const runs =
    steps > 1 &&
    forward &&
    tlbTag == spaceTag &&
    (id == I.ID_MOVS || id == I.ID_STOS) &&
    (load<u8>(op, OP_FLAGS) & OPF_SIMPLE) != 0;
  let patience = steps;
  while (true) {
    const count = cutPointer(getReg64(RCX), width);
    if (!count || patience <= 0) {
      if (compares && patience < steps) setCompared(size);
      return !count;
    }
    if (runs) {
      const done = id == I.ID_MOVS ? moveRun(op, size, width, count) : storeRun(size, width, count);
      if (fault) return true;
      if (done) {
        setPointer(RCX, count - done, width);
        patience -= 1 + <i32>((done * size) >> 6);
        continue;
      }
    }
    const differs = stepOnce(op, id);
    if (fault) return true;
    setPointer(RCX, count - 1, width);
    patience--;
    // REPE continues while operands are equal, REPNE while they differ.
    if (compares && differs != (wanted != 0)) {
      setCompared(size);
      return true;
    }
  }
}

function sourceAddress(op: usize, size: u32, width: u32): u64 {
  const offset = cutPointer(getReg64(RSI), width);
  const segment = <i32>load<u8>(op, OP_SEG);
  if (load<u8>(op, OP_FLAGS) & OPF_SIMPLE) {
    setAccessSegment(segment);
    return offset + load<u64>(cpu + <usize>load<u16>(op, OP_SEG_SLOT));
  }
  return segmentAddress(segment, offset, size, false);
}

function destinationAddress(size: u32, width: u32, write: bool): u64 {
  const offset = cutPointer(getReg64(RDI), width);
  setAccessSegment(ES);
  return inLongMode() ? offset : segmentAddress(ES, offset, size, write);
}

/** Makes one step without counting. For CMPS and SCAS, returns whether the operands differ. */
function stepOnce(op: usize, id: u32): bool {
  const size = <u32>load<u8>(op, OP_OPSIZE);
  const width = <u32>load<u8>(op, OP_ADDRSIZE);
  const distance: u64 = load<u64>(cpu, CPU_RFLAGS) & DF ? 0 - <u64>size : size;
  let a: u64 = 0;
  let b: u64 = 0;
  const usesSource = id == I.ID_MOVS || id == I.ID_CMPS || id == I.ID_LODS;
  // If both operands fault, Intel's processors report the one at ES:EDI.
  if (id == I.ID_CMPS) {
    const lin = destinationAddress(size, width, false);
    if (fault) return false;
    b = readSized(lin, size);
    if (fault) return false;
  }
  if (usesSource) {
    const lin = sourceAddress(op, size, width);
    if (fault) return false;
    a = readSized(lin, size);
    if (fault) return false;
  } else a = getAccumulator(size);
  if (id == I.ID_CMPS) setPointer(RDI, cutPointer(getReg64(RDI) + distance, width), width);
  else if (id != I.ID_LODS) {
    const writes = id == I.ID_MOVS || id == I.ID_STOS;
    const lin = destinationAddress(size, width, writes);
    if (fault) return false;
    if (writes) writeSized(lin, size, a);
    else b = readSized(lin, size);
    if (fault) return false;
    setPointer(RDI, cutPointer(getReg64(RDI) + distance, width), width);
  } else setAccumulator(size, a);
  if (usesSource) setPointer(RSI, cutPointer(getReg64(RSI) + distance, width), width);
  comparedFirst = a;
  comparedSecond = b;
  return a != b;
}

/** The operands of the last step. */
let comparedFirst: u64 = 0;
let comparedSecond: u64 = 0;

/** Sets the flags by the last step. A repeated comparison that faults leaves the flags as they were before it (CMPS in SDM volume 2). */
function setCompared(size: u32): void {
  setLazy(FLAGS_SUB, size, comparedFirst - comparedSecond, comparedFirst);
}

/** Returns the host address of `lin`; 0 if there is a device, which has to get every element separately, or after raising. */
function pageOf(lin: u64, access: i32): usize {
  const host = translate(lin, access);
  if (!host && fault == FAULT_DEVICE) clearFault();
  return host;
}

/** Moves the elements that can be moved in one go, and returns their number; 0 if it must go step by step (page boundary, overlap). */
function moveRun(op: usize, size: u32, width: u32, count: u64): u64 {
  const from = sourceAddress(op, size, width);
  const to = destinationAddress(size, width, true);
  if (fault) return 0;
  const shift = <u64>ctz<u32>(size);
  let n = min<u64>(count, min<u64>(4096 - (from & 0xfff), 4096 - (to & 0xfff)) >> shift);
  if (!n || !isCanonical(from) || !isCanonical(to)) return 0;
  const source = pageOf(from, ACCESS_READ);
  const destination = source ? pageOf(to, ACCESS_WRITE) : 0;
  if (!destination) return 0;
  const bytes = <usize>(n << shift);
  // An overlap ahead repeats a pattern, because bytes just written are read again.
  if (destination > source && destination < source + bytes) return 0;
  memory.copy(destination, source, bytes);
  setPointer(RSI, cutPointer(getReg64(RSI) + bytes, width), width);
  setPointer(RDI, cutPointer(getReg64(RDI) + bytes, width), width);
  return n;
}

function storeRun(size: u32, width: u32, count: u64): u64 {
  const to = destinationAddress(size, width, true);
  if (fault) return 0;
  const shift = <u64>ctz<u32>(size);
  const n = min<u64>(count, (4096 - (to & 0xfff)) >> shift);
  if (!n || !isCanonical(to)) return 0;
  const destination = pageOf(to, ACCESS_WRITE);
  if (!destination) return 0;
  const bytes = <usize>(n << shift);
  const value = getAccumulator(size);
  const repeated =
    size == 8
      ? value
      : size == 4
        ? value * 0x100000001
        : size == 2
          ? value * 0x1000100010001
          : value * 0x101010101010101;
  if (repeated == (repeated & 0xff) * 0x101010101010101) memory.fill(destination, <u8>repeated, bytes);
  else for (let i: usize = 0; i < bytes; i += size) storeElement(destination + i, size, value);
  setPointer(RDI, cutPointer(getReg64(RDI) + bytes, width), width);
  return n;
}

// @ts-ignore: decorator
@inline
function storeElement(host: usize, size: u32, value: u64): void {
  if (size == 8) store<u64>(host, value);
  else if (size == 4) store<u32>(host, <u32>value);
  else store<u16>(host, <u16>value);
}
