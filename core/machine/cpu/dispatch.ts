/**
 * The dispatch loop. An op's handler is a case of one dense switch. `continue` goes to the next op; `break` leaves the switch for what follows it: a
 * branch inside the page (`transfer` says which way: where, from the op on, the branch has the block that follows), the end of the block with CPU_RIP set, or a fault. The loop executes hot forms itself, by
 * inlined functions of hot/; everything else is a call to the family's file.
 */
import { clearDebugHits } from "./inspection";
import { aluExecute, aluStops } from "./alu";
import { avxExecute } from "./avx/avx";
import { bitsExecute } from "./bits";
import { blockChains, blockHost, cacheGeneration, coolBlock, findBlock, warmBlock } from "./blocks";
import { clearCodeChanged, codeChanged, setRunningFrame } from "./frames/code";
import { followGeneration } from "./frames/written";
import { controlExecute } from "./control";
import { dataExecute } from "./data";
import { EXIT_POLL, EXIT_SYSCALL, EXIT_WINDOW } from "./exits";
import { debugTrap, settleFault } from "./faults";
import { IF, TF } from "./flags";
import * as H from "./handlers";
import { add, addTo, and, andTo, cmp, or, orTo, sub, subTo, test, xor, xorTo } from "./hot/arithmetic";
import { cmpBranch, testBranch } from "./hot/branch";
import { isBelow, isLess, isNegative, isOverflow, isParity, isZero } from "./hot/flags";
import { hotHost, hotOffset, hotRead } from "./hot/memory";
import { cmov, cmovRead, extend32, extend64, setcc, storeImmediate, storeSource } from "./hot/move";
import { assign, assign8, destination, immediate, source, source32, source64 } from "./hot/operands";
import { RBP, RSP, hotPush, hotStack, leave, pop } from "./hot/stack";
import { callTo, jumpTo, pushReturn, returnTo, ripOf, setNext } from "./hot/transfer";
import { dec, imul32, inc, neg, not, sar, shl, shr } from "./hot/unary";
import {
  DEFERRED,
  VECTOR_GP,
  VECTOR_UD,
  cpu,
  deferredError,
  deferredVector,
  exitRequest,
  exitVector,
  fault,
  modeStale,
  pollWord,
  raise,
  requestExit,
  setUnspent,
} from "./machine";
import { isCanonical } from "./paging/format";
import { careful, codeLinear, codeMode, refreshMode, windowWanted } from "./mode";
import { MODE_64, MODE_UNLIMITED } from "./mode_bits";
import { OP_HANDLER, OP_IMM, OP_LENGTH, OP_OFFSET, OP_SHIFT, OP_SIZE, OP_TARGET, OP_TARGET2 } from "./op";
import { recordBlock, recording } from "./path";
import { runRegions } from "./regions";
import { segmentExecute } from "./segment";
import { shiftExecute } from "./shift";
import { breakpointsAt, prepareAlone, settleAlone } from "./single_step";
import { sseExecute } from "./sse/sse";
import { stackExecute } from "./stack";
import {
  BAILED_SYSCALL,
  CPU_BAILED,
  CPU_CODE_BASE,
  CPU_EXIT_ERROR,
  CPU_EXIT_VECTOR,
  CPU_RETIRED,
  CPU_RFLAGS,
  CPU_RIP,
  CPU_SHADOW,
  SHADOW_RUNNING,
} from "./state";
import { PATIENCE, stringExecute } from "./string";
import { systemExecute } from "./system";
import { x87Execute, x87Wait } from "./x87/x87";

/** Delivering a fault counts as so many instructions. If it counted as none, a handler that faults at its first instruction would run for ever. */
const FAULT_WEIGHT: i32 = 128;

/**
 * Runs until an exit: at most `limit` instructions, of which it interprets at most `interpreted`. `bailed`: translated code has left the next
 * instruction to the interpreter, which interprets only that block before it tries translated code again.
 */
