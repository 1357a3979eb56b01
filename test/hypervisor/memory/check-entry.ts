/**
 * AssemblyScript entry for the tests of the invariant checker. It has the host of the tests of event channels, and functions that return the
 * addresses of the words that the checker looks at.
 */
import { Domain, ROOT_DOMAIN_LIST, VPF_down, Vcpu, domainById, vcpuOf } from "../../../core/hypervisor/domain/domain";
import { TAILS } from "../../../core/hypervisor/event/fifo_pages";
import { Port, portOf } from "../../../core/hypervisor/event/port";
import { virqPort } from "../../../core/hypervisor/event/send";
import { GrantTable, activeEntry, grantTableOf, maptrackEntry } from "../../../core/hypervisor/grant/table";
import { DomainMemory, domainMemory } from "../../../core/hypervisor/memory/domain_memory";
import { checkInvariants } from "../../../core/hypervisor/control/invariants";
import { m2pAddress } from "../../../core/hypervisor/memory/m2p";
import { leafOf } from "../../../core/hypervisor/p2m/tables";
import { Pcpu, pcpuAt } from "../../../core/hypervisor/sched/pcpu";
import { dequeue, enqueue } from "../../../core/hypervisor/sched/runqueue";
import { makeDomain as makeEventDomain } from "../event/event-entry";
import { become as becomeMemory } from "./memory-entry";

export { boot, becomeVcpu, doEventChannelOp, sharedInfo } from "../event/event-entry";
export {
  allocDomheapPages,
  claim,
  doGrantTableOp,
  doMemoryOp,
  doMmuUpdate,
  doMmuextOp,
  freeDomheapPages,
  freePages,
  pageOwner,
  setRoot,
  totPages,
} from "./memory-entry";
export { checkInvariants };

export function become(domid: u32): void {
  becomeMemory(domid);
}

/**
 * Like makeDomain of memory-entry. The vCPUs are marked as down, so that the checker's pausing does not start them, and the list holds the domains in
 * the order of their numbers.
 */
export function makeDomain(domid: u32, flags: u32, maxPages: u32): bool {
  if (!makeEventDomain(domid, flags, maxPages)) return false;
  const d = domainById(domid)!;
  for (let i: u32 = 0; i < d.maxVcpus; i++) vcpuOf(d, i)!.pauseFlags = VPF_down;
  store<u32>(ROOT_DOMAIN_LIST, <u32>d.next);
  d.next = 0;
  let link: usize = ROOT_DOMAIN_LIST;
  while (load<u32>(link)) link = <usize>load<u32>(link) + offsetof<Domain>("next");
  store<u32>(link, <u32>changetype<usize>(d));
  return true;
}

/** Puts vCPUs 0 and 1 of a domain on the queue of pCPU 0, or takes them off it. */
export function queue(domid: u32): void {
  for (let i: u32 = 0; i < 2; i++) enqueue(pcpuAt(0), vcpuOf(domainById(domid)!, i)!);
}
export function unqueue(domid: u32): void {
  for (let i: u32 = 0; i < 2; i++) dequeue(pcpuAt(0), vcpuOf(domainById(domid)!, i)!);
}

// ---- the addresses of the words --------------------------------------------------------------------------------

export function pageListAt(domid: u32): usize {
  return changetype<usize>(domainMemory(domid)!) + offsetof<DomainMemory>("pageList");
}
export function totPagesAt(domid: u32): usize {
  return changetype<usize>(domainMemory(domid)!) + offsetof<DomainMemory>("totPages");
}
export function xenheapPagesAt(domid: u32): usize {
  return changetype<usize>(domainMemory(domid)!) + offsetof<DomainMemory>("xenheapPages");
}
export function claimAt(domid: u32): usize {
  return changetype<usize>(domainMemory(domid)!) + offsetof<DomainMemory>("claim");
}
export function p2mTablesAt(domid: u32): usize {
  return changetype<usize>(domainMemory(domid)!) + offsetof<DomainMemory>("p2mTables");
}
export function p2mRootMfn(domid: u32): u32 {
  return domainMemory(domid)!.p2mRoot;
}
export function leafAt(domid: u32, gfn: u64): usize {
  return leafOf(domainMemory(domid)!, gfn);
}
export function m2pAt(mfn: u32): usize {
  return m2pAddress(mfn);
}

