/** How long a vCPU has been running, runnable, blocked and offline: struct vcpu_runstate_info for its guest. */
import { VMASST_TYPE_runstate_update_flag } from "../abi/xen";
import { Vcpu } from "../domain/domain";
import { copyToGuest, writeGuest64 } from "../hypercall/guest_access";
import { threadScratch } from "./pcpu";

/** Copies struct vcpu_runstate_info to where the guest wants it. The guest's tables are the loaded ones. */
export function updateRunstateArea(v: Vcpu): void {
  const guest = v.runstateGuest;
  if (!guest) return;
  const info = threadScratch();
  writeRunstate(v, info);
  if ((v.domain.vmAssist >> (<u64>VMASST_TYPE_runstate_update_flag)) & 1) {
    const entry = load<u64>(info, 8);
    store<u64>(info, entry | ((<u64>1) << 63), 8);
    if (!writeGuest64(guest + 8, load<u64>(info, 8))) return;
    copyToGuest(guest, info, 48);
    writeGuest64(guest + 8, entry);
  } else copyToGuest(guest, info, 48);
}

/** struct vcpu_runstate_info, 48 bytes, with the present state's time up to now included by its entry time only. */
export function writeRunstate(v: Vcpu, to: usize): void {
  store<u64>(to, v.runstate);
  store<u64>(to, v.runstateSince, 8);
  memory.copy(to + 16, changetype<usize>(v) + offsetof<Vcpu>("runstateTime0"), 32);
}
