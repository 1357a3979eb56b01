/** Fills struct xen_domctl_getdomaininfo, for domctl and sysctl. */
import { RUNSTATE_running } from "../../abi/vcpu";
import { hasSecondStage, runsOnPcpus } from "../guest/type";
import * as abi from "../../abi/domctl";
import {
  DOMAIN_DEBUGGER,
  DOMAIN_XENSTORE,
  DOMDYING_dead,
  Domain,
  VPF_blocked,
  VPF_down,
  Vcpu,
  vcpuOf,
} from "../domain/domain";
import { DomainMemory } from "../memory/domain_memory";
import { gfnOf } from "../p2m/p2m";
import { P2M_GFNS } from "../p2m/tables";
import { systemTime } from "../sched/clock";

const INVALID_MAX_VCPU_ID: u32 = 0xffffffff;
/** Guest-physical addresses have as many bits as machine addresses. */
const GPADDR_BITS: u8 = 32;

/** Returns the nanoseconds spent in RUNSTATE_running up to now. */
export function vcpuCpuTime(v: Vcpu): u64 {
  const time = v.runstateTime0;
  if (v.runstate != RUNSTATE_running) return time;
  const now = systemTime();
  return now > v.runstateSince ? time + (now - v.runstateSince) : time;
}

export function vcpuIsRunning(v: Vcpu): bool {
  return runsOnPcpus(v.domain) ? v.isRunning != 0 : v.runstate == RUNSTATE_running;
}

/** Fills DOMCTL_GETDOMAININFO_SIZE bytes at `to`. */
export function writeDomainInfo(d: Domain, to: usize): void {
  memory.fill(to, 0, abi.DOMCTL_GETDOMAININFO_SIZE);
  const m = changetype<DomainMemory>(d.memory);
  let flags: u32 = abi.XEN_DOMINF_blocked;
  let online: u32 = 0;
  let maxVcpuId = INVALID_MAX_VCPU_ID;
  let time: u64 = 0;
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const found = vcpuOf(d, i);
    if (!found) continue;
    const v = found as Vcpu;
    maxVcpuId = i;
    time += vcpuCpuTime(v);
    if (v.pauseFlags & VPF_down) continue;
    online++;
    if (runsOnPcpus(d) ? !(v.pauseFlags & VPF_blocked) : vcpuIsRunning(v)) flags &= ~abi.XEN_DOMINF_blocked;
    if (vcpuIsRunning(v)) flags |= abi.XEN_DOMINF_running;
  }
  if (d.dying == DOMDYING_dead) flags |= abi.XEN_DOMINF_dying;
  if (d.isShutDown) flags |= abi.XEN_DOMINF_shutdown | ((d.shutdownCode & 0xff) << abi.XEN_DOMINF_shutdownshift);
  if (hasSecondStage(d)) flags |= abi.XEN_DOMINF_hvm_guest | abi.XEN_DOMINF_hap;
  if (d.controllerPauseCount) flags |= abi.XEN_DOMINF_paused;
  if (d.flags & DOMAIN_DEBUGGER) flags |= abi.XEN_DOMINF_debugged;
  if (d.flags & DOMAIN_XENSTORE) flags |= abi.XEN_DOMINF_xs_domain;
  store<u16>(to, d.domid, abi.DOMCTL_GETDOMAININFO_DOMAIN);
  store<u32>(to, flags, abi.DOMCTL_GETDOMAININFO_FLAGS);
  // Read once: it changes while the domain runs.
  const claim = m.claim;
  const reserve: u32 = m.onDemand ? claim : 0;
  const claimed: u32 = claim - reserve;
  store<u64>(to, <u64>m.totPages + reserve, abi.DOMCTL_GETDOMAININFO_TOT_PAGES);
  store<u64>(to, m.maxPages, abi.DOMCTL_GETDOMAININFO_MAX_PAGES);
  store<u64>(to, claimed, abi.DOMCTL_GETDOMAININFO_OUTSTANDING_PAGES);
  store<u64>(to, sharedInfoFrame(d), abi.DOMCTL_GETDOMAININFO_SHARED_INFO_FRAME);
  store<u64>(to, time, abi.DOMCTL_GETDOMAININFO_CPU_TIME);
  store<u32>(to, online, abi.DOMCTL_GETDOMAININFO_NR_ONLINE_VCPUS);
  store<u32>(to, maxVcpuId, abi.DOMCTL_GETDOMAININFO_MAX_VCPU_ID);
  store<u32>(to, d.ssidref, abi.DOMCTL_GETDOMAININFO_SSIDREF);
  memory.copy(to + abi.DOMCTL_GETDOMAININFO_HANDLE, changetype<usize>(d) + offsetof<Domain>("handle0"), 16);
  store<u8>(to, GPADDR_BITS, abi.DOMCTL_GETDOMAININFO_GPADDR_BITS);
}

/** The frame as the domain numbers it; the invalid frame while a PVH domain has not mapped it. */
function sharedInfoFrame(d: Domain): u64 {
  if (!hasSecondStage(d)) return d.sharedInfoMfn;
  const gfn = gfnOf(changetype<DomainMemory>(d.memory), d.sharedInfoMfn);
  return gfn < P2M_GFNS ? gfn : 0xffffffffffffffff;
}