export function mappedAt(domid: u32): usize {
  return changetype<usize>(grantTableOf(domid)!) + offsetof<GrantTable>("mapped");
}
export function pinnedAt(domid: u32): usize {
  return changetype<usize>(grantTableOf(domid)!) + offsetof<GrantTable>("pinned");
}
export function maptrackFreeAt(domid: u32): usize {
  return changetype<usize>(grantTableOf(domid)!) + offsetof<GrantTable>("maptrackFree");
}
export function trackAt(domid: u32, handle: u32): usize {
  return maptrackEntry(grantTableOf(domid)!, handle);
}
export function activeAt(domid: u32, ref: u32): usize {
  return activeEntry(grantTableOf(domid)!, ref);
}

export function portAt(domid: u32, port: u32): usize {
  return changetype<usize>(portOf(domainById(domid)!, port));
}
export function notifyVcpuAt(domid: u32, port: u32): usize {
  return portAt(domid, port) + offsetof<Port>("notifyVcpu");
}
export function remoteDomidAt(domid: u32, port: u32): usize {
  return portAt(domid, port) + offsetof<Port>("remoteDomid");
}
export function remotePortAt(domid: u32, port: u32): usize {
  return portAt(domid, port) + offsetof<Port>("remotePort");
}
export function virqAt(domid: u32, port: u32): usize {
  return portAt(domid, port) + offsetof<Port>("virq");
}
export function lastQueueAt(domid: u32, port: u32): usize {
  return portAt(domid, port) + offsetof<Port>("lastQueue");
}
export function portsActiveAt(domid: u32): usize {
  return changetype<usize>(domainById(domid)!) + offsetof<Domain>("evtchnActive");
}
export function nextFreePortAt(domid: u32): usize {
  return changetype<usize>(domainById(domid)!) + offsetof<Domain>("evtchnNextFree");
}
export function fifoAt(domid: u32): usize {
  return changetype<usize>(domainById(domid)!) + offsetof<Domain>("evtchnFifo");
}
export function controlBlockAt(domid: u32, vcpu: u32): usize {
  return vcpuOf(domainById(domid)!, vcpu)!.evtchnFifo;
}
export function tailAt(domid: u32, vcpu: u32, priority: u32): usize {
  return vcpuOf(domainById(domid)!, vcpu)!.evtchnFifo + TAILS + priority * 4;
}
export function virqPortAt(domid: u32, vcpu: u32, virq: u32): usize {
  return virqPort(vcpuOf(domainById(domid)!, vcpu)!, virq);
}

export function domainAt(domid: u32): usize {
  return changetype<usize>(domainById(domid)!);
}
export function nrVcpusAt(domid: u32): usize {
  return domainAt(domid) + offsetof<Domain>("nrVcpus");
}
function vcpuAt(domid: u32, vcpu: u32): usize {
  return changetype<usize>(vcpuOf(domainById(domid)!, vcpu)!);
}
export function vcpuIdAt(domid: u32, vcpu: u32): usize {
  return vcpuAt(domid, vcpu) + offsetof<Vcpu>("vcpuId");
}
export function vcpuInfoMfnAt(domid: u32, vcpu: u32): usize {
  return vcpuAt(domid, vcpu) + offsetof<Vcpu>("vcpuInfoMfn");
}
export function queuePrevAt(domid: u32, vcpu: u32): usize {
  return vcpuAt(domid, vcpu) + offsetof<Vcpu>("queuePrev");
}
export function queueNextAt(domid: u32, vcpu: u32): usize {
  return vcpuAt(domid, vcpu) + offsetof<Vcpu>("queueNext");
}
export function onQueueAt(domid: u32, vcpu: u32): usize {
  return vcpuAt(domid, vcpu) + offsetof<Vcpu>("onQueue");
}
export function processorAt(domid: u32, vcpu: u32): usize {
  return vcpuAt(domid, vcpu) + offsetof<Vcpu>("processor");
}
export function priorityAt(domid: u32, vcpu: u32): usize {
  return vcpuAt(domid, vcpu) + offsetof<Vcpu>("priority");
}
export function queueLengthAt(): usize {
  return changetype<usize>(pcpuAt(0)) + offsetof<Pcpu>("queueLength");
}
export function queueLastAt(): usize {
  return changetype<usize>(pcpuAt(0)) + offsetof<Pcpu>("queueLast");
}
