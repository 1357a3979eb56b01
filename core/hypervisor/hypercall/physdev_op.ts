/** HYPERVISOR_physdev_op as a domain without hardware sees it: its I/O privilege level, and no interrupts or PCI. */
import { EFAULT, EINVAL, ENOSYS, EPERM } from "../abi/errno";
import { currentVcpu, isPrivileged } from "../domain/domain";
import { clearGuestFault, guestFault, readGuest32, readGuest64 } from "./guest_access";

const PHYSDEVOP_eoi: u32 = 12;
const PHYSDEVOP_irq_status_query: u32 = 5;
export const PHYSDEVOP_set_iopl: u32 = 6;
export const PHYSDEVOP_set_iobitmap: u32 = 7;
const PHYSDEVOP_get_free_pirq: u32 = 23;
const PHYSDEVOP_map_pirq: u32 = 13;
const PHYSDEVOP_unmap_pirq: u32 = 14;
const MOST_PORTS: u32 = 65536;

export function doPhysdevOp(cmd: u32, arg: u64): i64 {
  const v = currentVcpu;
  clearGuestFault();
  switch (cmd) {
    case PHYSDEVOP_set_iopl: {
      const iopl = readGuest32(arg);
      if (guestFault) return -EFAULT;
      if (iopl > 3) return -EINVAL;
      v.iopl = iopl;
      return 0;
    }
    case PHYSDEVOP_set_iobitmap: {
      const bitmap = readGuest64(arg);
      const ports = readGuest32(arg + 8);
      if (guestFault) return -EFAULT;
      if (ports > MOST_PORTS) return -EINVAL;
      v.ioBitmap = bitmap;
      v.ioBitmapPorts = ports;
      return 0;
    }
    case PHYSDEVOP_eoi:
    case PHYSDEVOP_irq_status_query:
      // No domain has a physical interrupt.
      return -EINVAL;
    case PHYSDEVOP_map_pirq:
    case PHYSDEVOP_unmap_pirq:
    case PHYSDEVOP_get_free_pirq:
      return isPrivileged(v.domain) ? -ENOSYS : -EPERM;
    default:
      // The rest is about the host's interrupt controllers and PCI devices, of which there are none.
      return isPrivileged(v.domain) ? -ENOSYS : -EPERM;
  }
}
