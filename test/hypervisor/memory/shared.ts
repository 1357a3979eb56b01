/** PVH domains that share memory, for the tests of that: a domain and its copies, and what stands in their guest frames. */
import { expect } from "vitest";
import { DOM0, type Host } from "./host.ts";
import { PvhDomain } from "./pvh-domain.ts";

/** PTE_RW of an entry of a second stage. */
export const WRITABLE = 2n;
/** The guest frames of a domain, from 0 on. */
export const FRAMES = 64;

/** Demands that the host's books of memory are right. */
export function checked(host: Host): void {
  host.core.become(DOM0);
  expect(host.core.checkMemory(), host.log()).toBe(0);
}

/** A copy of all that `from` has at its first guest frames. */
export function copyOf(host: Host, from: PvhDomain, domid: number, frames = FRAMES): PvhDomain {
  const copy = new PvhDomain(host, domid, 0n);
  host.core.become(DOM0);
  expect(host.core.shareable(from.domid, 0n, frames)).toBe(0);
  expect(host.core.copyDomain(from.domid, domid, 0n, frames)).toBe(0);
  return copy;
}
export const owner = (d: PvhDomain, gfn: bigint): number => d.host.core.pageOwner(d.mfn(gfn));
export const isWritable = (d: PvhDomain, gfn: bigint): boolean => (d.entry(gfn) & WRITABLE) !== 0n;
export const read = (d: PvhDomain, gfn: bigint): number => d.host.get32(d.mfn(gfn) * 4096 + 8);
/** As a vCPU writes: by its second stage, and by a frame of the domain's own. */
export function write(d: PvhDomain, gfn: bigint, value: number): void {
  if (!isWritable(d, gfn)) expect(d.host.core.writeFault(d.domid, gfn)).toBe(0);
  expect(isWritable(d, gfn)).toBe(true);
  expect(owner(d, gfn)).toBe(d.domid);
  d.host.set32(d.mfn(gfn) * 4096 + 8, value);
}
