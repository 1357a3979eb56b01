/** struct xen_domctl_getdomaininfo, for domctl and sysctl. */
import { runsOnPcpus } from "../guest/type";
import * as abi from "../abi/domctl";
import {
  DOMAIN_DEBUGGER,
  DOMAIN_XENSTORE,
  DOMDYING_dead,
  Domain,
  RUNSTATE_running,
  VPF_blocked,
  VPF_down,
  Vcpu,
  vcpuOf,
} from "../domain/domain";
import { DomainMemory } from "../memory/domain_memory";
import { systemTime } from "../sched/clock";

const INVALID_MAX_VCPU_ID: u32 = 0xffffffff;
/** Guest physical addresses have as many bits as machine ones. */
const GPADDR_BITS: u8 = 32;

/** Nanoseconds in RUNSTATE_running up to now. */
export function vcpuCpuTime(v: Vcpu): u64 {
  const time = v.runstateTime0;
  if (v.runstate != RUNSTATE_running) return time;
  const now = systemTime();
  return now > v.runstateSince ? time + (now - v.runstateSince) : time;
}

export function vcpuIsRunning(v: Vcpu): bool {
  return runsOnPcpus(v.domain) ? v.isRunning != 0 : v.runstate == RUNSTATE_running;
}

/** Fills INFO_SIZE bytes at `to`. */
export function writeDomainInfo(d: Domain, to: usize): void {
  memory.fill(to, 0, abi.INFO_SIZE);
  const m = changetype<DomainMemory>(d.memory);
  let flags: u32 = abi.DOMINF_blocked;
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
    if (runsOnPcpus(d) ? !(v.pauseFlags & VPF_blocked) : vcpuIsRunning(v)) flags &= ~abi.DOMINF_blocked;
    if (vcpuIsRunning(v)) flags |= abi.DOMINF_running;
  }
  if (d.dying == DOMDYING_dead) flags |= abi.DOMINF_dying;
  if (d.isShutDown) flags |= abi.DOMINF_shutdown | ((d.shutdownCode & 0xff) << abi.DOMINF_shutdownshift);
  if (d.controllerPauseCount) flags |= abi.DOMINF_paused;
  if (d.flags & DOMAIN_DEBUGGER) flags |= abi.DOMINF_debugged;
  if (d.flags & DOMAIN_XENSTORE) flags |= abi.DOMINF_xs_domain;
  store<u16>(to, d.domid, abi.INFO_DOMAIN);
  store<u32>(to, flags, abi.INFO_FLAGS);
  store<u64>(to, m.totPages, abi.INFO_TOT_PAGES);
  store<u64>(to, m.maxPages, abi.INFO_MAX_PAGES);
  store<u64>(to, m.claim, abi.INFO_OUTSTANDING_PAGES);
  store<u64>(to, d.sharedInfoMfn, abi.INFO_SHARED_INFO_FRAME);
  store<u64>(to, time, abi.INFO_CPU_TIME);
  store<u32>(to, online, abi.INFO_ONLINE_VCPUS);
  store<u32>(to, maxVcpuId, abi.INFO_MAX_VCPU_ID);
  store<u32>(to, d.ssidref, abi.INFO_SSIDREF);
  memory.copy(to + abi.INFO_HANDLE, changetype<usize>(d) + offsetof<Domain>("handle0"), 16);
  store<u8>(to, GPADDR_BITS, abi.INFO_GPADDR_BITS);
}
