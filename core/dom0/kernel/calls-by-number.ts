/** The hypervisor's own counts of a domain's hypercalls and accesses, read where they lie (hypervisor/abi/native.ts). */
import * as area from "../../hypervisor/abi/native.ts";

/**
 * Returns the machine address of the domain's structure, or 0 if there is no such domain. `statistics` is the machine address of the statistics area.
 */
export function domainAt(memory: DataView, statistics: number, domid: number): number {
  const word = (at: number): number => memory.getUint32(at, true);
  let at = word(statistics + area.STATISTICS_DOMAINS);
  while (at !== 0 && word(at + area.DOMAIN_DOMID) !== domid) at = word(at + area.DOMAIN_NEXT);
  return at;
}

/**
 * Returns the counts since the domain was created: hypercalls by number and then, from NR_HYPERCALLS on, accesses by kind. `at` is the address of the
 * domain's structure; with 0 there is no domain, and the result is empty.
 */
export function callsByNumber(memory: DataView, at: number): number[] {
  if (at === 0) return [];
  const word = (address: number): number => memory.getUint32(address, true);
  const longs = (address: number, count: number): number[] =>
    Array.from({ length: count }, (_, n) => Number(memory.getBigUint64(address + 8 * n, true)));
  const accesses = Array<number>(area.ACCESS_KINDS).fill(0);
  const table = word(at + area.DOMAIN_VCPUS);
  for (let n = 0; n < word(at + area.DOMAIN_MAX_VCPUS); n++) {
    const vcpu = word(table + 4 * n);
    if (vcpu !== 0)
      longs(vcpu + area.VCPU_ACCESSES, area.ACCESS_KINDS).forEach((count, kind) => (accesses[kind]! += count));
  }
  return [...longs(at + area.DOMAIN_HYPERCALLS_BY_NUMBER, area.NR_HYPERCALLS), ...accesses];
}
