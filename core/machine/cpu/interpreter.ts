/**
 * The run loop. An op's handler is a case of one dense switch; `continue` goes to the next op, `break` leaves the switch
 * for what is after it: a branch inside the page (`transfer` says which way), or the end of the block with CPU_RIP set, or a fault.
 */
import { accessNeedsInspection, clearDebugHits, debugHits } from "./access";
import { aluExecute } from "./alu";
import { bitsExecute } from "./bits";
import {
  REGION_SIZE,
  blockChains,
  blockHost,
  blocksInit,
  cacheGeneration,
  codeLinear,
  coolBlock,
  findBlock,
  prepareSingle,
  warmBlock,
} from "./blocks";
import { clearCodeChanged, codeChanged, followGeneration, setRunningFrame } from "./code_frames";
import { controlExecute } from "./control";
import { dataExecute } from "./data";
import { MODE_64, MODE_CODE32, MODE_FLAT, MODE_STACK32 } from "./decode";
import { deliverFault } from "./exceptions";
import { EXIT_EXCEPTION, EXIT_POLL, EXIT_PRIVILEGED } from "./exits";
import { FLAGS_DEC, FLAGS_INC, RF, TF, condition, getCarry, getFlags } from "./flags";
import * as H from "./handlers";
import {
  RBP,
  RSP,
  SIZE_32,
  SIZE_64,
  flagsAdd32,
  flagsAdd64,
  flagsLogic32,
  flagsLogic64,
  flagsLogic8,
  flagsShift32,
  flagsShift64,
  flagsSub32,
  flagsSub64,
  flagsSub8,
  hotHost,
  hotOffset,
  hotPush,
  hotRead16,
  hotRead32,
  hotRead64,
  hotRead8,
  hotStack,
  hotWrite16,
  hotWrite32,
  hotWrite64,
  hotWrite8,
  isBelow,
  isLess,
  isNegative,
} from "./hot";
import {
  FAULT_PRIVILEGED,
  VECTOR_DB,
  VECTOR_DF,
  VECTOR_GP,
  VECTOR_UD,
  clearFault,
  cpu,
  exitRequest,
  exitVector,
  fault,
  faultAddress,
  faultError,
  modeStale,
  raise,
  requestExit,
  setModeStale,
} from "./machine";
import { isCanonical, mmuInit } from "./mmu";
import {
  OP_CONDITION,
  OP_DST,
  OP_HANDLER,
  OP_IMM,
  OP_LENGTH,
  OP_OFFSET,
  OP_SIZE,
  OP_SRC,
  OP_TARGET,
  OP_TARGET2,
} from "./op";
import { adoptRegions, runRegions } from "./regions";
import { segmentExecute } from "./segment";
import { shiftExecute } from "./shift";
import { sseExecute } from "./sse/sse";
import { stackExecute } from "./stack";
import {
  CPU_BAILED,
  CPU_CODE_BASE,
  CPU_CR3,
  CPU_DEPRIVILEGED,
  CPU_DR,
  CPU_EFER,
  CPU_EXIT_ADDRESS,
  CPU_EXIT_ERROR,
  CPU_EXIT_OP,
  CPU_EXIT_VECTOR,
  CPU_FLAG_B,
  CPU_FLAG_KIND,
  CPU_FLAG_RESULT,
  CPU_RETIRED,
  CPU_RFLAGS,
  CPU_RIP,
  CPU_SEG,
  CPU_SHADOW,
  CPU_ZERO,
  CS,
  DS,
  ES,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SIZE,
  SS,
} from "./state";
import { stringExecute } from "./string";
import { systemExecute } from "./system";
import { tlbInit, tlbSelect } from "./tlb";
import { x87Execute, x87Wait } from "./x87/x87";

let pollAddress: usize = 0;
let budget: i32 = 1000000;
/** Decoding mode of the running code, MODE_*. */
let codeMode: u32 = 0;
/** Instructions must be executed one by one: TF, RF or breakpoints. */
let careful: bool = false;

/** Bytes of one pCPU's region: TLB and decode cache. */
export function cpuRegionSize(): usize {
  return REGION_SIZE;
}

/** Prepares this instance for pCPU `pcpu`; `region` is 64-byte aligned and its alone. */
export function cpuInit(pcpu: u32, region: usize): void {
  mmuInit((<u64>memory.size()) << 16);
  tlbInit(region);
  blocksInit(region);
  setModeStale(true);
}

/** u32 that is nonzero when run() is to come back. */
export function setPollAddress(address: usize): void {
  pollAddress = address;
}
/** Most instructions of one run(). */
export function setBudget(instructions: i32): void {
  budget = instructions;
}

/** Loads CR3 of the running vCPU. Translations of other address spaces stay. */
export function setAddressSpace(cr3: u64): void {
  store<u64>(cpu, cr3, CPU_CR3);
  refreshMode();
}

function isFlat(n: i32): bool {
  const at = cpu + CPU_SEG + <usize>(n * SEG_SIZE);
  const attr = load<u16>(at, SEG_ATTR);
  if (attr & 0x8000 || load<u64>(at, SEG_BASE) || load<u32>(at, SEG_LIMIT) != 0xffffffff) return false;
  // Code readable, data writable and not expand-down.
  return n == CS ? (attr & 10) == 10 : (attr & 14) == 2;
}

