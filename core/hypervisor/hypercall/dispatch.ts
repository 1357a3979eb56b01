/**
 * A hypercall, whoever makes it: it is counted, traced, and given to the column of its type of guest, which leads from the number to the handler. A
 * handler returns the result (an errno if negative) or HYPERCALL_CONTINUE. A multicall is several hypercalls.
 */
import { CPU_GPR, CPU_RIP } from "../../machine/cpu/state";
import { EFAULT, EINVAL } from "../../abi/errno";
import {
  HYPERVISOR_multicall,
  MULTICALL_ENTRY_ARGS,
  MULTICALL_ENTRY_OP,
  MULTICALL_ENTRY_RESULT,
  MULTICALL_ENTRY_SIZE,
} from "../../abi/xen";
import { NR_HYPERCALLS } from "../abi/native";
import { TRACE_FLAG_continued, TRACE_FLAG_member, TRACE_FLAG_no_result } from "../abi/trace";
import { DOMAIN_HYPERCALL_COUNTS, currentVcpu } from "../domain/domain";
import { runsOnPcpus, typeOf } from "../guest/type";
import {
  HYPERCALL_CONTINUE,
  continueWith,
  markMember,
  multicallMember,
  nextArg0,
  nextArg1,
  nextArg2,
  nextArg3,
  nextArg4,
  nextArg5,
  preemptCheck,
  registersReplaced,
} from "./continuation";
import { copyFromGuest, copyToGuest, writeGuest64 } from "./guest_access";
import { traceArguments, traceHasRoom, traceRecord, traceWritten } from "./trace";
import { systemTime } from "../sched/clock";
import { threadScratch } from "../sched/pcpu";

/** Bytes of a guest's word. */
const WORD: usize = 8;

function count(number: u32): void {
  const v = currentVcpu;
  v.hypercalls++;
  const d = v.domain;
  d.hypercalls++;
  const at = changetype<usize>(d) + DOMAIN_HYPERCALL_COUNTS + (number << 3);
  store<u64>(at, load<u64>(at) + 1);
}

/** Makes one hypercall of the current vCPU. */
export function hypercall(number: u64, a0: u64, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64): i64 {
  if (beginsUntraced(number)) return perform(number, a0, a1, a2, a3);
  return tracedHypercall(number, a0, a1, a2, a3, a4, a5);
}

/**
 * The beginning of hypercall(), for a type that then calls its own column by name. Returns false if the call is to be traced, in which case
 * hypercall() has to be called. A number that does not exist is in no column.
 */
// @ts-ignore: decorator
@inline
export function beginsUntraced(number: u64): bool {
  const v = currentVcpu;
  if (v.domain.traced) {
    if (traceHasRoom()) return false;
    v.traceLost++;
  }
  if (number < <u64>NR_HYPERCALLS) count(<u32>number);
  return true;
}

function tracedHypercall(number: u64, a0: u64, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64): i64 {
  const v = currentVcpu;
  const rip = runsOnPcpus(v.domain) ? load<u64>(v.cpu, CPU_RIP) : 0;
  const lost = <u32>v.traceLost;
  let flags: u32 = multicallMember ? TRACE_FLAG_member : 0;
  markMember(false);
  const began = systemTime();
  if (number < <u64>NR_HYPERCALLS) count(<u32>number);
  const result = perform(number, a0, a1, a2, a3);
  const took = systemTime() - began;
  if (registersReplaced) flags |= TRACE_FLAG_no_result;
  if (result == HYPERCALL_CONTINUE) flags |= TRACE_FLAG_continued;
  // The record is taken only now, because the entries of a multicall may have filled the ring.
  const record = traceRecord(began, took, number, rip, result, lost, flags);
  if (!record) v.traceLost++;
  else {
    traceArguments(record, number, a0, a1, a2, a3, a4, a5);
    traceWritten();
  }
  return result;
}

function perform(number: u64, a0: u64, a1: u64, a2: u64, a3: u64): i64 {
  return typeOf(currentVcpu.domain).hypercall(number, a0, a1, a2, a3);
}

/**
 * multicall(list, count): makes the calls in order and stores each result. It stops if there is other work, to be continued with the rest of the
 * list. An iret ends it.
 */
export function doMulticall(list: u64, calls: u32): i64 {
  if (!typeOf(currentVcpu.domain).rangeOk(list, <u64>calls * MULTICALL_ENTRY_SIZE)) return -EFAULT;
  for (let i: u32 = 0; i < calls; i++) {
    const at = list + <u64>i * MULTICALL_ENTRY_SIZE;
    if (i && preemptCheck()) return continueWith(at, <u64>(calls - i));
    const entry = threadScratch();
    if (!copyFromGuest(entry, at, MULTICALL_ENTRY_SIZE)) return -EFAULT;
    const number = load<u64>(entry, MULTICALL_ENTRY_OP);
    markMember(true);
    let result: i64 = -EINVAL;
    if (number != <u64>HYPERVISOR_multicall)
      result = hypercall(
        number,
        load<u64>(entry, MULTICALL_ENTRY_ARGS),
        load<u64>(entry, MULTICALL_ENTRY_ARGS + WORD),
        load<u64>(entry, MULTICALL_ENTRY_ARGS + 2 * WORD),
        load<u64>(entry, MULTICALL_ENTRY_ARGS + 3 * WORD),
        load<u64>(entry, MULTICALL_ENTRY_ARGS + 4 * WORD),
        load<u64>(entry, MULTICALL_ENTRY_ARGS + 5 * WORD),
      );
    if (registersReplaced) {
      // After an iret the guest is elsewhere, where the list may not even be mapped.
      writeGuest64(at + MULTICALL_ENTRY_RESULT, load<u64>(currentVcpu.cpu + CPU_GPR));
      return 0;
    }
    if (result == HYPERCALL_CONTINUE) {
      // The entry gets what is left of its call, and the multicall is continued from that entry.
      const rest = threadScratch();
      store<u64>(rest, nextArg0);
      store<u64>(rest, nextArg1, WORD);
      store<u64>(rest, nextArg2, 2 * WORD);
      store<u64>(rest, nextArg3, 3 * WORD);
      store<u64>(rest, nextArg4, 4 * WORD);
      store<u64>(rest, nextArg5, 5 * WORD);
      if (!copyToGuest(at + MULTICALL_ENTRY_ARGS, rest, 6 * WORD)) return -EFAULT;
      return continueWith(at, <u64>(calls - i));
    }
    if (!writeGuest64(at + MULTICALL_ENTRY_RESULT, result)) return -EFAULT;
  }
  return 0;
}
