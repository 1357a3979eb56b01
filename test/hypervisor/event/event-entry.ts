/**
 * AssemblyScript entry for the tests of event channels: the memory tests' host and domains, with shared info, four vCPUs and event channels.
 * Hypercalls are made as one vCPU or another. All domains are native, so an event that reaches a vCPU shows as a change of its event word.
 */
import {
  Domain,
  VCPU_PAGE_ORDER,
  VPF_blocked,
  VPF_polling,
  Vcpu,
  domainById,
  setCurrentVcpu,
  vcpuOf,
} from "../../../core/hypervisor/domain/domain";
import { evtchnDomainDestroy, evtchnDomainFree, evtchnDomainInit } from "../../../core/hypervisor/event/channels";
import {
  evtchnPortPending,
  evtchnVcpuInit,
  sendGuestVirq,
  setGlobalVirqHandler,
  vcpuEventPending,
} from "../../../core/hypervisor/event/channels";
import { ECS_RESERVED, lockPorts, portOf, unlockPorts } from "../../../core/hypervisor/event/port";
import { HYPERCALL_CONTINUE, nextArg0 } from "../../../core/hypervisor/hypercall/continuation";
import { allocXenheapPages, freeXenheapPages } from "../../../core/hypervisor/memory/allocator";
import { frameAddress } from "../../../core/hypervisor/memory/frames";
import { shareXenPageWithGuest, unshareXenPage } from "../../../core/hypervisor/memory/share";
import { mailbox } from "../../../core/hypervisor/sched/pcpu";
import { makeDomain as makeMemoryDomain } from "../memory/memory-entry";

export { allocDomheapPages, checkMemory, freePages, pageTypeCount, relinquishMemory } from "../memory/memory-entry";
export {
  attach,
  boot,
  codeFlagTable,
  codeVersionTable,
  forgetDomain,
  getPageType,
  putPageType,
  setPcpus,
} from "../memory/memory-entry";
export { checkEventChannels } from "../../../core/hypervisor/event/check";
export { doEventChannelOp, doEventChannelOpCompat, sendGlobalVirq } from "../../../core/hypervisor/event/channels";

const VCPUS: u32 = 4;
const VCPU_INFO_BYTES: usize = 64;

/** `flags`: 1 privileged, 2 native. */
export function makeDomain(domid: u32, flags: u32, maxPages: u32): bool {
  if (!makeMemoryDomain(domid, flags, maxPages)) return false;
  const d = domainById(domid)!;
  const shared = allocXenheapPages(0);
  d.sharedInfoMfn = shared;
  d.sharedInfo = frameAddress(shared);
  d.target = -1;
  d.evtchnMaxPort = 0x7fffffff;
  if (evtchnDomainInit(d) || !shareXenPageWithGuest(shared, domid, false)) return false;
  d.maxVcpus = VCPUS;
  d.nrVcpus = VCPUS;
  for (let i: u32 = 0; i < VCPUS; i++) {
    if (i) store<u32>(d.vcpus + i * 4, <u32>frameAddress(allocXenheapPages(VCPU_PAGE_ORDER)));
    const v = vcpuOf(d, i)!;
    v.vcpuId = i;
    v.domid = domid;
    v.domain = d;
    v.vcpuInfo = d.sharedInfo + i * VCPU_INFO_BYTES;
    if (evtchnVcpuInit(v)) return false;
  }
  return true;
}

/** The hypercalls that follow come from dom0, or from a vCPU of a domain. */
export function become(domid: u32): void {
  becomeVcpu(domid, 0);
}
export function becomeVcpu(domid: u32, vcpu: u32): void {
  setCurrentVcpu(vcpuOf(domainById(domid)!, vcpu)!);
}

export function sharedInfo(domid: u32): usize {
  return domainById(domid)!.sharedInfo;
}
export function setMaxPort(domid: u32, port: u32): void {
  domainById(domid)!.evtchnMaxPort = port;
}
export function setTarget(domid: u32, target: i32): void {
  domainById(domid)!.target = target;
}
export function setControllerPauseCount(domid: u32, count: u32): void {
  domainById(domid)!.controllerPauseCount = count;
}
export function usesFifo(domid: u32): bool {
  return domainById(domid)!.evtchnFifo != 0;
}
/** For a bound port: 1 if its domain has FIFO pages, else 0. For a port that is not bound: -1. */
export function boundPortHasFifo(domid: u32, port: u32): i32 {
  const d = domainById(domid)!;
  lockPorts(d);
  const has: i32 = portOf(d, port).state <= ECS_RESERVED ? -1 : d.evtchnFifo ? 1 : 0;
  unlockPorts(d);
  return has;
}
/** Returns how often the vCPU was told that it has events. */
export function kicks(domid: u32, vcpu: u32): u32 {
  return vcpuOf(domainById(domid)!, vcpu)!.eventWord;
}
export function eventsSent(domid: u32): u64 {
  return domainById(domid)!.eventsSent;
}
export function eventsReceived(domid: u32): u64 {
  return domainById(domid)!.eventsReceived;
}
export function portPending(domid: u32, port: u32): i32 {
  return evtchnPortPending(domainById(domid)!, port);
}
export function eventPending(domid: u32, vcpu: u32): bool {
  return vcpuEventPending(vcpuOf(domainById(domid)!, vcpu)!);
}
export function setVirqHandler(domid: u32, number: u32): i32 {
  return setGlobalVirqHandler(domainById(domid)!, number);
}
export function virq(domid: u32, vcpu: u32, number: u32): void {
  sendGuestVirq(vcpuOf(domainById(domid)!, vcpu)!, number);
}

/** Puts the vCPU into SCHEDOP_poll for one port, or with -1 for several. */
export function waitForPort(domid: u32, vcpu: u32, port: i32): void {
  const v = vcpuOf(domainById(domid)!, vcpu)!;
  v.pollPort = port;
  v.pauseFlags |= VPF_blocked | VPF_polling;
  v.domain.pollers++;
}
export function isWaiting(domid: u32, vcpu: u32): bool {
  return (vcpuOf(domainById(domid)!, vcpu)!.pauseFlags & (VPF_blocked | VPF_polling)) != 0;
}

/** The code that a handler returns if it must be called again, and the command with which to do so. */
export function continueCode(): i64 {
  return HYPERCALL_CONTINUE;
}
export function continuedCommand(): u32 {
  return <u32>nextArg0;
}
/** Says that work is waiting for the pCPU, so that long hypercalls stop at their next check. */
export function setPreempted(value: u32): void {
  store<u32>(mailbox(0), value);
}

/** The event part of the destruction of a domain. Returns the number of calls that it took. */
export function destroyEvents(domid: u32): u32 {
  const d = domainById(domid)!;
  d.dying = 1;
  let calls: u32 = 1;
  while (!evtchnDomainDestroy(d)) calls++;
  return calls;
}
/** Frees everything of a domain whose events are destroyed, except its own frames and structures. */
export function freeEvents(domid: u32): void {
  const d: Domain = domainById(domid)!;
  evtchnDomainFree(d);
  for (let i: u32 = 0; i < VCPUS; i++) {
    const v: Vcpu = vcpuOf(d, i)!;
    v.vcpuInfo = 0;
    if (i) freeXenheapPages(<u32>(changetype<usize>(v) >> 12), VCPU_PAGE_ORDER);
    if (i) store<u32>(d.vcpus + i * 4, 0);
  }
  d.maxVcpus = 1;
  unshareXenPage(d.sharedInfoMfn);
}