/** Takes over changes of CPL, control registers, segments, flags and debug registers of the running vCPU. */
export function refreshMode(): void {
  setModeStale(false);
  const attr = load<u16>(cpu, CPU_SEG + CS * SEG_SIZE + SEG_ATTR);
  if (attr & 0x200 && load<u64>(cpu, CPU_EFER) & 0x400) codeMode = MODE_64;
  else {
    codeMode = attr & 0x400 ? MODE_CODE32 : 0;
    if (load<u16>(cpu, CPU_SEG + SS * SEG_SIZE + SEG_ATTR) & 0x400) codeMode |= MODE_STACK32;
    if (isFlat(CS) && isFlat(SS) && isFlat(DS) && isFlat(ES)) codeMode |= MODE_FLAT;
  }
  careful = (load<u64>(cpu, CPU_RFLAGS) & (TF | RF)) != 0 || (load<u64>(cpu, CPU_DR + 56) & 0xff) != 0;
  tlbSelect(accessNeedsInspection());
}

/** Executes until an exit; returns EXIT_*. */
export function run(): i32 {
  return execute(budget, false);
}

/** Executes exactly one instruction (a repeated one to its end): EXIT_POLL, or the exit it caused. */
export function step(): i32 {
  return execute(1, true);
}

/** Reports the exception in `fault`. */
function exceptionExit(): i32 {
  store<u32>(cpu, <u32>(fault - 1), CPU_EXIT_VECTOR);
  store<u32>(cpu, faultError, CPU_EXIT_ERROR);
  store<u64>(cpu, faultAddress, CPU_EXIT_ADDRESS);
  clearFault();
  return EXIT_EXCEPTION;
}

/** What to do about `fault`: -1 to go on (delivered to the guest's own handler), else the exit. CPU_RIP is what to push. */
function settleFault(op: usize): i32 {
  if (fault & FAULT_PRIVILEGED) {
    store<u32>(cpu, <u32>(fault & 0xff), CPU_EXIT_ERROR);
    store<u32>(cpu, <u32>(fault & 0xff), CPU_EXIT_VECTOR);
    store<u32>(cpu, <u32>op, CPU_EXIT_OP);
    clearFault();
    return EXIT_PRIVILEGED;
  }
  if (load<u32>(cpu, CPU_DEPRIVILEGED)) return exceptionExit();
  if (deliverFault()) return -1;
  store<u32>(cpu, VECTOR_DF, CPU_EXIT_VECTOR);
  store<u32>(cpu, 0, CPU_EXIT_ERROR);
  return EXIT_EXCEPTION;
}

/** Raises #DB; `bits` of DR6. A deprivileged vCPU's exit has them in ADDRESS. */
function debugTrap(bits: u32): i32 {
  raise(VECTOR_DB, 0, bits);
  if (!load<u32>(cpu, CPU_DEPRIVILEGED)) store<u64>(cpu, load<u64>(cpu, CPU_DR + 48) | bits, CPU_DR + 48);
  return settleFault(0);
}

/** DR6 bits of instruction breakpoints at the next instruction. */
function instructionBreakpoints(): u32 {
  const dr7 = load<u64>(cpu, CPU_DR + 56);
  const lin = codeLinear(codeMode);
  let hits: u32 = 0;
  for (let i = 0; i < 4; i++)
    if ((dr7 >> (2 * i)) & 3 && !((dr7 >> (16 + 4 * i)) & 3) && load<u64>(cpu + ((<usize>i) << 3), CPU_DR) == lin)
      hits |= 1 << i;
  return hits;
}

