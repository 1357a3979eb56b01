/** HYPERVISOR_physdev_op as a domain without hardware sees it: it can set its I/O privilege level, and there are no interrupts and no PCI. */
import {
  PHYSDEVOP_eoi,
  PHYSDEVOP_get_free_pirq,
  PHYSDEVOP_irq_status_query,
  PHYSDEVOP_map_pirq,
  PHYSDEVOP_set_iobitmap,
  PHYSDEVOP_set_iopl,
  PHYSDEVOP_unmap_pirq,
  PHYSDEV_SET_IOBITMAP_NR_PORTS,
} from "../../abi/physdev";
import { EFAULT, EINVAL, ENOSYS, EPERM } from "../../abi/errno";
import { currentVcpu, isPrivileged } from "../domain/domain";
import { clearGuestFault, guestFault, readGuest32, readGuest64 } from "./guest_access";

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
      const ports = readGuest32(arg + PHYSDEV_SET_IOBITMAP_NR_PORTS);
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
      // The rest is about the host's interrupt controllers and PCI devices, which do not exist here.
      return isPrivileged(v.domain) ? -ENOSYS : -EPERM;
  }
}
