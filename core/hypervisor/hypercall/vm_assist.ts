/** HYPERVISOR_vm_assist: options of the PV ABI that a guest turns on. */
import { EINVAL, ENOSYS } from "../../abi/errno";
import {
  VMASST_CMD_disable,
  VMASST_CMD_enable,
  VMASST_TYPE_4gb_segments,
  VMASST_TYPE_4gb_segments_notify,
  VMASST_TYPE_architectural_iopl,
  VMASST_TYPE_m2p_strict,
  VMASST_TYPE_pae_extended_cr3,
  VMASST_TYPE_runstate_update_flag,
  VMASST_TYPE_writable_pagetables,
} from "../../abi/xen";
import { Domain, currentVcpu } from "../domain/domain";
import { DomainMemory, MEM_M2P_STRICT } from "../memory/domain_memory";

/** What a 64-bit PV guest may set. */
export const VM_ASSIST_VALID: u64 =
  ((<u64>1) << (<u64>VMASST_TYPE_4gb_segments)) |
  ((<u64>1) << (<u64>VMASST_TYPE_4gb_segments_notify)) |
  ((<u64>1) << (<u64>VMASST_TYPE_writable_pagetables)) |
  ((<u64>1) << (<u64>VMASST_TYPE_pae_extended_cr3)) |
  ((<u64>1) << (<u64>VMASST_TYPE_architectural_iopl)) |
  ((<u64>1) << (<u64>VMASST_TYPE_runstate_update_flag)) |
  ((<u64>1) << (<u64>VMASST_TYPE_m2p_strict));

/** Sets all options at once (setvcpucontext's vm_assist field). */
export function setVmAssist(d: Domain, bits: u64): void {
  d.vmAssist = bits & VM_ASSIST_VALID;
  const m = changetype<DomainMemory>(d.memory);
  if ((d.vmAssist >> (<u64>VMASST_TYPE_m2p_strict)) & 1) m.flags |= MEM_M2P_STRICT;
  else m.flags &= ~MEM_M2P_STRICT;
}

export function doVmAssist(cmd: u64, type: u64): i64 {
  const d = currentVcpu.domain;
  if (type >= 64 || !((VM_ASSIST_VALID >> type) & 1)) return -EINVAL;
  const bit = (<u64>1) << type;
  switch (<u32>cmd) {
    case VMASST_CMD_enable:
      setVmAssist(d, d.vmAssist | bit);
      return 0;
    case VMASST_CMD_disable:
      setVmAssist(d, d.vmAssist & ~bit);
      return 0;
    default:
      return -ENOSYS;
  }
}
