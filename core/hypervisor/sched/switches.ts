/** What came onto each pCPU and when: a ring of the last context switches, for who watches. Written by its pCPU only. */
import {
  SWITCHES,
  SWITCH_COUNT,
  SWITCH_DOMID,
  SWITCH_IDLE,
  SWITCH_RECORDS,
  SWITCH_RECORD_SIZE,
  SWITCH_TIME,
  SWITCH_VCPU,
} from "../abi/native";
import { Vcpu } from "../domain/domain";
import { allocXenheapBytes } from "../memory/allocator";
import { Pcpu } from "./pcpu";

/** Memory for the pCPU's ring; false if the host has none. Boot only. */
export function allocSwitchRing(p: Pcpu): bool {
  const ring = allocXenheapBytes(<u32>SWITCH_RECORDS + <u32>SWITCHES * <u32>SWITCH_RECORD_SIZE);
  if (!ring) return false;
  p.switchRing = ring;
  return true;
}

/** `next` (null: nothing) has come onto this thread's pCPU `p`. */
export function recordSwitch(p: Pcpu, next: Vcpu | null, now: u64): void {
  const ring = p.switchRing;
  const count = load<u32>(ring, SWITCH_COUNT);
  const record = ring + <usize>SWITCH_RECORDS + <usize>(count % <u32>SWITCHES) * <usize>SWITCH_RECORD_SIZE;
  store<u64>(record, now, SWITCH_TIME);
  store<u32>(record, next ? next.domid : <u32>SWITCH_IDLE, SWITCH_DOMID);
  store<u32>(record, next ? next.vcpuId : <u32>SWITCH_IDLE, SWITCH_VCPU);
  atomic.store<u32>(ring + SWITCH_COUNT, count + 1);
}