export function execute(limit: i32, interpreted: i32, single: bool, bailed: bool): i32 {
  const s = cpu;
  const poll = pollWord();

  /** Instructions left, counted when a block is left. `idle` is what was taken from it without an instruction having retired, as for faults. */
  let left = limit;
  /** Where `left` is to end; what translated code executes lowers it. */
  let floor = max(limit - interpreted, 0);
  let idle: i32 = 0;
  let op: usize = 0;
  let start: usize = 0;
  /** The op that ended the last block, and its OP_TARGET or OP_TARGET2, if the next block may be chained to it. */
  let link: usize = 0;
  let linkSlot: usize = 0;
  let transfer: usize = 0;
  /** From `op` to the op of the instruction that ends the block or does not go on, of several that are executed as one. */
  let ahead: usize = 0;
  /** What an instruction has read from memory as first or second operand, and the host address of memory that it changes. */
  let a: u64 = 0;
  let b: u64 = 0;
  let m: usize = 0;
  let exit: i32 = -1;
  /** Of an instruction that is executed alone: whether TF was set. */
  let traced: bool = false;
  let alone: bool = false;
  let first = single;
  let unfinished = false;

  while (true) {
    // ---- between blocks: CPU_RIP is the next instruction ----
    if (alone) {
      alone = false;
      exit = settleAlone(s, traced);
      if (exit >= 0) break;
    }
    if (modeStale) refreshMode();
    const shadow = load<u32>(s, CPU_SHADOW);
    if (!first && !shadow && (left <= floor || atomic.load<u32>(poll) != 0)) {
      exit = EXIT_POLL;
      break;
    }
    if (windowWanted && !shadow && load<u64>(s, CPU_RFLAGS) & IF) {
      exit = EXIT_WINDOW;
      break;
    }
    if (single && !first && left <= 0) {
      exit = EXIT_POLL;
      break;
    }
    first = false;
    // A block that is recorded is executed alone: the next one is looked for, and no region is entered.
    let recorded = false;
    followGeneration();
    if (careful || single || shadow) {
      const flags = load<u64>(s, CPU_RFLAGS);
      const hits = breakpointsAt(flags, shadow);
      if (hits) {
        exit = debugTrap(hits);
        if (exit >= 0) break;
        left -= FAULT_WEIGHT;
        idle += FAULT_WEIGHT;
        continue;
      }
      traced = (flags & TF) != 0;
      alone = true;
      link = 0;
      op = prepareAlone(s, flags, shadow);
    } else {
      const generation = cacheGeneration;
      const lin = codeLinear(codeMode);
      recorded = recording && recordBlock(lin);
      op = findBlock(codeMode);
      if (op && !recorded && warmBlock(op, lin) && !bailed) {
        const before = left;
        left = runRegions(left, poll);
        floor = max(floor - before + left, 0);
        bailed = load<u32>(s, CPU_BAILED) != 0;
        if (load<u32>(s, CPU_BAILED) == BAILED_SYSCALL) {
          exit = EXIT_SYSCALL;
          break;
        }
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
      alone = false;
      exit = settleFault(0);
      if (exit >= 0) break;
      left -= FAULT_WEIGHT;
      idle += FAULT_WEIGHT;
      continue;
    }
    start = op;
    const chains = !(bailed | recorded);
    bailed = false;
    setRunningFrame(blockHost(op) >> 12);
    store<u64>(s, load<u64>(s, CPU_RIP) - load<u16>(op, OP_OFFSET), CPU_CODE_BASE);

    // ---- in a block ----
    while (true) {
      // A table with one line for each form. A form that reads and writes the same memory takes three lines.
      // prettier-ignore
      switch (<u32>load<u16>(op, OP_HANDLER)) {
        case H.H_UD: raise(VECTOR_UD); break;
        case H.H_NEXT: transfer = OP_TARGET2; break;
        case H.H_LENGTH: raise(VECTOR_GP); break;
        case H.H_ALU: aluExecute(op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_DATA: dataExecute(op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_STACK: stackExecute(op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_SHIFT: shiftExecute(op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_BITS: bitsExecute(op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_STRING: if (!stringExecute(op, careful || single ? 1 : PATIENCE)) { unfinished = true; break; }
          if (fault | codeChanged) break;
          op += OP_SIZE; continue;
        case H.H_X87: x87Execute(op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_SSE: sseExecute(op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_AVX: avxExecute(op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_WAIT: x87Wait(); if (fault) break; op += OP_SIZE; continue;
        case H.H_SEGMENT: segmentExecute(op); if (!fault) setNext(s, op); break;
        // What it has pushed may lie in its own page. That does not matter, because execution continues at its target and not at the next
        // instruction.
        case H.H_CONTROL: setNext(s, op); controlExecute(op); clearCodeChanged(); break;
        case H.H_SYSTEM: setNext(s, op); systemExecute(op); break;
        // ---- arithmetic and logic ----
        case H.H_ADD_RR32: add<u32>(s, op, source<u32>(s, op)); op += OP_SIZE; continue;
        case H.H_ADD_RI32: add<u32>(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_ADD_RM32: b = hotRead<u32>(s, op); if (fault) break; add<u32>(s, op, b); op += OP_SIZE; continue;
        case H.H_ADD_MR32: m = hotHost<u32>(s, op);
          if (m) addTo<u32>(s, m, source<u32>(s, op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_ADD_MI32: m = hotHost<u32>(s, op);
          if (m) addTo<u32>(s, m, immediate<u64>(op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_ADD_RR64: add<u64>(s, op, source<u64>(s, op)); op += OP_SIZE; continue;
        case H.H_ADD_RI64: add<u64>(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_ADD_RM64: b = hotRead<u64>(s, op); if (fault) break; add<u64>(s, op, b); op += OP_SIZE; continue;
        case H.H_ADD_MR64: m = hotHost<u64>(s, op);
          if (m) addTo<u64>(s, m, source<u64>(s, op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_ADD_MI64: m = hotHost<u64>(s, op);
          if (m) addTo<u64>(s, m, immediate<u64>(op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_OR_RR32: or<u32>(s, op, source<u32>(s, op)); op += OP_SIZE; continue;
        case H.H_OR_RI32: or<u32>(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_OR_RM32: b = hotRead<u32>(s, op); if (fault) break; or<u32>(s, op, b); op += OP_SIZE; continue;
        case H.H_OR_MR32: m = hotHost<u32>(s, op);
          if (m) orTo<u32>(s, m, source<u32>(s, op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_OR_MI32: m = hotHost<u32>(s, op);
          if (m) orTo<u32>(s, m, immediate<u64>(op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_OR_RR64: or<u64>(s, op, source<u64>(s, op)); op += OP_SIZE; continue;
        case H.H_OR_RI64: or<u64>(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_OR_RM64: b = hotRead<u64>(s, op); if (fault) break; or<u64>(s, op, b); op += OP_SIZE; continue;
        case H.H_OR_MR64: m = hotHost<u64>(s, op);
          if (m) orTo<u64>(s, m, source<u64>(s, op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_OR_MI64: m = hotHost<u64>(s, op);
          if (m) orTo<u64>(s, m, immediate<u64>(op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_AND_RR32: and<u32>(s, op, source<u32>(s, op)); op += OP_SIZE; continue;
        case H.H_AND_RI32: and<u32>(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_AND_RM32: b = hotRead<u32>(s, op); if (fault) break; and<u32>(s, op, b); op += OP_SIZE; continue;
        case H.H_AND_MR32: m = hotHost<u32>(s, op);
          if (m) andTo<u32>(s, m, source<u32>(s, op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_AND_MI32: m = hotHost<u32>(s, op);
          if (m) andTo<u32>(s, m, immediate<u64>(op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_AND_RR64: and<u64>(s, op, source<u64>(s, op)); op += OP_SIZE; continue;
        case H.H_AND_RI64: and<u64>(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_AND_RM64: b = hotRead<u64>(s, op); if (fault) break; and<u64>(s, op, b); op += OP_SIZE; continue;
        case H.H_AND_MR64: m = hotHost<u64>(s, op);
          if (m) andTo<u64>(s, m, source<u64>(s, op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_AND_MI64: m = hotHost<u64>(s, op);
          if (m) andTo<u64>(s, m, immediate<u64>(op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_SUB_RR32: sub<u32>(s, op, source<u32>(s, op)); op += OP_SIZE; continue;
        case H.H_SUB_RI32: sub<u32>(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_SUB_RM32: b = hotRead<u32>(s, op); if (fault) break; sub<u32>(s, op, b); op += OP_SIZE; continue;
        case H.H_SUB_MR32: m = hotHost<u32>(s, op);
          if (m) subTo<u32>(s, m, source<u32>(s, op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_SUB_MI32: m = hotHost<u32>(s, op);
          if (m) subTo<u32>(s, m, immediate<u64>(op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_SUB_RR64: sub<u64>(s, op, source<u64>(s, op)); op += OP_SIZE; continue;
        case H.H_SUB_RI64: sub<u64>(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_SUB_RM64: b = hotRead<u64>(s, op); if (fault) break; sub<u64>(s, op, b); op += OP_SIZE; continue;
        case H.H_SUB_MR64: m = hotHost<u64>(s, op);
          if (m) subTo<u64>(s, m, source<u64>(s, op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_SUB_MI64: m = hotHost<u64>(s, op);
          if (m) subTo<u64>(s, m, immediate<u64>(op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_XOR_RR32: xor<u32>(s, op, source<u32>(s, op)); op += OP_SIZE; continue;
        case H.H_XOR_RI32: xor<u32>(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_XOR_RM32: b = hotRead<u32>(s, op); if (fault) break; xor<u32>(s, op, b); op += OP_SIZE; continue;
        case H.H_XOR_MR32: m = hotHost<u32>(s, op);
          if (m) xorTo<u32>(s, m, source<u32>(s, op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_XOR_MI32: m = hotHost<u32>(s, op);
          if (m) xorTo<u32>(s, m, immediate<u64>(op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_XOR_RR64: xor<u64>(s, op, source<u64>(s, op)); op += OP_SIZE; continue;
        case H.H_XOR_RI64: xor<u64>(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_XOR_RM64: b = hotRead<u64>(s, op); if (fault) break; xor<u64>(s, op, b); op += OP_SIZE; continue;
        case H.H_XOR_MR64: m = hotHost<u64>(s, op);
          if (m) xorTo<u64>(s, m, source<u64>(s, op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_XOR_MI64: m = hotHost<u64>(s, op);
          if (m) xorTo<u64>(s, m, immediate<u64>(op)); else if (aluStops(op)) break;
          op += OP_SIZE; continue;
        case H.H_CMP_RR32: cmp<u32>(s, destination<u32>(s, op), source<u32>(s, op)); op += OP_SIZE; continue;
        case H.H_CMP_RI32: cmp<u32>(s, destination<u32>(s, op), immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_CMP_RM32: b = hotRead<u32>(s, op); if (fault) break; cmp<u32>(s, destination<u32>(s, op), b); op += OP_SIZE; continue;
        case H.H_CMP_MR32: a = hotRead<u32>(s, op); if (fault) break; cmp<u32>(s, a, source<u32>(s, op)); op += OP_SIZE; continue;
        case H.H_CMP_MI32: a = hotRead<u32>(s, op); if (fault) break; cmp<u32>(s, a, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_CMP_RR64: cmp<u64>(s, destination<u64>(s, op), source<u64>(s, op)); op += OP_SIZE; continue;
        case H.H_CMP_RI64: cmp<u64>(s, destination<u64>(s, op), immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_CMP_RM64: b = hotRead<u64>(s, op); if (fault) break; cmp<u64>(s, destination<u64>(s, op), b); op += OP_SIZE; continue;
        case H.H_CMP_MR64: a = hotRead<u64>(s, op); if (fault) break; cmp<u64>(s, a, source<u64>(s, op)); op += OP_SIZE; continue;
        case H.H_CMP_MI64: a = hotRead<u64>(s, op); if (fault) break; cmp<u64>(s, a, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_TEST_RR32: test<u32>(s, destination<u32>(s, op), source<u32>(s, op)); op += OP_SIZE; continue;
        case H.H_TEST_RI32: test<u32>(s, destination<u32>(s, op), immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_TEST_RM32: b = hotRead<u32>(s, op); if (fault) break; test<u32>(s, destination<u32>(s, op), b); op += OP_SIZE; continue;
        case H.H_TEST_MR32: a = hotRead<u32>(s, op); if (fault) break; test<u32>(s, a, source<u32>(s, op)); op += OP_SIZE; continue;
        case H.H_TEST_MI32: a = hotRead<u32>(s, op); if (fault) break; test<u32>(s, a, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_TEST_RR64: test<u64>(s, destination<u64>(s, op), source<u64>(s, op)); op += OP_SIZE; continue;
        case H.H_TEST_RI64: test<u64>(s, destination<u64>(s, op), immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_TEST_RM64: b = hotRead<u64>(s, op); if (fault) break; test<u64>(s, destination<u64>(s, op), b); op += OP_SIZE; continue;
        case H.H_TEST_MR64: a = hotRead<u64>(s, op); if (fault) break; test<u64>(s, a, source<u64>(s, op)); op += OP_SIZE; continue;
        case H.H_TEST_MI64: a = hotRead<u64>(s, op); if (fault) break; test<u64>(s, a, immediate<u64>(op)); op += OP_SIZE; continue;
        // ---- moves ----
        case H.H_MOV_RR32: assign(s, op, source<u32>(s, op)); op += OP_SIZE; continue;
        case H.H_MOV_RI32: assign(s, op, immediate<u32>(op)); op += OP_SIZE; continue;
        case H.H_MOV_RM32: b = hotRead<u32>(s, op); if (fault) break; assign(s, op, b); op += OP_SIZE; continue;
        case H.H_MOV_MR32: storeSource<u32>(s, op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_MOV_MI32: storeImmediate<u32>(s, op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_LEA32: assign(s, op, hotOffset(s, op) & 0xffffffff); op += OP_SIZE; continue;
        case H.H_MOVZX8_RR32: assign(s, op, source<u8>(s, op)); op += OP_SIZE; continue;
        case H.H_MOVZX8_RM32: b = hotRead<u8>(s, op); if (fault) break; assign(s, op, b); op += OP_SIZE; continue;
        case H.H_MOVZX16_RR32: assign(s, op, source<u16>(s, op)); op += OP_SIZE; continue;
        case H.H_MOVZX16_RM32: b = hotRead<u16>(s, op); if (fault) break; assign(s, op, b); op += OP_SIZE; continue;
        case H.H_MOVSX8_RR32: assign(s, op, source32<i8>(s, op)); op += OP_SIZE; continue;
        case H.H_MOVSX8_RM32: b = hotRead<u8>(s, op); if (fault) break; assign(s, op, extend32<i8>(b)); op += OP_SIZE; continue;
        case H.H_MOVSX16_RR32: assign(s, op, source32<i16>(s, op)); op += OP_SIZE; continue;
        case H.H_MOVSX16_RM32: b = hotRead<u16>(s, op); if (fault) break; assign(s, op, extend32<i16>(b)); op += OP_SIZE; continue;
        case H.H_CMOV_RR32: cmov<u32>(s, op); op += OP_SIZE; continue;
        case H.H_CMOV_RM32: b = hotRead<u32>(s, op); if (fault) break; cmovRead<u32>(s, op, b); op += OP_SIZE; continue;
        case H.H_MOV_RR64: assign(s, op, source<u64>(s, op)); op += OP_SIZE; continue;
        case H.H_MOV_RI64: assign(s, op, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_MOV_RM64: b = hotRead<u64>(s, op); if (fault) break; assign(s, op, b); op += OP_SIZE; continue;
        case H.H_MOV_MR64: storeSource<u64>(s, op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_MOV_MI64: storeImmediate<u64>(s, op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_LEA64: assign(s, op, hotOffset(s, op)); op += OP_SIZE; continue;
        case H.H_MOVZX8_RR64: assign(s, op, source<u8>(s, op)); op += OP_SIZE; continue;
        case H.H_MOVZX8_RM64: b = hotRead<u8>(s, op); if (fault) break; assign(s, op, b); op += OP_SIZE; continue;
        case H.H_MOVZX16_RR64: assign(s, op, source<u16>(s, op)); op += OP_SIZE; continue;
        case H.H_MOVZX16_RM64: b = hotRead<u16>(s, op); if (fault) break; assign(s, op, b); op += OP_SIZE; continue;
        case H.H_MOVSX8_RR64: assign(s, op, source64<i8>(s, op)); op += OP_SIZE; continue;
        case H.H_MOVSX8_RM64: b = hotRead<u8>(s, op); if (fault) break; assign(s, op, extend64<i8>(b)); op += OP_SIZE; continue;
        case H.H_MOVSX16_RR64: assign(s, op, source64<i16>(s, op)); op += OP_SIZE; continue;
        case H.H_MOVSX16_RM64: b = hotRead<u16>(s, op); if (fault) break; assign(s, op, extend64<i16>(b)); op += OP_SIZE; continue;
        case H.H_CMOV_RR64: cmov<u64>(s, op); op += OP_SIZE; continue;
        case H.H_CMOV_RM64: b = hotRead<u64>(s, op); if (fault) break; cmovRead<u64>(s, op, b); op += OP_SIZE; continue;
        case H.H_MOVSXD_RR: assign(s, op, source64<i32>(s, op)); op += OP_SIZE; continue;
        case H.H_MOVSXD_RM: b = hotRead<u32>(s, op); if (fault) break; assign(s, op, extend64<i32>(b)); op += OP_SIZE; continue;
        case H.H_MOV_RM8: b = hotRead<u8>(s, op); if (fault) break; assign8(s, op, b); op += OP_SIZE; continue;
        case H.H_MOV_RR8: assign8(s, op, source<u8>(s, op)); op += OP_SIZE; continue;
        case H.H_MOV_MR8: storeSource<u8>(s, op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_MOV_MI8: storeImmediate<u8>(s, op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_MOV_MR16: storeSource<u16>(s, op); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_SETCC_R8: setcc(s, op); op += OP_SIZE; continue;
        case H.H_NOP: op += OP_SIZE; continue;
        // ---- one operand, shifts, products ----
        case H.H_INC_R32: inc<u32>(s, op); op += OP_SIZE; continue;
        case H.H_DEC_R32: dec<u32>(s, op); op += OP_SIZE; continue;
        case H.H_NOT_R32: not<u32>(s, op); op += OP_SIZE; continue;
        case H.H_NEG_R32: neg<u32>(s, op); op += OP_SIZE; continue;
        case H.H_SHL_RI32: shl<u32>(s, op); op += OP_SIZE; continue;
        case H.H_SHR_RI32: shr<u32>(s, op); op += OP_SIZE; continue;
        case H.H_SAR_RI32: sar<u32>(s, op); op += OP_SIZE; continue;
        case H.H_INC_R64: inc<u64>(s, op); op += OP_SIZE; continue;
        case H.H_DEC_R64: dec<u64>(s, op); op += OP_SIZE; continue;
        case H.H_NOT_R64: not<u64>(s, op); op += OP_SIZE; continue;
        case H.H_NEG_R64: neg<u64>(s, op); op += OP_SIZE; continue;
        case H.H_SHL_RI64: shl<u64>(s, op); op += OP_SIZE; continue;
        case H.H_SHR_RI64: shr<u64>(s, op); op += OP_SIZE; continue;
        case H.H_SAR_RI64: sar<u64>(s, op); op += OP_SIZE; continue;
        case H.H_IMUL_RR32: imul32(s, op); op += OP_SIZE; continue;
        case H.H_IMUL_RR64: aluExecute(op); op += OP_SIZE; continue;
        // ---- bytes ----
        case H.H_CMP_RR8: cmp<u8>(s, destination<u8>(s, op), source<u8>(s, op)); op += OP_SIZE; continue;
        case H.H_CMP_RI8: cmp<u8>(s, destination<u8>(s, op), immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_CMP_RI16: cmp<u16>(s, destination<u16>(s, op), immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_CMP_MI16: a = hotRead<u16>(s, op); if (fault) break; cmp<u16>(s, a, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_CMP_RM8: b = hotRead<u8>(s, op); if (fault) break; cmp<u8>(s, destination<u8>(s, op), b); op += OP_SIZE; continue;
        case H.H_CMP_MI8: a = hotRead<u8>(s, op); if (fault) break; cmp<u8>(s, a, immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_TEST_RR8: test<u8>(s, destination<u8>(s, op), source<u8>(s, op)); op += OP_SIZE; continue;
        case H.H_TEST_RI8: test<u8>(s, destination<u8>(s, op), immediate<u64>(op)); op += OP_SIZE; continue;
        case H.H_TEST_MI8: a = hotRead<u8>(s, op); if (fault) break; test<u8>(s, a, immediate<u64>(op)); op += OP_SIZE; continue;
        // ---- stack, 64-bit mode ----
        case H.H_PUSH_R: hotPush(s, source<u64>(s, op)); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_PUSH_I: hotPush(s, immediate<u64>(op)); if (fault | codeChanged) break; op += OP_SIZE; continue;
        case H.H_PUSH_M: b = hotRead<u64>(s, op); if (fault) break;
          hotPush(s, b); if (fault | codeChanged) break;
          op += OP_SIZE; continue;
        case H.H_POP_R: b = hotStack(s, load<u64>(s, RSP)); if (fault) break; pop(s, op, b); op += OP_SIZE; continue;
        case H.H_LEAVE64: a = load<u64>(s, RBP); b = hotStack(s, a); if (fault) break; leave(s, a, b); op += OP_SIZE; continue;
        // ---- transfers ----
        case H.H_JO: transfer = isOverflow() ? OP_TARGET : OP_TARGET2; break;
        case H.H_JNO: transfer = !isOverflow() ? OP_TARGET : OP_TARGET2; break;
        case H.H_JB: transfer = isBelow(s) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JAE: transfer = !isBelow(s) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JZ: transfer = isZero(s) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JNZ: transfer = !isZero(s) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JBE: transfer = isZero(s) || isBelow(s) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JA: transfer = !(isZero(s) || isBelow(s)) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JS: transfer = isNegative(s) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JNS: transfer = !isNegative(s) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JP: transfer = isParity() ? OP_TARGET : OP_TARGET2; break;
        case H.H_JNP: transfer = !isParity() ? OP_TARGET : OP_TARGET2; break;
        case H.H_JL: transfer = isLess(s) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JGE: transfer = !isLess(s) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JLE: transfer = isZero(s) || isLess(s) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JG: transfer = !(isZero(s) || isLess(s)) ? OP_TARGET : OP_TARGET2; break;
        case H.H_JMP: transfer = OP_TARGET; break;
        case H.H_CALL: pushReturn(s, op); if (!fault) transfer = OP_TARGET; break;
        case H.H_CALL_R: callTo(s, op, source<u64>(s, op)); break;
        case H.H_CALL_M: b = hotRead<u64>(s, op); if (fault) break; callTo(s, op, b); break;
        case H.H_JMP_R: jumpTo(s, source<u64>(s, op)); break;
        case H.H_JMP_M: b = hotRead<u64>(s, op); if (fault) break; jumpTo(s, b); break;
        case H.H_RET: b = hotStack(s, load<u64>(s, RSP)); if (fault) break; returnTo(s, b); break;
        // ---- a comparison and a branch ----
        case H.H_CMP_RR32_J: transfer = cmpBranch<u32>(s, op, destination<u32>(s, op), source<u32>(s, op)); break;
        case H.H_CMP_RR64_J: transfer = cmpBranch<u64>(s, op, destination<u64>(s, op), source<u64>(s, op)); break;
        case H.H_CMP_RI32_J: transfer = cmpBranch<u32>(s, op, destination<u32>(s, op), immediate<u64>(op)); break;
        case H.H_CMP_RI64_J: transfer = cmpBranch<u64>(s, op, destination<u64>(s, op), immediate<u64>(op)); break;
        case H.H_CMP_RM32_J: b = hotRead<u32>(s, op); if (fault) break; transfer = cmpBranch<u32>(s, op, destination<u32>(s, op), b); break;
        case H.H_CMP_RM64_J: b = hotRead<u64>(s, op); if (fault) break; transfer = cmpBranch<u64>(s, op, destination<u64>(s, op), b); break;
        case H.H_CMP_MR32_J: a = hotRead<u32>(s, op); if (fault) break; transfer = cmpBranch<u32>(s, op, a, source<u32>(s, op)); break;
        case H.H_CMP_MR64_J: a = hotRead<u64>(s, op); if (fault) break; transfer = cmpBranch<u64>(s, op, a, source<u64>(s, op)); break;
        case H.H_CMP_MI32_J: a = hotRead<u32>(s, op); if (fault) break; transfer = cmpBranch<u32>(s, op, a, immediate<u64>(op)); break;
        case H.H_CMP_MI64_J: a = hotRead<u64>(s, op); if (fault) break; transfer = cmpBranch<u64>(s, op, a, immediate<u64>(op)); break;
        case H.H_TEST_RR32_J: transfer = testBranch<u32>(s, op, destination<u32>(s, op) & source<u32>(s, op)); break;
        case H.H_TEST_RR64_J: transfer = testBranch<u64>(s, op, destination<u64>(s, op) & source<u64>(s, op)); break;
        case H.H_TEST_RI32_J: transfer = testBranch<u32>(s, op, destination<u32>(s, op) & immediate<u64>(op)); break;
        case H.H_TEST_RI64_J: transfer = testBranch<u64>(s, op, destination<u64>(s, op) & immediate<u64>(op)); break;
        case H.H_TEST_MR32_J: a = hotRead<u32>(s, op); if (fault) break; transfer = testBranch<u32>(s, op, a & source<u32>(s, op)); break;
        case H.H_TEST_MR64_J: a = hotRead<u64>(s, op); if (fault) break; transfer = testBranch<u64>(s, op, a & source<u64>(s, op)); break;
        case H.H_TEST_MI32_J: a = hotRead<u32>(s, op); if (fault) break; transfer = testBranch<u32>(s, op, a & immediate<u64>(op)); break;
        case H.H_TEST_MI64_J: a = hotRead<u64>(s, op); if (fault) break; transfer = testBranch<u64>(s, op, a & immediate<u64>(op)); break;
        case H.H_CMP_RI8_J: transfer = cmpBranch<u8>(s, op, destination<u8>(s, op), immediate<u64>(op)); break;
        case H.H_CMP_MI8_J: a = hotRead<u8>(s, op); if (fault) break; transfer = cmpBranch<u8>(s, op, a, immediate<u64>(op)); break;
        case H.H_CMP_RM8_J: b = hotRead<u8>(s, op); if (fault) break; transfer = cmpBranch<u8>(s, op, destination<u8>(s, op), b); break;
        case H.H_CMP_RR8_J: transfer = cmpBranch<u8>(s, op, destination<u8>(s, op), source<u8>(s, op)); break;
        case H.H_TEST_RR8_J: transfer = testBranch<u8>(s, op, destination<u8>(s, op) & source<u8>(s, op)); break;
        case H.H_TEST_RI8_J: transfer = testBranch<u8>(s, op, destination<u8>(s, op) & immediate<u64>(op)); break;
        case H.H_TEST_MI8_J: a = hotRead<u8>(s, op); if (fault) break; transfer = testBranch<u8>(s, op, a & immediate<u64>(op)); break;
        case H.H_CMP_RI16_J: transfer = cmpBranch<u16>(s, op, destination<u16>(s, op), immediate<u64>(op)); break;
        case H.H_CMP_MI16_J: a = hotRead<u16>(s, op); if (fault) break; transfer = cmpBranch<u16>(s, op, a, immediate<u64>(op)); break;
        // ---- two in a row ----
        case H.H_POP_R_POP_R: b = hotStack(s, load<u64>(s, RSP)); if (fault) break; pop(s, op, b);
          b = hotStack(s, load<u64>(s, RSP)); if (fault) { ahead = OP_SIZE; break; } pop(s, op + OP_SIZE, b);
          op += 2 * OP_SIZE; continue;
        case H.H_POP_R_RET: b = hotStack(s, load<u64>(s, RSP)); if (fault) break; pop(s, op, b);
          ahead = OP_SIZE; b = hotStack(s, load<u64>(s, RSP)); if (fault) break; returnTo(s, b); break;
        case H.H_PUSH_R_PUSH_R: hotPush(s, source<u64>(s, op)); if (fault | codeChanged) break;
          hotPush(s, source<u64>(s, op + OP_SIZE)); if (fault | codeChanged) { ahead = OP_SIZE; break; }
          op += 2 * OP_SIZE; continue;
        case H.H_PUSH_R_MOV_RR64: hotPush(s, source<u64>(s, op)); if (fault | codeChanged) break;
          assign(s, op + OP_SIZE, source<u64>(s, op + OP_SIZE));
          op += 2 * OP_SIZE; continue;
        case H.H_PUSH_R_SUB_RI64: hotPush(s, source<u64>(s, op)); if (fault | codeChanged) break;
          sub<u64>(s, op + OP_SIZE, immediate<u64>(op + OP_SIZE));
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RR64_PUSH_R: assign(s, op, source<u64>(s, op));
          hotPush(s, source<u64>(s, op + OP_SIZE)); if (fault | codeChanged) { ahead = OP_SIZE; break; }
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RM64_MOV_RM64: b = hotRead<u64>(s, op); if (fault) break; assign(s, op, b);
          b = hotRead<u64>(s, op + OP_SIZE); if (fault) { ahead = OP_SIZE; break; } assign(s, op + OP_SIZE, b);
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RM64_MOV_RR64: b = hotRead<u64>(s, op); if (fault) break; assign(s, op, b);
          assign(s, op + OP_SIZE, source<u64>(s, op + OP_SIZE));
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RM64_MOV_MR64: b = hotRead<u64>(s, op); if (fault) break; assign(s, op, b);
          storeSource<u64>(s, op + OP_SIZE); if (fault | codeChanged) { ahead = OP_SIZE; break; }
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RM64_CALL: b = hotRead<u64>(s, op); if (fault) break; assign(s, op, b);
          pushReturn(s, op + OP_SIZE); if (fault) ahead = OP_SIZE; else transfer = OP_SIZE + OP_TARGET; break;
        case H.H_MOV_RM64_TEST_RR64_J: b = hotRead<u64>(s, op); if (fault) break; assign(s, op, b);
          transfer = OP_SIZE + testBranch<u64>(s, op + OP_SIZE, destination<u64>(s, op + OP_SIZE) & source<u64>(s, op + OP_SIZE)); break;
        case H.H_MOV_RM64_ADD_RI64: b = hotRead<u64>(s, op); if (fault) break; assign(s, op, b);
          add<u64>(s, op + OP_SIZE, immediate<u64>(op + OP_SIZE));
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RM32_MOV_RM32: b = hotRead<u32>(s, op); if (fault) break; assign(s, op, b);
          b = hotRead<u32>(s, op + OP_SIZE); if (fault) { ahead = OP_SIZE; break; } assign(s, op + OP_SIZE, b);
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RM32_TEST_RR32_J: b = hotRead<u32>(s, op); if (fault) break; assign(s, op, b);
          transfer = OP_SIZE + testBranch<u32>(s, op + OP_SIZE, destination<u32>(s, op + OP_SIZE) & source<u32>(s, op + OP_SIZE)); break;
        case H.H_MOVZX8_RM32_TEST_RR8_J: b = hotRead<u8>(s, op); if (fault) break; assign(s, op, b);
          transfer = OP_SIZE + testBranch<u8>(s, op + OP_SIZE, destination<u8>(s, op + OP_SIZE) & source<u8>(s, op + OP_SIZE)); break;
        case H.H_MOV_RR64_MOV_RR64: assign(s, op, source<u64>(s, op));
          assign(s, op + OP_SIZE, source<u64>(s, op + OP_SIZE));
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RR64_MOV_RM64: assign(s, op, source<u64>(s, op));
          b = hotRead<u64>(s, op + OP_SIZE); if (fault) { ahead = OP_SIZE; break; } assign(s, op + OP_SIZE, b);
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RR64_CALL: assign(s, op, source<u64>(s, op));
          pushReturn(s, op + OP_SIZE); if (fault) ahead = OP_SIZE; else transfer = OP_SIZE + OP_TARGET; break;
        case H.H_MOV_RR64_TEST_RR64_J: assign(s, op, source<u64>(s, op));
          transfer = OP_SIZE + testBranch<u64>(s, op + OP_SIZE, destination<u64>(s, op + OP_SIZE) & source<u64>(s, op + OP_SIZE)); break;
        case H.H_MOV_RI32_MOV_RR64: assign(s, op, immediate<u32>(op));
          assign(s, op + OP_SIZE, source<u64>(s, op + OP_SIZE));
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RI32_MOV_RI32: assign(s, op, immediate<u32>(op));
          assign(s, op + OP_SIZE, immediate<u32>(op + OP_SIZE));
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_RI32_CALL: assign(s, op, immediate<u32>(op));
          pushReturn(s, op + OP_SIZE); if (fault) ahead = OP_SIZE; else transfer = OP_SIZE + OP_TARGET; break;
        case H.H_MOV_MR64_MOV_MR64: storeSource<u64>(s, op); if (fault | codeChanged) break;
          storeSource<u64>(s, op + OP_SIZE); if (fault | codeChanged) { ahead = OP_SIZE; break; }
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_MR64_MOV_RM64: storeSource<u64>(s, op); if (fault | codeChanged) break;
          b = hotRead<u64>(s, op + OP_SIZE); if (fault) { ahead = OP_SIZE; break; } assign(s, op + OP_SIZE, b);
          op += 2 * OP_SIZE; continue;
        case H.H_MOV_MR64_CALL: storeSource<u64>(s, op); if (fault | codeChanged) break;
          pushReturn(s, op + OP_SIZE); if (fault) ahead = OP_SIZE; else transfer = OP_SIZE + OP_TARGET; break;
        case H.H_XOR_RR32_MOV_RR64: xor<u32>(s, op, source<u32>(s, op));
          assign(s, op + OP_SIZE, source<u64>(s, op + OP_SIZE));
          op += 2 * OP_SIZE; continue;
        case H.H_LEA64_CALL: assign(s, op, hotOffset(s, op));
          pushReturn(s, op + OP_SIZE); if (fault) ahead = OP_SIZE; else transfer = OP_SIZE + OP_TARGET; break;
        case H.H_ADD_RI64_POP_R: add<u64>(s, op, immediate<u64>(op));
          b = hotStack(s, load<u64>(s, RSP)); if (fault) { ahead = OP_SIZE; break; } pop(s, op + OP_SIZE, b);
          op += 2 * OP_SIZE; continue;
        case H.H_ADD_RI64_RET: add<u64>(s, op, immediate<u64>(op));
          ahead = OP_SIZE; b = hotStack(s, load<u64>(s, RSP)); if (fault) break; returnTo(s, b); break;
        case H.H_LEA64_MOV_RR64: assign(s, op, hotOffset(s, op));
          assign(s, op + OP_SIZE, source<u64>(s, op + OP_SIZE));
          op += 2 * OP_SIZE; continue;
        default: unreachable();
      }

      // ---- out of the switch ----
      if (transfer) {
        const place = transfer;
        transfer = 0;
        // The end of a block is not an instruction.
        const ended = load<u16>(op, OP_HANDLER) == H.H_NEXT;
        left -= <i32>((op + place - start) >> OP_SHIFT) + (ended ? 0 : 1);
        if (!codeChanged) {
          const next: usize = load<u32>(op + place);
          if (next && chains && left > floor && !atomic.load<u32>(poll) != 0) {
            // A loop that has been translated is left.
            if (next > op || !warmBlock(next, load<u64>(s, CPU_CODE_BASE) + load<u16>(next, OP_OFFSET))) {
              op = next;
              start = next;
              continue;
            }
          }
        }
        clearCodeChanged();
        op += place & ~(OP_SIZE - 1);
        const slot = place & (OP_SIZE - 1);
        const distance =
          slot == OP_TARGET || ended ? load<u64>(op, OP_IMM) : <u64>load<u16>(op, OP_OFFSET) + load<u8>(op, OP_LENGTH);
        // Only inside this page, linear and physical. This is checked now because the room of a block that is not kept is used again.
        if (distance < 4096 && codeMode & MODE_UNLIMITED && blockChains(start)) {
          link = op;
          linkSlot = slot;
        }
        const target = load<u64>(s, CPU_CODE_BASE) + distance;
        store<u64>(s, codeMode & MODE_64 ? target : target & 0xffffffff, CPU_RIP);
        if (slot == OP_TARGET && codeMode & MODE_64 && !isCanonical(target)) {
          // A relative branch out of the canonical range; the fault is reported at the branch. What only goes on there faults when it is fetched.
          left++;
          link = 0;
          store<u64>(s, ripOf(s, op), CPU_RIP);
          raise(VECTOR_GP);
          exit = settleFault(op);
          left -= FAULT_WEIGHT;
          idle += FAULT_WEIGHT;
        }
        break;
      }
      op += ahead;
      ahead = 0;
      left -= <i32>((op - start) >> OP_SHIFT);
      if (fault) {
        alone = false;
        clearDebugHits();
        store<u64>(s, ripOf(s, op), CPU_RIP);
        clearCodeChanged();
        exit = settleFault(op);
        left -= FAULT_WEIGHT;
        idle += FAULT_WEIGHT;
        break;
      }
      if (unfinished) {
        // RIP stays; others get a look in.
        unfinished = false;
        clearCodeChanged();
        store<u64>(s, ripOf(s, op), CPU_RIP);
        left -= 1024;
        idle += 1024;
        break;
      }
      left--;
      if (codeChanged) {
        setNext(s, op);
        clearCodeChanged();
      }
      if (exitRequest == DEFERRED) {
        requestExit(-1);
        raise(deferredVector, deferredError);
        exit = settleFault(0);
      } else if (exitRequest >= 0) {
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
  setUnspent(left, left - floor);
  if (load<u32>(s, CPU_SHADOW) == SHADOW_RUNNING) store<u32>(s, 0, CPU_SHADOW);
  setRunningFrame(0);
  return exit;
}
