/** Creation, shutdown and crash of domains. How they are destroyed is in teardown.ts. */
import { GuestType, hasPageTables, hasSecondStage, runsOnPcpus, typeOf } from "../guest/type";
import { BOOT_POWER, POWER_OFF, POWER_REBOOT } from "../../machine/layout";
import { XEN_LEGACY_MAX_VCPUS } from "../../abi/arch_x86";
import {
  DOMCTL_CREATEDOMAIN_GRANT_OPTS,
  DOMCTL_CREATEDOMAIN_MAX_EVTCHN_PORT,
  DOMCTL_CREATEDOMAIN_MAX_GRANT_FRAMES,
  DOMCTL_CREATEDOMAIN_MAX_MAPTRACK_FRAMES,
  DOMCTL_CREATEDOMAIN_MAX_VCPUS,
} from "../../abi/domctl";
import { EEXIST, EINVAL, ENOMEM } from "../../abi/errno";
import {
  SHUTDOWN_crash,
  SHUTDOWN_poweroff,
  SHUTDOWN_reboot,
  SHUTDOWN_suspend,
  SHUTDOWN_watchdog,
} from "../../abi/sched";
import { DOMID_FIRST_RESERVED, DOMID_INVALID, VCPU_INFO_SIZE, VIRQ_DOM_EXC } from "../../abi/xen";
import { LOG_DEFAULT } from "../abi/log";
import { logBegin, logDec, logEnd, logText, log } from "../console/console";
import { ROOT_NOREBOOT } from "../boot/options";
import { showExecutionState } from "../console/execution_state";
import { evtchnDomainFree, evtchnDomainInit, evtchnVcpuInit, sendGlobalVirq } from "../event/channels";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { DomainMemory, MEM_PAGE_TABLES, MEM_PRIVILEGED, MEM_TRANSLATED, domainMemory } from "../memory/domain_memory";
import { memoryDomainCreate, memoryDomainFree } from "../memory/domain_books";
import { frameAddress } from "../memory/frames";
import { MAX_VCPUS } from "../memory/perdomain";
import { shareXenPageWithGuest } from "../memory/share";
import { applyFeatures, initFeatures } from "../guest/features";
import { updateWallclock } from "../guest/time";
import { initTsc } from "../guest/tsc";
import { grantTableCreate, grantTableFree } from "../grant/table";
import { DEFAULT_WEIGHT } from "../sched/accounting";
import { schedInitVcpu } from "../sched/wake";
import { systemTime } from "../sched/clock";
import { IPI_POWER, sendIpi } from "../sched/ipi";
import { spinLock, spinUnlock } from "../sched/lock";
import { pcpuCount, self } from "../sched/pcpu";
import { vcpuPauseNosync, vcpuUnpause } from "../sched/vcpu";
import {
  DOMAIN_CONSOLE_LINE,
  DOMAIN_HARDWARE,
  DOMAIN_PAGE_ORDER,
  DOMAIN_PRIVILEGED,
  DOMDYING_alive,
  Domain,
  ROOT_DOMAINS,
  ROOT_DOMAIN_LIST,
  ROOT_DOMAIN_LIST_LOCK,
  ROOT_LAST_DOMID,
  SHUTDOWN_CODE_INVALID,
  VCPU_PAGE_ORDER,
  VPF_down,
  Vcpu,
  currentVcpu,
  domainById,
  vcpuOf,
} from "./domain";

/** Table of Vcpu addresses, in the Domain's page. */
const DOMAIN_VCPU_TABLE: usize = 0x600;
export { MAX_VCPUS };

/** Xen's defaults of gnttab_max_frames and gnttab_max_maptrack_frames. */
const DEFAULT_GRANT_FRAMES: u32 = 64;
const DEFAULT_MAPTRACK_FRAMES: u32 = 1024;

/** Of DOMCTL_CREATEDOMAIN_GRANT_OPTS: the newest version of grant tables that the domain may use. */
const GRANT_VERSION: u32 = 15;