function execute(limit: i32, single: bool): i32 {
  const s = cpu;
  store<u64>(s, 0, CPU_ZERO);
  clearFault();
  clearCodeChanged();
  clearDebugHits();
  requestExit(-1);
  setModeStale(true);
  const poll = pollAddress ? pollAddress : s + CPU_ZERO;

  /** Instructions left; counted when a block is left. `idle`: taken from it without an instruction having retired. */
  let left = limit;
  let idle: i32 = 0;
  let op: usize = 0;
  let start: usize = 0;
  /** The op that ended the last block, and its OP_TARGET or OP_TARGET2, if the next block may be chained to it. */
  let link: usize = 0;
  let linkSlot: usize = 0;
  let transfer: usize = 0;
  let exit: i32 = -1;
  /** Of the instruction executed alone: TF was set. */
  let traced: bool = false;
  let alone: bool = false;
  let first = single;
  let unfinished = false;
  /** Translated code has left the next instruction to the interpreter: its block is the only one before another attempt. */
  let bailed = false;
  adoptRegions();

  while (true) {
    // ---- between blocks: CPU_RIP is the next instruction ----
    if (alone) {
      alone = false;
      if (load<u32>(s, CPU_SHADOW) == 2) store<u32>(s, 0, CPU_SHADOW);
      const bits = debugHits | (traced ? 0x4000 : 0);
      if (bits) {
        clearDebugHits();
        traced = false;
        exit = debugTrap(bits);
        if (exit >= 0) break;
      }
    }
    if (modeStale) refreshMode();
    const shadow = load<u32>(s, CPU_SHADOW);
    if (!first && !shadow && (left <= 0 || atomic.load<u32>(poll) != 0)) {
      exit = EXIT_POLL;
      break;
    }
    if (single && !first && left <= 0) {
      exit = EXIT_POLL;
      break;
    }
    first = false;
    followGeneration();
    if (careful || single || shadow) {
      const flags = load<u64>(s, CPU_RFLAGS);
      if (careful && !(flags & RF)) {
        const hits = instructionBreakpoints();
        if (hits) {
          exit = debugTrap(hits);
          if (exit >= 0) break;
          continue;
        }
      }
      traced = (flags & TF) != 0;
      alone = true;
      link = 0;
      op = prepareSingle(codeMode);
      if (op && flags & RF) {
        store<u64>(s, flags & ~(<u64>RF), CPU_RFLAGS);
        setModeStale(true);
      }
      if (shadow) store<u32>(s, 2, CPU_SHADOW);
    } else {
      const generation = cacheGeneration;
      op = findBlock(codeMode);
      if (op && codeMode & MODE_64 && warmBlock(op, load<u64>(s, CPU_RIP)) && !bailed) {
        const before = left;
        left = runRegions(left, poll);
        bailed = load<u32>(s, CPU_BAILED) != 0;
        if (left != before) {
          link = 0;
          continue;
        }
        if (!bailed) coolBlock(op);
        link = 0;
      }
      if (link) {
        if (op && generation == cacheGeneration && blockChains(op)) store<u32>(link + linkSlot, <u32>op);
        link = 0;
      }
    }
    if (!op) {
      traced = false;
      alone = false;
      exit = settleFault(0);
      if (exit >= 0) break;
      continue;
    }
    start = op;
    const chains = !bailed;
    bailed = false;
    setRunningFrame(blockHost(op) >> 12);
    store<u64>(s, load<u64>(s, CPU_RIP) - load<u16>(op, OP_OFFSET), CPU_CODE_BASE);

    // ---- in a block ----
    while (true) {
      switch (<u32>load<u16>(op, OP_HANDLER)) {
        case H.H_UD:
          raise(VECTOR_UD);
          break;
        case H.H_NEXT:
          transfer = OP_TARGET2;
          break;
        case H.H_LENGTH:
          raise(VECTOR_GP);
          break;
        case H.H_ALU:
          aluExecute(op);
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        case H.H_DATA:
          dataExecute(op);
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        case H.H_STACK:
          stackExecute(op);
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        case H.H_SHIFT:
          shiftExecute(op);
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        case H.H_BITS:
          bitsExecute(op);
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        case H.H_STRING:
          if (!stringExecute(op)) {
            unfinished = true;
            break;
          }
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        case H.H_X87:
          x87Execute(op);
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        case H.H_SSE:
          sseExecute(op);
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        case H.H_WAIT:
          x87Wait();
          if (fault) break;
          op += OP_SIZE;
          continue;
        case H.H_SEGMENT:
          segmentExecute(op);
          if (!fault) setNext(s, op);
          break;
        case H.H_CONTROL:
          setNext(s, op);
          controlExecute(op);
          // What it pushed may lie in its own page; RIP is its target, not the next instruction.
          clearCodeChanged();
          break;
        case H.H_SYSTEM:
          setNext(s, op);
          systemExecute(op);
          break;
        // ---- arithmetic and logic ----
        case H.H_ADD_RR32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
          const r = a + b;
          store<u64>(d, r & 0xffffffff);
          flagsAdd32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_ADD_RI32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a + b;
          store<u64>(d, r & 0xffffffff);
          flagsAdd32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_ADD_RM32: {
          const b = hotRead32(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const r = a + b;
          store<u64>(d, r & 0xffffffff);
          flagsAdd32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_ADD_MR32: {
          const m = hotHost(s, op, 3);
          if (m) {
            const a = <u64>load<u32>(m);
            const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
            const r = a + b;
            store<u32>(m, <u32>r);
            flagsAdd32(s, r, a);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_ADD_MI32: {
          const m = hotHost(s, op, 3);
          if (m) {
            const a = <u64>load<u32>(m);
            const b = load<u64>(op, OP_IMM);
            const r = a + b;
            store<u32>(m, <u32>r);
            flagsAdd32(s, r, a);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_ADD_RR64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(s + load<u8>(op, OP_SRC));
          const r = a + b;
          store<u64>(d, r);
          flagsAdd64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_ADD_RI64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a + b;
          store<u64>(d, r);
          flagsAdd64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_ADD_RM64: {
          const b = hotRead64(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const r = a + b;
          store<u64>(d, r);
          flagsAdd64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_ADD_MR64: {
          const m = hotHost(s, op, 7);
          if (m) {
            const a = load<u64>(m);
            const b = load<u64>(s + load<u8>(op, OP_SRC));
            const r = a + b;
            store<u64>(m, r);
            flagsAdd64(s, r, a);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_ADD_MI64: {
          const m = hotHost(s, op, 7);
          if (m) {
            const a = load<u64>(m);
            const b = load<u64>(op, OP_IMM);
            const r = a + b;
            store<u64>(m, r);
            flagsAdd64(s, r, a);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_OR_RR32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
          const r = a | b;
          store<u64>(d, r & 0xffffffff);
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_OR_RI32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a | b;
          store<u64>(d, r & 0xffffffff);
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_OR_RM32: {
          const b = hotRead32(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const r = a | b;
          store<u64>(d, r & 0xffffffff);
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_OR_MR32: {
          const m = hotHost(s, op, 3);
          if (m) {
            const a = <u64>load<u32>(m);
            const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
            const r = a | b;
            store<u32>(m, <u32>r);
            flagsLogic32(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_OR_MI32: {
          const m = hotHost(s, op, 3);
          if (m) {
            const a = <u64>load<u32>(m);
            const b = load<u64>(op, OP_IMM);
            const r = a | b;
            store<u32>(m, <u32>r);
            flagsLogic32(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_OR_RR64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(s + load<u8>(op, OP_SRC));
          const r = a | b;
          store<u64>(d, r);
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_OR_RI64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a | b;
          store<u64>(d, r);
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_OR_RM64: {
          const b = hotRead64(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const r = a | b;
          store<u64>(d, r);
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_OR_MR64: {
          const m = hotHost(s, op, 7);
          if (m) {
            const a = load<u64>(m);
            const b = load<u64>(s + load<u8>(op, OP_SRC));
            const r = a | b;
            store<u64>(m, r);
            flagsLogic64(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_OR_MI64: {
          const m = hotHost(s, op, 7);
          if (m) {
            const a = load<u64>(m);
            const b = load<u64>(op, OP_IMM);
            const r = a | b;
            store<u64>(m, r);
            flagsLogic64(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_AND_RR32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
          const r = a & b;
          store<u64>(d, r & 0xffffffff);
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_AND_RI32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a & b;
          store<u64>(d, r & 0xffffffff);
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_AND_RM32: {
          const b = hotRead32(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const r = a & b;
          store<u64>(d, r & 0xffffffff);
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_AND_MR32: {
          const m = hotHost(s, op, 3);
          if (m) {
            const a = <u64>load<u32>(m);
            const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
            const r = a & b;
            store<u32>(m, <u32>r);
            flagsLogic32(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_AND_MI32: {
          const m = hotHost(s, op, 3);
          if (m) {
            const a = <u64>load<u32>(m);
            const b = load<u64>(op, OP_IMM);
            const r = a & b;
            store<u32>(m, <u32>r);
            flagsLogic32(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_AND_RR64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(s + load<u8>(op, OP_SRC));
          const r = a & b;
          store<u64>(d, r);
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_AND_RI64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a & b;
          store<u64>(d, r);
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_AND_RM64: {
          const b = hotRead64(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const r = a & b;
          store<u64>(d, r);
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_AND_MR64: {
          const m = hotHost(s, op, 7);
          if (m) {
            const a = load<u64>(m);
            const b = load<u64>(s + load<u8>(op, OP_SRC));
            const r = a & b;
            store<u64>(m, r);
            flagsLogic64(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_AND_MI64: {
          const m = hotHost(s, op, 7);
          if (m) {
            const a = load<u64>(m);
            const b = load<u64>(op, OP_IMM);
            const r = a & b;
            store<u64>(m, r);
            flagsLogic64(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_SUB_RR32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
          const r = a - b;
          store<u64>(d, r & 0xffffffff);
          flagsSub32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_SUB_RI32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a - b;
          store<u64>(d, r & 0xffffffff);
          flagsSub32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_SUB_RM32: {
          const b = hotRead32(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const r = a - b;
          store<u64>(d, r & 0xffffffff);
          flagsSub32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_SUB_MR32: {
          const m = hotHost(s, op, 3);
          if (m) {
            const a = <u64>load<u32>(m);
            const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
            const r = a - b;
            store<u32>(m, <u32>r);
            flagsSub32(s, r, a);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_SUB_MI32: {
          const m = hotHost(s, op, 3);
          if (m) {
            const a = <u64>load<u32>(m);
            const b = load<u64>(op, OP_IMM);
            const r = a - b;
            store<u32>(m, <u32>r);
            flagsSub32(s, r, a);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_SUB_RR64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(s + load<u8>(op, OP_SRC));
          const r = a - b;
          store<u64>(d, r);
          flagsSub64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_SUB_RI64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a - b;
          store<u64>(d, r);
          flagsSub64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_SUB_RM64: {
          const b = hotRead64(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const r = a - b;
          store<u64>(d, r);
          flagsSub64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_SUB_MR64: {
          const m = hotHost(s, op, 7);
          if (m) {
            const a = load<u64>(m);
            const b = load<u64>(s + load<u8>(op, OP_SRC));
            const r = a - b;
            store<u64>(m, r);
            flagsSub64(s, r, a);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_SUB_MI64: {
          const m = hotHost(s, op, 7);
          if (m) {
            const a = load<u64>(m);
            const b = load<u64>(op, OP_IMM);
            const r = a - b;
            store<u64>(m, r);
            flagsSub64(s, r, a);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_XOR_RR32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
          const r = a ^ b;
          store<u64>(d, r & 0xffffffff);
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_XOR_RI32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a ^ b;
          store<u64>(d, r & 0xffffffff);
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_XOR_RM32: {
          const b = hotRead32(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const r = a ^ b;
          store<u64>(d, r & 0xffffffff);
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_XOR_MR32: {
          const m = hotHost(s, op, 3);
          if (m) {
            const a = <u64>load<u32>(m);
            const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
            const r = a ^ b;
            store<u32>(m, <u32>r);
            flagsLogic32(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_XOR_MI32: {
          const m = hotHost(s, op, 3);
          if (m) {
            const a = <u64>load<u32>(m);
            const b = load<u64>(op, OP_IMM);
            const r = a ^ b;
            store<u32>(m, <u32>r);
            flagsLogic32(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_XOR_RR64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(s + load<u8>(op, OP_SRC));
          const r = a ^ b;
          store<u64>(d, r);
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_XOR_RI64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a ^ b;
          store<u64>(d, r);
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_XOR_RM64: {
          const b = hotRead64(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const r = a ^ b;
          store<u64>(d, r);
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_XOR_MR64: {
          const m = hotHost(s, op, 7);
          if (m) {
            const a = load<u64>(m);
            const b = load<u64>(s + load<u8>(op, OP_SRC));
            const r = a ^ b;
            store<u64>(m, r);
            flagsLogic64(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_XOR_MI64: {
          const m = hotHost(s, op, 7);
          if (m) {
            const a = load<u64>(m);
            const b = load<u64>(op, OP_IMM);
            const r = a ^ b;
            store<u64>(m, r);
            flagsLogic64(s, r);
          } else {
            aluExecute(op);
            if (fault | codeChanged) break;
          }
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_RR32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
          const r = a - b;
          flagsSub32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_RI32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a - b;
          flagsSub32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_RM32: {
          const b = hotRead32(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const r = a - b;
          flagsSub32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_MR32: {
          const a = hotRead32(s, op);
          if (fault) break;
          const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
          const r = a - b;
          flagsSub32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_MI32: {
          const a = hotRead32(s, op);
          if (fault) break;
          const b = load<u64>(op, OP_IMM);
          const r = a - b;
          flagsSub32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_RR64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(s + load<u8>(op, OP_SRC));
          const r = a - b;
          flagsSub64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_RI64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a - b;
          flagsSub64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_RM64: {
          const b = hotRead64(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const r = a - b;
          flagsSub64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_MR64: {
          const a = hotRead64(s, op);
          if (fault) break;
          const b = load<u64>(s + load<u8>(op, OP_SRC));
          const r = a - b;
          flagsSub64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_MI64: {
          const a = hotRead64(s, op);
          if (fault) break;
          const b = load<u64>(op, OP_IMM);
          const r = a - b;
          flagsSub64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_RR32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
          const r = a & b;
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_RI32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a & b;
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_RM32: {
          const b = hotRead32(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const r = a & b;
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_MR32: {
          const a = hotRead32(s, op);
          if (fault) break;
          const b = <u64>load<u32>(s + load<u8>(op, OP_SRC));
          const r = a & b;
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_MI32: {
          const a = hotRead32(s, op);
          if (fault) break;
          const b = load<u64>(op, OP_IMM);
          const r = a & b;
          flagsLogic32(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_RR64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(s + load<u8>(op, OP_SRC));
          const r = a & b;
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_RI64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const b = load<u64>(op, OP_IMM);
          const r = a & b;
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_RM64: {
          const b = hotRead64(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const r = a & b;
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_MR64: {
          const a = hotRead64(s, op);
          if (fault) break;
          const b = load<u64>(s + load<u8>(op, OP_SRC));
          const r = a & b;
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_MI64: {
          const a = hotRead64(s, op);
          if (fault) break;
          const b = load<u64>(op, OP_IMM);
          const r = a & b;
          flagsLogic64(s, r);
          op += OP_SIZE;
          continue;
        }
        // ---- moves ----
        case H.H_MOV_RR32: {
          store<u64>(s + load<u8>(op, OP_DST), <u64>load<u32>(s + load<u8>(op, OP_SRC)));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_RI32: {
          store<u64>(s + load<u8>(op, OP_DST), <u64>load<u32>(op, OP_IMM));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_RM32: {
          const b = hotRead32(s, op);
          if (fault) break;
          store<u64>(s + load<u8>(op, OP_DST), b);
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_MR32: {
          hotWrite32(s, op, load<u32>(s + load<u8>(op, OP_SRC)));
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_MI32: {
          hotWrite32(s, op, load<u32>(op, OP_IMM));
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        }
        case H.H_LEA32: {
          store<u64>(s + load<u8>(op, OP_DST), hotOffset(s, op) & 0xffffffff);
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVZX8_RR32: {
          store<u64>(s + load<u8>(op, OP_DST), <u64>load<u8>(s + load<u8>(op, OP_SRC)));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVZX8_RM32: {
          const b = hotRead8(s, op);
          if (fault) break;
          store<u64>(s + load<u8>(op, OP_DST), <u64>b);
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVZX16_RR32: {
          store<u64>(s + load<u8>(op, OP_DST), <u64>load<u16>(s + load<u8>(op, OP_SRC)));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVZX16_RM32: {
          const b = hotRead16(s, op);
          if (fault) break;
          store<u64>(s + load<u8>(op, OP_DST), <u64>b);
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVSX8_RR32: {
          store<u64>(s + load<u8>(op, OP_DST), <u64>(<u32>(<i32>load<i8>(s + load<u8>(op, OP_SRC)))));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVSX8_RM32: {
          const b = hotRead8(s, op);
          if (fault) break;
          store<u64>(s + load<u8>(op, OP_DST), <u64>(<u32>(<i32>(<i8>b))));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVSX16_RR32: {
          store<u64>(s + load<u8>(op, OP_DST), <u64>(<u32>(<i32>load<i16>(s + load<u8>(op, OP_SRC)))));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVSX16_RM32: {
          const b = hotRead16(s, op);
          if (fault) break;
          store<u64>(s + load<u8>(op, OP_DST), <u64>(<u32>(<i32>(<i16>b))));
          op += OP_SIZE;
          continue;
        }
        case H.H_CMOV_RR32: {
          const d = s + load<u8>(op, OP_DST);
          store<u64>(
            d,
            condition(load<u8>(op, OP_CONDITION)) ? <u64>load<u32>(s + load<u8>(op, OP_SRC)) : <u64>load<u32>(d),
          );
          op += OP_SIZE;
          continue;
        }
        case H.H_CMOV_RM32: {
          const b = hotRead32(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          store<u64>(d, condition(load<u8>(op, OP_CONDITION)) ? b : <u64>load<u32>(d));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_RR64: {
          store<u64>(s + load<u8>(op, OP_DST), load<u64>(s + load<u8>(op, OP_SRC)));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_RI64: {
          store<u64>(s + load<u8>(op, OP_DST), load<u64>(op, OP_IMM));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_RM64: {
          const b = hotRead64(s, op);
          if (fault) break;
          store<u64>(s + load<u8>(op, OP_DST), b);
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_MR64: {
          hotWrite64(s, op, load<u64>(s + load<u8>(op, OP_SRC)));
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_MI64: {
          hotWrite64(s, op, load<u64>(op, OP_IMM));
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        }
        case H.H_LEA64: {
          store<u64>(s + load<u8>(op, OP_DST), hotOffset(s, op));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVZX8_RR64: {
          store<u64>(s + load<u8>(op, OP_DST), <u64>load<u8>(s + load<u8>(op, OP_SRC)));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVZX8_RM64: {
          const b = hotRead8(s, op);
          if (fault) break;
          store<u64>(s + load<u8>(op, OP_DST), <u64>b);
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVZX16_RR64: {
          store<u64>(s + load<u8>(op, OP_DST), <u64>load<u16>(s + load<u8>(op, OP_SRC)));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVZX16_RM64: {
          const b = hotRead16(s, op);
          if (fault) break;
          store<u64>(s + load<u8>(op, OP_DST), <u64>b);
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVSX8_RR64: {
          store<u64>(s + load<u8>(op, OP_DST), <u64>(<i64>load<i8>(s + load<u8>(op, OP_SRC))));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVSX8_RM64: {
          const b = hotRead8(s, op);
          if (fault) break;
          store<u64>(s + load<u8>(op, OP_DST), <u64>(<i64>(<i8>b)));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVSX16_RR64: {
          store<u64>(s + load<u8>(op, OP_DST), <u64>(<i64>load<i16>(s + load<u8>(op, OP_SRC))));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVSX16_RM64: {
          const b = hotRead16(s, op);
          if (fault) break;
          store<u64>(s + load<u8>(op, OP_DST), <u64>(<i64>(<i16>b)));
          op += OP_SIZE;
          continue;
        }
        case H.H_CMOV_RR64: {
          const d = s + load<u8>(op, OP_DST);
          store<u64>(d, condition(load<u8>(op, OP_CONDITION)) ? load<u64>(s + load<u8>(op, OP_SRC)) : load<u64>(d));
          op += OP_SIZE;
          continue;
        }
        case H.H_CMOV_RM64: {
          const b = hotRead64(s, op);
          if (fault) break;
          const d = s + load<u8>(op, OP_DST);
          store<u64>(d, condition(load<u8>(op, OP_CONDITION)) ? b : load<u64>(d));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVSXD_RR: {
          store<i64>(s + load<u8>(op, OP_DST), <i64>load<i32>(s + load<u8>(op, OP_SRC)));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOVSXD_RM: {
          const b = hotRead32(s, op);
          if (fault) break;
          store<i64>(s + load<u8>(op, OP_DST), <i64>(<i32>b));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_RM8: {
          const b = hotRead8(s, op);
          if (fault) break;
          store<u8>(s + load<u8>(op, OP_DST), <u8>b);
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_RR8: {
          store<u8>(s + load<u8>(op, OP_DST), load<u8>(s + load<u8>(op, OP_SRC)));
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_MR8: {
          hotWrite8(s, op, load<u8>(s + load<u8>(op, OP_SRC)));
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_MI8: {
          hotWrite8(s, op, load<u8>(op, OP_IMM));
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        }
        case H.H_MOV_MR16: {
          hotWrite16(s, op, load<u16>(s + load<u8>(op, OP_SRC)));
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        }
        case H.H_SETCC_R8: {
          store<u8>(s + load<u8>(op, OP_DST), condition(load<u8>(op, OP_CONDITION)) ? 1 : 0);
          op += OP_SIZE;
          continue;
        }
        case H.H_NOP: {
          op += OP_SIZE;
          continue;
        }
        // ---- one operand, shifts, products ----
        case H.H_INC_R32: {
          const d = s + load<u8>(op, OP_DST);
          const r = <u64>load<u32>(d) + 1;
          store<u64>(s, getCarry(), CPU_FLAG_B);
          store<u64>(d, r & 0xffffffff);
          store<u32>(s, FLAGS_INC | SIZE_32, CPU_FLAG_KIND);
          store<u64>(s, r << 32, CPU_FLAG_RESULT);
          op += OP_SIZE;
          continue;
        }
        case H.H_DEC_R32: {
          const d = s + load<u8>(op, OP_DST);
          const r = <u64>load<u32>(d) - 1;
          store<u64>(s, getCarry(), CPU_FLAG_B);
          store<u64>(d, r & 0xffffffff);
          store<u32>(s, FLAGS_DEC | SIZE_32, CPU_FLAG_KIND);
          store<u64>(s, r << 32, CPU_FLAG_RESULT);
          op += OP_SIZE;
          continue;
        }
        case H.H_NOT_R32: {
          const d = s + load<u8>(op, OP_DST);
          const r = ~(<u64>load<u32>(d));
          store<u64>(d, r & 0xffffffff);
          op += OP_SIZE;
          continue;
        }
        case H.H_NEG_R32: {
          const d = s + load<u8>(op, OP_DST);
          const a: u64 = 0;
          const r = a - <u64>load<u32>(d);
          store<u64>(d, r & 0xffffffff);
          flagsSub32(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_SHL_RI32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const n = load<u64>(op, OP_IMM);
          const r = a << n;
          const c = (a >> (32 - n)) & 1;
          store<u64>(d, r & 0xffffffff);
          flagsShift32(s, r, c | ((((r >> 31) & 1) ^ c) << 11));
          op += OP_SIZE;
          continue;
        }
        case H.H_SHR_RI32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <u64>load<u32>(d);
          const n = load<u64>(op, OP_IMM);
          const r = a >> n;
          store<u64>(d, r & 0xffffffff);
          flagsShift32(s, r, ((a >> (n - 1)) & 1) | (n == 1 ? (a >> 31) << 11 : 0));
          op += OP_SIZE;
          continue;
        }
        case H.H_SAR_RI32: {
          const d = s + load<u8>(op, OP_DST);
          const a = <i64>load<i32>(d);
          const n = load<i64>(op, OP_IMM);
          const r = <u64>(a >> n);
          store<u64>(d, r & 0xffffffff);
          flagsShift32(s, r, (<u64>(a >> (n - 1))) & 1);
          op += OP_SIZE;
          continue;
        }
        case H.H_INC_R64: {
          const d = s + load<u8>(op, OP_DST);
          const r = load<u64>(d) + 1;
          store<u64>(s, getCarry(), CPU_FLAG_B);
          store<u64>(d, r);
          store<u32>(s, FLAGS_INC | SIZE_64, CPU_FLAG_KIND);
          store<u64>(s, r, CPU_FLAG_RESULT);
          op += OP_SIZE;
          continue;
        }
        case H.H_DEC_R64: {
          const d = s + load<u8>(op, OP_DST);
          const r = load<u64>(d) - 1;
          store<u64>(s, getCarry(), CPU_FLAG_B);
          store<u64>(d, r);
          store<u32>(s, FLAGS_DEC | SIZE_64, CPU_FLAG_KIND);
          store<u64>(s, r, CPU_FLAG_RESULT);
          op += OP_SIZE;
          continue;
        }
        case H.H_NOT_R64: {
          const d = s + load<u8>(op, OP_DST);
          const r = ~load<u64>(d);
          store<u64>(d, r);
          op += OP_SIZE;
          continue;
        }
        case H.H_NEG_R64: {
          const d = s + load<u8>(op, OP_DST);
          const a: u64 = 0;
          const r = a - load<u64>(d);
          store<u64>(d, r);
          flagsSub64(s, r, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_SHL_RI64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const n = load<u64>(op, OP_IMM);
          const r = a << n;
          const c = (a >> (64 - n)) & 1;
          store<u64>(d, r);
          flagsShift64(s, r, c | ((((r >> 63) & 1) ^ c) << 11));
          op += OP_SIZE;
          continue;
        }
        case H.H_SHR_RI64: {
          const d = s + load<u8>(op, OP_DST);
          const a = load<u64>(d);
          const n = load<u64>(op, OP_IMM);
          const r = a >> n;
          store<u64>(d, r);
          flagsShift64(s, r, ((a >> (n - 1)) & 1) | (n == 1 ? (a >> 63) << 11 : 0));
          op += OP_SIZE;
          continue;
        }
        case H.H_SAR_RI64: {
          const d = s + load<u8>(op, OP_DST);
          const a = <i64>load<u64>(d);
          const n = load<i64>(op, OP_IMM);
          const r = <u64>(a >> n);
          store<u64>(d, r);
          flagsShift64(s, r, (<u64>(a >> (n - 1))) & 1);
          op += OP_SIZE;
          continue;
        }
        case H.H_IMUL_RR32: {
          const d = s + load<u8>(op, OP_DST);
          const r = <u64>(<i64>load<i32>(d) * <i64>load<i32>(s + load<u8>(op, OP_SRC)));
          store<u64>(d, r & 0xffffffff);
          flagsShift32(s, r, <i64>r == <i64>(<i32>r) ? 0 : 0x801);
          op += OP_SIZE;
          continue;
        }
        case H.H_IMUL_RR64: {
          aluExecute(op);
          op += OP_SIZE;
          continue;
        }
        // ---- bytes ----
        case H.H_CMP_RR8: {
          const a = <u64>load<u8>(s + load<u8>(op, OP_DST));
          const b = <u64>load<u8>(s + load<u8>(op, OP_SRC));
          flagsSub8(s, a - b, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_RI8: {
          const a = <u64>load<u8>(s + load<u8>(op, OP_DST));
          const b = load<u64>(op, OP_IMM);
          flagsSub8(s, a - b, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_RM8: {
          const b = hotRead8(s, op);
          if (fault) break;
          const a = <u64>load<u8>(s + load<u8>(op, OP_DST));
          flagsSub8(s, a - b, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_CMP_MI8: {
          const a = hotRead8(s, op);
          if (fault) break;
          const b = load<u64>(op, OP_IMM);
          flagsSub8(s, a - b, a);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_RR8: {
          const a = <u64>load<u8>(s + load<u8>(op, OP_DST));
          const b = <u64>load<u8>(s + load<u8>(op, OP_SRC));
          flagsLogic8(s, a & b);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_RI8: {
          const a = <u64>load<u8>(s + load<u8>(op, OP_DST));
          const b = load<u64>(op, OP_IMM);
          flagsLogic8(s, a & b);
          op += OP_SIZE;
          continue;
        }
        case H.H_TEST_MI8: {
          const a = hotRead8(s, op);
          if (fault) break;
          const b = load<u64>(op, OP_IMM);
          flagsLogic8(s, a & b);
          op += OP_SIZE;
          continue;
        }
        // ---- stack, 64-bit mode ----
        case H.H_PUSH_R: {
          hotPush(s, load<u64>(s + load<u8>(op, OP_SRC)));
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        }
        case H.H_PUSH_I: {
          hotPush(s, load<u64>(op, OP_IMM));
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        }
        case H.H_PUSH_M: {
          const b = hotRead64(s, op);
          if (fault) break;
          hotPush(s, b);
          if (fault | codeChanged) break;
          op += OP_SIZE;
          continue;
        }
        case H.H_POP_R: {
          const b = hotStack(s, load<u64>(s, RSP));
          if (fault) break;
          store<u64>(s, load<u64>(s, RSP) + 8, RSP);
          store<u64>(s + load<u8>(op, OP_DST), b);
          op += OP_SIZE;
          continue;
        }
        case H.H_LEAVE64: {
          const frame = load<u64>(s, RBP);
          const b = hotStack(s, frame);
          if (fault) break;
          store<u64>(s, frame + 8, RSP);
          store<u64>(s, b, RBP);
          op += OP_SIZE;
          continue;
        }
        // ---- transfers ----
        case H.H_JO:
          transfer = (getFlags() & 0x800) != 0 ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JNO:
          transfer = !((getFlags() & 0x800) != 0) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JB:
          transfer = isBelow(s) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JAE:
          transfer = !isBelow(s) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JZ:
          transfer = load<u64>(s, CPU_FLAG_RESULT) == 0 ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JNZ:
          transfer = !(load<u64>(s, CPU_FLAG_RESULT) == 0) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JBE:
          transfer = load<u64>(s, CPU_FLAG_RESULT) == 0 || isBelow(s) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JA:
          transfer = !(load<u64>(s, CPU_FLAG_RESULT) == 0 || isBelow(s)) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JS:
          transfer = isNegative(s) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JNS:
          transfer = !isNegative(s) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JP:
          transfer = (getFlags() & 4) != 0 ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JNP:
          transfer = !((getFlags() & 4) != 0) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JL:
          transfer = isLess(s) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JGE:
          transfer = !isLess(s) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JLE:
          transfer = load<u64>(s, CPU_FLAG_RESULT) == 0 || isLess(s) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JG:
          transfer = !(load<u64>(s, CPU_FLAG_RESULT) == 0 || isLess(s)) ? OP_TARGET : OP_TARGET2;
          break;
        case H.H_JMP:
          transfer = OP_TARGET;
          break;
        case H.H_CALL: {
          hotPush(s, load<u64>(s, CPU_CODE_BASE) + <u64>load<u16>(op, OP_OFFSET) + <u64>load<u8>(op, OP_LENGTH));
          if (!fault) transfer = OP_TARGET;
          break;
        }
        case H.H_CALL_R: {
          const target = load<u64>(s + load<u8>(op, OP_SRC));
          if (!isCanonical(target)) raise(VECTOR_GP);
          else {
            hotPush(s, ripOf(s, op) + load<u8>(op, OP_LENGTH));
            if (!fault) store<u64>(s, target, CPU_RIP);
          }
          clearCodeChanged();
          break;
        }
        case H.H_CALL_M: {
          const target = hotRead64(s, op);
          if (fault) break;
          if (!isCanonical(target)) raise(VECTOR_GP);
          else {
            hotPush(s, ripOf(s, op) + load<u8>(op, OP_LENGTH));
            if (!fault) store<u64>(s, target, CPU_RIP);
          }
          clearCodeChanged();
          break;
        }
        case H.H_JMP_R: {
          const target = load<u64>(s + load<u8>(op, OP_SRC));
          if (!isCanonical(target)) raise(VECTOR_GP);
          else store<u64>(s, target, CPU_RIP);
          break;
        }
        case H.H_JMP_M: {
          const target = hotRead64(s, op);
          if (fault) break;
          if (!isCanonical(target)) raise(VECTOR_GP);
          else store<u64>(s, target, CPU_RIP);
          break;
        }
        case H.H_RET: {
          const target = hotStack(s, load<u64>(s, RSP));
          if (fault) break;
          if (!isCanonical(target)) raise(VECTOR_GP);
          else {
            store<u64>(s, load<u64>(s, RSP) + 8, RSP);
            store<u64>(s, target, CPU_RIP);
          }
          break;
        }
        default:
          unreachable();
      }

      // ---- out of the switch ----
      if (transfer) {
        const slot = transfer;
        transfer = 0;
        // The end of a block is no instruction.
        const ended = load<u16>(op, OP_HANDLER) == H.H_NEXT;
        left -= <i32>((op - start) >> 6) + (ended ? 0 : 1);
        if (!codeChanged) {
          const next: usize = load<u32>(op + slot);
          if (next && chains && left > 0 && !atomic.load<u32>(poll) != 0) {
            // Loops that have been translated are left.
            if (next > op || !warmBlock(next, load<u64>(s, CPU_CODE_BASE) + load<u16>(next, OP_OFFSET))) {
              op = next;
              start = next;
              continue;
            }
          }
        }
        clearCodeChanged();
        const distance =
          slot == OP_TARGET || ended ? load<u64>(op, OP_IMM) : <u64>load<u16>(op, OP_OFFSET) + load<u8>(op, OP_LENGTH);
        // Only inside this page, linear and physical, and asked now: the room of a block that is not kept is used again.
        if (distance < 4096 && blockChains(start)) {
          link = op;
          linkSlot = slot;
        }
        const target = load<u64>(s, CPU_CODE_BASE) + distance;
        store<u64>(s, codeMode & MODE_64 ? target : target & 0xffffffff, CPU_RIP);
        if (codeMode & MODE_64 && !isCanonical(target)) {
          // A relative branch out of the canonical range: reported at the branch.
          left += ended ? 0 : 1;
          link = 0;
          store<u64>(s, ripOf(s, op), CPU_RIP);
          raise(VECTOR_GP);
          exit = settleFault(op);
        }
        break;
      }
      left -= <i32>((op - start) >> 6);
      if (fault) {
        alone = false;
        traced = false;
        clearDebugHits();
        store<u64>(s, ripOf(s, op), CPU_RIP);
        clearCodeChanged();
        exit = settleFault(op);
        break;
      }
      if (unfinished) {
        // RIP stays; others get a look in. A single step goes on to the end.
        unfinished = false;
        clearCodeChanged();
        store<u64>(s, ripOf(s, op), CPU_RIP);
        if (!single) {
          left -= 1024;
          idle += 1024;
        }
        break;
      }
      left--;
      if (codeChanged) {
        setNext(s, op);
        clearCodeChanged();
      }
      if (exitRequest >= 0) {
        exit = exitRequest;
        store<u32>(s, exitVector, CPU_EXIT_VECTOR);
        store<u32>(s, 0, CPU_EXIT_ERROR);
        requestExit(-1);
      }
      break;
    }
    if (exit >= 0) break;
  }
  store<u64>(s, load<u64>(s, CPU_RETIRED) + <u64>(limit - left - idle), CPU_RETIRED);
  if (load<u32>(s, CPU_SHADOW) == 2) store<u32>(s, 0, CPU_SHADOW);
  setRunningFrame(0);
  return exit;
}

// @ts-ignore: decorator
@inline
function ripOf(s: usize, op: usize): u64 {
  return load<u64>(s, CPU_CODE_BASE) + load<u16>(op, OP_OFFSET);
}

/** RIP = the instruction after `op`. */
function setNext(s: usize, op: usize): void {
  const next = ripOf(s, op) + load<u8>(op, OP_LENGTH);
  store<u64>(s, codeMode & MODE_64 ? next : next & 0xffffffff, CPU_RIP);
}
