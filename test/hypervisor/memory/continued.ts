/** Calls that stop because something waits for their pCPU, and that go on later from the place where they stopped. */
import type { Host } from "./host.ts";

/** HYPERCALL_CONTINUE from core/hypervisor/hypercall/continuation.ts. */
export const CONTINUE = -0x7fffffffffffff01n;

/** Repeats a call until it is complete. Returns how often it was continued, and the last result. */
export function toTheEnd(
  host: Host,
  call: (a0: bigint, a1: bigint, a2: bigint) => bigint,
  a0: bigint,
  a1: bigint,
  a2 = 0n,
): [number, bigint] {
  host.core.interrupt(true);
  try {
    for (let times = 0; ; times++) {
      const result = call(a0, a1, a2);
      if (result !== CONTINUE) return [times, result];
      if (times > 100_000) throw new Error("it does not come forward");
      a0 = host.core.nextArg0.value;
      a1 = host.core.nextArg1.value;
      a2 = host.core.nextArg2.value;
    }
  } finally {
    host.core.interrupt(false);
  }
}