/** Why the last createDomain failed: a positive errno. */
export let createError: i32 = 0;

/** The next free domid after the last one that was given; 0 if all are taken. */
function freeDomid(): u32 {
  let domid = load<u32>(ROOT_LAST_DOMID);
  for (let i: u32 = 0; i < <u32>DOMID_FIRST_RESERVED; i++) {
    domid = domid + 1 >= <u32>DOMID_FIRST_RESERVED ? 1 : domid + 1;
    if (!domainById(domid)) {
      store<u32>(ROOT_LAST_DOMID, domid);
      return domid;
    }
  }
  return 0;
}

/** For createDomain: any number that is free. */
export const ANY_DOMID: u32 = DOMID_INVALID;

/**
 * A domain without memory or vCPUs, paused once by its controller. `wanted`: its domid, or ANY_DOMID. `flags`: DOMAIN_*. `config`: struct
 * xen_domctl_createdomain, of which the type has accepted what it says of the type. Null with createError set. The domctl lock is held.
 */
export function createDomain(wanted: u32, type: GuestType, flags: u32, config: usize): Domain | null {
  const domid = wanted == ANY_DOMID ? freeDomid() : wanted;
  if (domid == 0 && wanted == ANY_DOMID) return failed(ENOMEM);
  const maxVcpus = load<u32>(config, DOMCTL_CREATEDOMAIN_MAX_VCPUS);
  if (domainById(domid)) return failed(EEXIST);
  if (maxVcpus == 0 || maxVcpus > MAX_VCPUS) return failed(EINVAL);
  const page = allocXenheapPages(DOMAIN_PAGE_ORDER);
  if (!page) return failed(ENOMEM);
  const d = changetype<Domain>(frameAddress(page));
  d.domid = domid;
  d.flags = flags;
  d.guest = changetype<usize>(type);
  d.maxVcpus = maxVcpus;
  d.vcpus = changetype<usize>(d) + DOMAIN_VCPU_TABLE;
  d.pauseCount = 1;
  d.controllerPauseCount = 1;
  d.dying = DOMDYING_alive;
  d.shutdownCode = SHUTDOWN_CODE_INVALID;
  d.created = systemTime();
  d.weight = DEFAULT_WEIGHT;
  d.target = -1;
  initTsc(d);
  initFeatures(d);
  d.maxGrantFrames = load<i32>(config, DOMCTL_CREATEDOMAIN_MAX_GRANT_FRAMES);
  d.maxMaptrackFrames = load<i32>(config, DOMCTL_CREATEDOMAIN_MAX_MAPTRACK_FRAMES);
  d.grantVersion = load<u32>(config, DOMCTL_CREATEDOMAIN_GRANT_OPTS) & GRANT_VERSION;
  d.evtchnMaxPort = load<u32>(config, DOMCTL_CREATEDOMAIN_MAX_EVTCHN_PORT);
  d.consoleLine = changetype<usize>(d) + DOMAIN_CONSOLE_LINE;
  const addresses = hasPageTables(d) ? MEM_PAGE_TABLES : hasSecondStage(d) ? MEM_TRANSLATED : 0;
  const memoryFlags = (flags & DOMAIN_PRIVILEGED ? MEM_PRIVILEGED : 0) | addresses;
  if (!memoryDomainCreate(domid, 0, memoryFlags)) {
    freeXenheapPages(page, DOMAIN_PAGE_ORDER);
    return failed(ENOMEM);
  }
  d.memory = changetype<usize>(domainMemory(domid));
  const shared = allocXenheapPages(0);
  const error = shared ? finishCreate(d, shared) : -ENOMEM;
  if (error) {
    if (shared) freeXenheapPages(shared, 0);
    memoryDomainFree(domid);
    freeXenheapPages(page, DOMAIN_PAGE_ORDER);
    return failed(-error);
  }
  publish(d);
  return d;
}

