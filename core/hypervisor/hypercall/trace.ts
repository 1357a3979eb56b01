/**
 * The trace: records the hypercalls and accesses of traced domains in rings that others read (abi/trace.ts). A thread writes only to its own ring.
 * Switched off, it costs one load a hypercall, and for accesses one load each time a vCPU is entered. With a full ring it costs the increment of a
 * counter. While the ring has room, an access to an address without memory also costs an exit (guest/pvh/accesses.ts). So the cost is bounded by how many
 * records a second the reader takes.
 */
import { ENOMEM, ENXIO, ESRCH } from "../../abi/errno";
import * as nr from "../../abi/xen";
import { NR_HYPERCALLS } from "../abi/native";
import {
  TRACE_ARGS,
  TRACE_BYTES,
  TRACE_CONSUMER,
  TRACE_DATA,
  TRACE_DOMID,
  TRACE_DURATION,
  TRACE_FLAGS,
  TRACE_FLAG_no_result,
  TRACE_KIND,
  TRACE_KIND_hypercall,
  TRACE_LOST,
  TRACE_NUMBER,
  TRACE_PRODUCER,
  TRACE_RECORDS,
  TRACE_RECORD_SIZE,
  TRACE_RESULT,
  TRACE_RINGS,
  TRACE_RING_RECORDS,
  TRACE_RING_TABLE,
  TRACE_RIP,
  TRACE_STRUCT,
  TRACE_STRUCT_SIZE,
  TRACE_TIME,
  TRACE_VCPU,
} from "../abi/trace";
import { currentVcpu, domainById } from "../domain/domain";
import { allocXenheapBytes } from "../memory/allocator";
import { HYPERVISOR_ROOT } from "../memory/frames";
import { systemTime } from "../sched/clock";
import { pcpuAt, pcpuCount, self } from "../sched/pcpu";
import { peekGuest } from "./guest_access";

/** Bytes of a guest's word. */
const WORD: usize = 8;

/** u32: address of the trace buffers, 0 = there are none. */
const ROOT_TRACE_BUFFERS: usize = HYPERVISOR_ROOT + 0xf0;

/**
 * Returns the address of the buffers, or -errno. If memory runs out, what was made so far is kept for the next call. Called by dom0's thread, which
 * gets the last ring.
 */
export function makeTraceBuffers(): i64 {
  const rings = pcpuCount() + 1;
  let buffers = <usize>load<u32>(ROOT_TRACE_BUFFERS);
  if (!buffers) {
    buffers = allocXenheapBytes(TRACE_RING_TABLE + rings * 4);
    if (!buffers) return -ENOMEM;
    for (let i: u32 = 0; i < rings; i++) store<u32>(buffers + ((<usize>i) << 2), 0, TRACE_RING_TABLE);
    store<u32>(buffers, rings, TRACE_RINGS);
    store<u32>(buffers, TRACE_RING_RECORDS, TRACE_RECORDS);
    atomic.store<u32>(ROOT_TRACE_BUFFERS, <u32>buffers);
  }
  for (let i: u32 = 0; i < rings; i++) {
    if (ringAt(buffers, i)) continue;
    const ring = allocXenheapBytes(TRACE_DATA + TRACE_RING_RECORDS * TRACE_RECORD_SIZE);
    if (!ring) return -ENOMEM;
    store<u32>(ring, 0, TRACE_PRODUCER);
    store<u32>(ring, 0, TRACE_CONSUMER);
    store<u32>(buffers + ((<usize>i) << 2), <u32>ring, TRACE_RING_TABLE);
    (i < rings - 1 ? pcpuAt(i) : self).trace = ring;
  }
  return <i64>buffers;
}

function ringAt(buffers: usize, i: u32): usize {
  return <usize>load<u32>(buffers + ((<usize>i) << 2), TRACE_RING_TABLE);
}

/** 0 or -errno. */
export function traceDomain(domid: u32, on: bool): i64 {
  if (!load<u32>(ROOT_TRACE_BUFFERS)) return -ENXIO;
  const d = domainById(domid);
  if (!d) return -ESRCH;
  d.traced = on ? 1 : 0;
  return 0;
}

/** Returns false also for a thread that has no ring. */
// @ts-ignore: decorator
@inline
export function traceHasRoom(): bool {
  const ring = self.trace;
  if (!ring) return false;
  return load<u32>(ring, TRACE_PRODUCER) - atomic.load<u32>(ring, TRACE_CONSUMER) < <u32>TRACE_RING_RECORDS;
}

