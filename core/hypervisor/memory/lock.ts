/**
 * Spin locks in shared memory: a u32, 0 = free. They order pCPUs and native domains' threads alike. Not recursive; hold
 * them for short, bounded work only and never across a wait for another pCPU's TLB flush unless that pCPU can answer
 * from inside the hypervisor (sched/ipi answers a flush for a pCPU that is not executing guest code).
 */

export function spinLock(address: usize): void {
  while (atomic.cmpxchg<u32>(address, 0, 1) != 0) {
    while (atomic.load<u32>(address) != 0) {}
  }
}

export function spinTryLock(address: usize): bool {
  return atomic.cmpxchg<u32>(address, 0, 1) == 0;
}

export function spinUnlock(address: usize): void {
  atomic.store<u32>(address, 0);
}