function failed(errno: i32): Domain | null {
  createError = errno;
  return null;
}

function finishCreate(d: Domain, shared: u32): i32 {
  d.sharedInfoMfn = shared;
  d.sharedInfo = frameAddress(shared);
  const frames = d.maxGrantFrames < 0 ? DEFAULT_GRANT_FRAMES : <u32>d.maxGrantFrames;
  const maptrack = d.maxMaptrackFrames < 0 ? DEFAULT_MAPTRACK_FRAMES : <u32>d.maxMaptrackFrames;
  if (!grantTableCreate(d.domid, frames, maptrack)) return -ENOMEM;
  const error = evtchnDomainInit(d);
  if (error) {
    grantTableFree(changetype<DomainMemory>(d.memory));
    return error;
  }
  if (!shareXenPageWithGuest(shared, d.domid, false)) {
    evtchnDomainFree(d);
    grantTableFree(changetype<DomainMemory>(d.memory));
    return -ENOMEM;
  }
  updateWallclock(d);
  return 0;
}

/** Enters a domain into table and list. */
function publish(d: Domain): void {
  spinLock(ROOT_DOMAIN_LIST_LOCK);
  let link: usize = ROOT_DOMAIN_LIST;
  for (;;) {
    const at = load<u32>(link);
    if (!at || changetype<Domain>(<usize>at).domid > d.domid) break;
    link = <usize>at + offsetof<Domain>("next");
  }
  d.next = load<u32>(link);
  atomic.store<u32>(link, <u32>changetype<usize>(d));
  atomic.store<u32>(<usize>load<u32>(ROOT_DOMAINS) + ((<usize>d.domid) << 2), <u32>changetype<usize>(d));
  spinUnlock(ROOT_DOMAIN_LIST_LOCK);
}

/** Takes a domain out of the table and the list, so that no lookup finds it any more. */
export function unpublish(d: Domain): void {
  spinLock(ROOT_DOMAIN_LIST_LOCK);
  let link: usize = ROOT_DOMAIN_LIST;
  while (load<u32>(link) != <u32>changetype<usize>(d)) link = <usize>load<u32>(link) + offsetof<Domain>("next");
  atomic.store<u32>(link, <u32>d.next);
  atomic.store<u32>(<usize>load<u32>(ROOT_DOMAINS) + ((<usize>d.domid) << 2), 0);
  spinUnlock(ROOT_DOMAIN_LIST_LOCK);
}

/** Makes a vCPU: down, without context. 0 or -errno. The domctl lock is held. */
export function createVcpu(d: Domain, vcpuId: u32): i32 {
  if (vcpuId >= d.maxVcpus) return -EINVAL;
  if (vcpuOf(d, vcpuId)) return 0;
  const page = allocXenheapPages(VCPU_PAGE_ORDER);
  if (!page) return -ENOMEM;
  const v = changetype<Vcpu>(frameAddress(page));
  v.vcpuId = vcpuId;
  v.domid = d.domid;
  v.domain = d;
  v.pauseFlags = runsOnPcpus(d) ? VPF_down : 0;
  // vCPUs without a place in the shared info page have none until they register one.
  v.vcpuInfo = vcpuId < <u32>XEN_LEGACY_MAX_VCPUS ? d.sharedInfo + vcpuId * VCPU_INFO_SIZE : 0;
  schedInitVcpu(v);
  let error = evtchnVcpuInit(v);
  applyFeatures(v);
  if (!error) error = typeOf(d).initVcpu(v);
  if (error) {
    freeXenheapPages(page, VCPU_PAGE_ORDER);
    return error;
  }
  atomic.store<u32>(d.vcpus + ((<usize>vcpuId) << 2), <u32>changetype<usize>(v));
  d.nrVcpus++;
  return 0;
}

// ---- shutdown ----------------------------------------------------------------------------------------------------

