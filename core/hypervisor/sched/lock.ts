/**
 * Spin locks in shared memory: a u32, 0 = free. They order pCPUs and native domains' threads alike, are not recursive and
 * are held for short, bounded work only. pCPUs are host threads, which may be more than the host's cores: after a while
 * the waiter gives its core away for a moment.
 *
 * Order, outermost first: domctl, domain list, domain, event channel, runqueue, timer heap, console.
 */
import { hostWait } from "../../machine/cpu/machine";

const SPINS_BEFORE_PAUSE: i32 = 2000;
const PAUSE_NS: f64 = 20_000;

export function spinLock(address: usize): void {
  let spins = 0;
  while (atomic.cmpxchg<u32>(address, 0, 1) != 0) {
    while (atomic.load<u32>(address) != 0) {
      if (++spins > SPINS_BEFORE_PAUSE) {
        spins = 0;
        hostWait(address, 1, PAUSE_NS);
      }
    }
  }
}

export function spinTryLock(address: usize): bool {
  return atomic.cmpxchg<u32>(address, 0, 1) == 0;
}

export function spinUnlock(address: usize): void {
  atomic.store<u32>(address, 0);
}
