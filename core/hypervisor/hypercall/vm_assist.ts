/** HYPERVISOR_vm_assist: options of the PV ABI that a guest can turn on. */
import { EINVAL, ENOSYS } from "../../abi/errno";
import { VMASST_CMD_disable, VMASST_CMD_enable, VMASST_TYPE_m2p_strict } from "../../abi/xen";
import { Domain, currentVcpu } from "../domain/domain";
import { typeOf } from "../guest/type";
import { DomainMemory, MEM_M2P_STRICT } from "../memory/domain_memory";

/** Sets all options at once (setvcpucontext's vm_assist field). */
export function setVmAssist(d: Domain, bits: u64): void {
  d.vmAssist = bits & typeOf(d).vmAssists;
  const m = changetype<DomainMemory>(d.memory);
  if ((d.vmAssist >> (<u64>VMASST_TYPE_m2p_strict)) & 1) m.flags |= MEM_M2P_STRICT;
  else m.flags &= ~MEM_M2P_STRICT;
}

export function doVmAssist(cmd: u64, type: u64): i64 {
  const d = currentVcpu.domain;
  if (type >= 64 || !((typeOf(d).vmAssists >> type) & 1)) return -EINVAL;
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
