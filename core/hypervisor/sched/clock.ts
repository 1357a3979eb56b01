/** Xen system time: nanoseconds since power-on, the same on all pCPUs. */
import { hostNow } from "../../machine/cpu/machine";

export function systemTime(): u64 {
  return <u64>hostNow();
}
