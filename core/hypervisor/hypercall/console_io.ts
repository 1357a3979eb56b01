/**
 * HYPERVISOR_console_io: the emergency console. Any domain may write to it, as in a Xen built with CONFIG_VERBOSE_DEBUG, because whoever brings up a
 * kernel needs its first words. Xen's release builds, such as Debian's, refuse a domU with -EPERM. Reading is for control domains.
 */
import { EFAULT, EINVAL, ENOSYS, EPERM } from "../../abi/errno";
import { CONSOLEIO_read, CONSOLEIO_write } from "../../abi/xen";
import { LOG_DOMAIN_BYTES } from "../abi/log";
import { ROOT_CONSOLE_TO_RING } from "../boot/options";
import { serialWrite } from "../console/conring";
import { ROOT_CONSOLE_LOCK, consoleWrite, logBeginGuest, logBytes, logEnd } from "../console/console";
import { CONSOLE_LINE_SIZE, DOMAIN_HARDWARE, Domain, currentVcpu, isPrivileged } from "../domain/domain";
import { spinLock, spinUnlock } from "../sched/lock";
import { threadScratch } from "../sched/pcpu";
import { continueWith, preemptCheck } from "./continuation";
import { copyFromGuest } from "./guest_access";

const PART: u32 = 128;

/** Writes the line that was collected from the guest as `(dN) text`. */
function flushLine(d: Domain): void {
  logBeginGuest(d.domid);
  logBytes(d.consoleLine, d.consoleLineLength);
  logEnd();
  d.consoleLineLength = 0;
}

function guestWrite(d: Domain, at: usize, length: u32): void {
  const lock = changetype<usize>(d) + offsetof<Domain>("consoleLock");
  spinLock(lock);
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(at + i);
    if (byte == 10) {
      flushLine(d);
      continue;
    }
    if ((byte < 32 || byte > 126) && byte != 9) continue;
    if (d.consoleLineLength == CONSOLE_LINE_SIZE) flushLine(d);
    store<u8>(d.consoleLine + d.consoleLineLength, byte);
    d.consoleLineLength++;
  }
  spinUnlock(lock);
}

/** The hardware domain's bytes are written as they are, since it may be interactive. With console_to_ring they also go into the ring. */
function hardwareWrite(at: usize, length: u32): void {
  if (load<u32>(ROOT_CONSOLE_TO_RING)) consoleWrite(at, length, LOG_DOMAIN_BYTES);
  else {
    spinLock(ROOT_CONSOLE_LOCK);
    serialWrite(at, length, LOG_DOMAIN_BYTES);
    spinUnlock(ROOT_CONSOLE_LOCK);
  }
}

export function doConsoleIo(cmd: u64, count: u64, buffer: u64): i64 {
  const d = currentVcpu.domain;
  switch (<u32>cmd) {
    case CONSOLEIO_write: {
      const length = <u32>count;
      if (length > 0x7fffffff) return -EINVAL;
      const at = threadScratch();
      for (let done: u32 = 0; done < length;) {
        if (done && preemptCheck()) return continueWith(CONSOLEIO_write, <u64>length - done, buffer + done);
        const part = min<u32>(PART, length - done);
        if (!copyFromGuest(at, buffer + done, part)) return -EFAULT;
        if (d.flags & DOMAIN_HARDWARE) hardwareWrite(at, part);
        else guestWrite(d, at, part);
        done += part;
      }
      return 0;
    }
    case CONSOLEIO_read:
      // The serial port never receives anything.
      return isPrivileged(d) ? 0 : -EPERM;
    default:
      return -ENOSYS;
  }
}