/** Returns the ring's next record with everything filled in except arguments and structure; 0 if there is no room. */
export function traceRecord(began: u64, took: u64, number: u64, rip: u64, result: i64, lost: u32, flags: u32): usize {
  if (!traceHasRoom()) return 0;
  const ring = self.trace;
  const v = currentVcpu;
  // Whatever the indices are, this is one of the ring's records.
  const slot = load<u32>(ring, TRACE_PRODUCER) & (TRACE_RING_RECORDS - 1);
  const record = ring + TRACE_DATA + <usize>slot * TRACE_RECORD_SIZE;
  store<u64>(record, began, TRACE_TIME);
  store<u32>(record, <u32>min<u64>(took, 0xffffffff), TRACE_DURATION);
  store<u16>(record, <u16>v.domid, TRACE_DOMID);
  store<u16>(record, <u16>v.vcpuId, TRACE_VCPU);
  store<u64>(record, number, TRACE_NUMBER);
  store<u64>(record, rip, TRACE_RIP);
  store<i64>(record, result, TRACE_RESULT);
  store<u32>(record, lost, TRACE_LOST);
  store<u8>(record, <u8>flags, TRACE_FLAGS);
  store<u8>(record, TRACE_KIND_hypercall, TRACE_KIND);
  return record;
}

/** Records an access of the running vCPU, TRACE_KIND_*, by the instruction at `rip`; counts it if there is no room. */
export function traceAccess(kind: u32, address: u64, bytes: u32, value: u64, rip: u64): void {
  const v = currentVcpu;
  const record = traceRecord(systemTime(), 0, address, rip, 0, <u32>v.traceLost, TRACE_FLAG_no_result);
  if (!record) {
    v.traceLost++;
    return;
  }
  store<u8>(record, <u8>kind, TRACE_KIND);
  store<u8>(record, 0, TRACE_BYTES);
  memory.fill(record + TRACE_ARGS, 0, 6 * WORD);
  store<u64>(record, bytes, TRACE_ARGS);
  store<u64>(record, value, TRACE_ARGS + WORD);
  traceWritten();
}

export function traceArguments(record: usize, number: u64, a0: u64, a1: u64, a2: u64, a3: u64, a4: u64, a5: u64): void {
  store<u64>(record, a0, TRACE_ARGS);
  store<u64>(record, a1, TRACE_ARGS + WORD);
  store<u64>(record, a2, TRACE_ARGS + 2 * WORD);
  store<u64>(record, a3, TRACE_ARGS + 3 * WORD);
  store<u64>(record, a4, TRACE_ARGS + 4 * WORD);
  store<u64>(record, a5, TRACE_ARGS + 5 * WORD);
  const pointer = structureOf(number, a0, a1, a2);
  const bytes = pointer ? peekGuest(record + TRACE_STRUCT, pointer, TRACE_STRUCT_SIZE) : 0;
  store<u8>(record, <u8>bytes, TRACE_BYTES);
}

/** Lets the reader have the record. */
export function traceWritten(): void {
  const ring = self.trace;
  atomic.store<u32>(ring + TRACE_PRODUCER, load<u32>(ring, TRACE_PRODUCER) + 1);
}

/** Returns the guest pointer to what a hypercall works on; 0 if it has none. */
function structureOf(number: u64, a0: u64, a1: u64, a2: u64): u64 {
  if (number >= <u64>NR_HYPERCALLS) return 0;
  switch (<u32>number) {
    case nr.HYPERVISOR_mmu_update:
    case nr.HYPERVISOR_mmuext_op:
    case nr.HYPERVISOR_set_gdt:
    case nr.HYPERVISOR_set_trap_table:
    case nr.HYPERVISOR_event_channel_op_compat:
    case nr.HYPERVISOR_domctl:
    case nr.HYPERVISOR_sysctl:
      return a0;
    case nr.HYPERVISOR_event_channel_op:
    case nr.HYPERVISOR_grant_table_op:
    case nr.HYPERVISOR_memory_op:
    case nr.HYPERVISOR_physdev_op:
    case nr.HYPERVISOR_sched_op:
    case nr.HYPERVISOR_callback_op:
      return a1;
    case nr.HYPERVISOR_vcpu_op:
    case nr.HYPERVISOR_console_io:
      return a2;
    default:
      return 0;
  }
}
