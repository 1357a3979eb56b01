/**
 * Which ports a PV guest may use. With I/O privilege (PHYSDEVOP_set_iopl, set_iobitmap) it may use all of them, and nothing answers there
 * (../ports.ts); without, the instruction raises #GP.
 */
import { VMASST_TYPE_architectural_iopl } from "../../../abi/xen";
import { Vcpu } from "../../domain/domain";
import { guestRangeOk, walkGuest } from "./address";
import { TO_READ } from "../type";
import { enterGuestAccess, leaveGuestAccess } from "../../sched/pcpu";
import { virtualCpl } from "./mode";

/** Returns whether the I/O privilege level allows the vCPU's mode to do I/O. */
export function ioplAllows(v: Vcpu): bool {
  const architectural = (v.domain.vmAssist >> (<u64>VMASST_TYPE_architectural_iopl)) & 1;
  return virtualCpl(v, architectural ? 0 : 1) <= v.iopl;
}

/**
 * Returns whether the vCPU's mode may use `bytes` ports from `port` on: by its privilege level, or by the bitmap (Xen's guest_io_okay), which lies in
 * the kernel's memory whichever mode asks. Bits in a page that is not there forbid the access. Must not be called inside another guest access.
 */
export function portsAllowed(v: Vcpu, port: u32, bytes: u32): bool {
  if (ioplAllows(v)) return true;
  if (port + bytes > v.ioBitmapPorts) return false;
  const at = v.ioBitmap + (port >> 3);
  const mask = kernelByte(v, at) | (kernelByte(v, at + 1) << 8);
  return !(mask & (((1 << bytes) - 1) << (port & 7)));
}

/** Returns a byte of the kernel's memory; all ones where there is none. */
function kernelByte(v: Vcpu, address: u64): u32 {
  if (!guestRangeOk(address, 1)) return 0xff;
  enterGuestAccess();
  const at = walkGuest((<u64>v.kernelCr3) << 12, address, TO_READ);
  const byte: u32 = at ? load<u8>(at) : 0xff;
  leaveGuestAccess();
  return byte;
}
