/** How long a vCPU has been running, runnable, blocked and offline: struct vcpu_runstate_info for its guest. */
import {
  VCPU_RUNSTATE_INFO_SIZE,
  VCPU_RUNSTATE_INFO_STATE,
  VCPU_RUNSTATE_INFO_STATE_ENTRY_TIME,
  VCPU_RUNSTATE_INFO_TIME,
} from "../../abi/vcpu";
import { VMASST_TYPE_runstate_update_flag } from "../../abi/xen";
import { Vcpu } from "../domain/domain";
import { copyToGuest, writeGuest64 } from "../hypercall/guest_access";
import { threadScratch } from "./pcpu";

/** Of public/vcpu.h: the structure is being written. A number of 64 bits, which only this language has. */
const XEN_RUNSTATE_UPDATE: u64 = (<u64>1) << 63;

/** Copies struct vcpu_runstate_info to where the guest wants it. The guest's tables are the loaded ones. */
export function updateRunstateArea(v: Vcpu): void {
  const guest = v.runstateGuest;
  if (!guest) return;
  const info = threadScratch();
  writeRunstate(v, info);
  if ((v.domain.vmAssist >> (<u64>VMASST_TYPE_runstate_update_flag)) & 1) {
    const entry = load<u64>(info, VCPU_RUNSTATE_INFO_STATE_ENTRY_TIME);
    store<u64>(info, entry | XEN_RUNSTATE_UPDATE, VCPU_RUNSTATE_INFO_STATE_ENTRY_TIME);
    const since = guest + VCPU_RUNSTATE_INFO_STATE_ENTRY_TIME;
    if (!writeGuest64(since, load<u64>(info, VCPU_RUNSTATE_INFO_STATE_ENTRY_TIME))) return;
    copyToGuest(guest, info, VCPU_RUNSTATE_INFO_SIZE);
    writeGuest64(since, entry);
  } else copyToGuest(guest, info, VCPU_RUNSTATE_INFO_SIZE);
}

/** struct vcpu_runstate_info, 48 bytes, with the present state's time up to now included by its entry time only. */
export function writeRunstate(v: Vcpu, to: usize): void {
  store<u64>(to, v.runstate, VCPU_RUNSTATE_INFO_STATE);
  store<u64>(to, v.runstateSince, VCPU_RUNSTATE_INFO_STATE_ENTRY_TIME);
  memory.copy(
    to + VCPU_RUNSTATE_INFO_TIME,
    changetype<usize>(v) + offsetof<Vcpu>("runstateTime0"),
    VCPU_RUNSTATE_INFO_SIZE - VCPU_RUNSTATE_INFO_TIME,
  );
}