/** Turns the host off or restarts it: every pCPU leaves its loop. */
export function setPower(state: u32): void {
  atomic.store<u32>(BOOT_POWER, state);
  atomic.notify(BOOT_POWER);
  for (let id: u32 = 0; id < pcpuCount(); id++) sendIpi(id, IPI_POWER);
}

/** The hardware domain is gone, and the host with it. */
function hardwareDomainShutdown(d: Domain, reason: u32): void {
  logBegin(LOG_DEFAULT);
  logText("Hardware Dom");
  logDec(d.domid);
  const noreboot = load<u32>(ROOT_NOREBOOT) != 0;
  if (reason == <u32>SHUTDOWN_poweroff) {
    logText(" halted: halting machine");
    logEnd();
    setPower(POWER_OFF);
    return;
  }
  if (reason == <u32>SHUTDOWN_crash) logText(" crashed: rebooting machine");
  else if (reason == <u32>SHUTDOWN_watchdog) logText(" shutdown: watchdog rebooting machine");
  else if (reason == <u32>SHUTDOWN_reboot) logText(" shutdown: rebooting machine");
  else {
    logText(" shutdown (unknown reason ");
    logDec(reason);
    logText("): rebooting machine");
  }
  logEnd();
  if (noreboot) log(LOG_DEFAULT, "'noreboot' set - not rebooting.");
  setPower(noreboot ? POWER_OFF : POWER_REBOOT);
}

/** Stops all vCPUs of the domain for `reason` (SHUTDOWN_*) and tells the control domain. The first reason stays. */
export function domainShutdown(d: Domain, reason: u32): void {
  const lock = changetype<usize>(d) + offsetof<Domain>("shutdownLock");
  spinLock(lock);
  if (d.shutdownCode == SHUTDOWN_CODE_INVALID) d.shutdownCode = reason;
  const code = d.shutdownCode;
  if (d.isShuttingDown) {
    spinUnlock(lock);
    return;
  }
  d.isShuttingDown = 1;
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (!v || v.pausedForShutdown) continue;
    v.pausedForShutdown = 1;
    vcpuPauseNosync(v);
  }
  d.isShutDown = 1;
  spinUnlock(lock);
  if (d.flags & DOMAIN_HARDWARE) {
    hardwareDomainShutdown(d, code);
    return;
  }
  if (code != <u32>SHUTDOWN_suspend || !d.dying) sendGlobalVirq(VIRQ_DOM_EXC);
}

/** Undoes a shutdown (XEN_DOMCTL_resumedomain). The domain is paused by the caller. */
export function domainResume(d: Domain): void {
  const lock = changetype<usize>(d) + offsetof<Domain>("shutdownLock");
  spinLock(lock);
  d.isShuttingDown = 0;
  d.isShutDown = 0;
  d.shutdownCode = SHUTDOWN_CODE_INVALID;
  spinUnlock(lock);
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (!v || !v.pausedForShutdown) continue;
    v.pausedForShutdown = 0;
    vcpuUnpause(v);
  }
}

/** The guest has done something that it can't go on after: writes a line and its state to the log, and shuts it down with SHUTDOWN_crash. */
export function domainCrash(d: Domain): void {
  if (d.isShuttingDown) return;
  const v = currentVcpu;
  logBegin(LOG_DEFAULT);
  logText("Domain ");
  logDec(d.domid);
  if (changetype<usize>(v) && v.domain == d) {
    logText(" (vcpu#");
    logDec(v.vcpuId);
    logText(") crashed on cpu#");
    logDec(runsOnPcpus(d) ? self.id : 0);
    logText(":");
    logEnd();
    if (runsOnPcpus(d)) showExecutionState(v);
  } else {
    if (changetype<usize>(v)) {
      logText(" reported crashed by domain ");
      logDec(v.domid);
    } else logText(" crashed");
    logText(":");
    logEnd();
  }
  domainShutdown(d, <u32>SHUTDOWN_crash);
}
