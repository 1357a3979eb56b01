/** HYPERVISOR_sysctl: what the toolstack asks of the host. */
import { EACCES, EFAULT, EINVAL, ENOENT, ENOSYS, EOPNOTSUPP, EPERM } from "../abi/errno";
import { INFO_SIZE } from "../abi/domctl";
import * as abi from "../abi/sysctl";
import { NR_HYPERCALLS } from "../abi/xen";
import { conringClear, conringConsumer, conringProducer, conringRead } from "../console/conring";
import { ROOT_CONSOLE_LOCK } from "../console/console";
import {
  DOMAIN_HYPERCALL_COUNTS,
  Domain,
  ROOT_DOMAIN_LIST_LOCK,
  currentVcpu,
  domainList,
  isPrivileged,
} from "../domain/domain";
import {
  clearGuest,
  clearGuestFault,
  copyFromGuest,
  copyToGuest,
  guestFault,
  readGuest8,
  writeGuest32,
  writeGuest64,
} from "../hypercall/guest_access";
import { textTo } from "../hypercall/xen_version";
import { freePages } from "../memory/buddy";
import { ROOT_CLAIMED_PAGES, totalFrames } from "../memory/frames";
import { systemTime } from "../sched/clock";
import { TIMESLICE_NS, XEN_SCHEDULER_CREDIT } from "../sched/credit";
import { spinLock, spinUnlock } from "../sched/lock";
import { PCPU_CONTROL, Pcpu, onlinePcpus, pcpuAt, pcpuCount, self, threadScratch } from "../sched/pcpu";
import { writeBitmap } from "./bitmap";
import { debugKey } from "./debug_keys";
import { writeDomainInfo } from "./domain_info";

let copyBack: bool = false;

export function doSysctl(arg: u64): i64 {
  const op = changetype<usize>(self) + PCPU_CONTROL;
  if (!copyFromGuest(op, arg, abi.SYSCTL_SIZE)) return -EFAULT;
  if (load<u32>(op, 4) != <u32>abi.XEN_SYSCTL_INTERFACE_VERSION) return -EACCES;
  if (!isPrivileged(currentVcpu.domain)) return -EPERM;
  copyBack = true;
  const result = operation(load<u32>(op), op + abi.SYSCTL_U);
  if (result == 0 && copyBack && !copyToGuest(arg, op, abi.SYSCTL_SIZE)) return -EFAULT;
  return result;
}

function operation(command: u32, u: usize): i32 {
  switch (command) {
    case abi.XEN_SYSCTL_readconsole:
      return readConsole(u);
    case abi.XEN_SYSCTL_physinfo:
      return physInfo(u);
    case abi.XEN_SYSCTL_sched_id:
      store<u32>(u, XEN_SCHEDULER_CREDIT);
      return 0;
    case abi.XEN_SYSCTL_perfc_op:
      return perfCounters(u);
    case abi.XEN_SYSCTL_getdomaininfolist:
      return domainInfoList(u);
    case abi.XEN_SYSCTL_debug_keys:
      return debugKeys(u);
    case abi.XEN_SYSCTL_getcpuinfo:
      return cpuInfo(u);
    case abi.XEN_SYSCTL_availheap: {
      const node = load<i32>(u, 8);
      if (node != -1 && node != 0) return -EINVAL;
      store<u64>(u, (<u64>freePages()) << 12, 16);
      return 0;
    }
    case abi.XEN_SYSCTL_cputopoinfo:
      return cpuTopology(u);
    case abi.XEN_SYSCTL_numainfo:
      return numaInfo(u);
    case abi.XEN_SYSCTL_cpupool_op:
      return cpupool(u);
    case abi.XEN_SYSCTL_scheduler_op:
      return scheduler(u);
    default:
      return -ENOSYS;
  }
}

/** Copies the console ring out in parts, each under the lock; what is overwritten meanwhile is skipped. */
function readConsole(u: usize): i32 {
  const buffer = load<u64>(u, abi.READCONSOLE_BUFFER);
  const room = load<u32>(u, abi.READCONSOLE_COUNT);
  const part = threadScratch();
  let index = conringConsumer();
  if (load<u8>(u, abi.READCONSOLE_INCREMENTAL)) {
    const wanted = load<u32>(u, abi.READCONSOLE_INDEX);
    // An index from before the oldest byte (or from nowhere) starts at the oldest.
    if (<i32>(wanted - index) > 0) index = wanted;
    if (<i32>(conringProducer() - index) < 0) index = conringProducer();
  }
  let done: u32 = 0;
  while (done < room) {
    spinLock(ROOT_CONSOLE_LOCK);
    const oldest = conringConsumer();
    if (<i32>(oldest - index) > 0) index = oldest;
    const length = min<u32>(min<u32>(conringProducer() - index, room - done), 128);
    conringRead(part, index, length);
    spinUnlock(ROOT_CONSOLE_LOCK);
    if (!length) break;
    if (!copyToGuest(buffer + done, part, length)) return -EFAULT;
    index += length;
    done += length;
  }
  if (load<u8>(u, abi.READCONSOLE_CLEAR)) {
    spinLock(ROOT_CONSOLE_LOCK);
    conringClear();
    spinUnlock(ROOT_CONSOLE_LOCK);
  }
  store<u32>(u, done, abi.READCONSOLE_COUNT);
  store<u32>(u, index, abi.READCONSOLE_INDEX);
  return 0;
}

function physInfo(u: usize): i32 {
  memory.fill(u, 0, abi.PHYSINFO_SIZE);
  store<u32>(u, 1);
  store<u32>(u, pcpuCount(), 4);
  store<u32>(u, pcpuCount(), 8);
  store<u32>(u, pcpuCount() - 1, 12);
  store<u32>(u, 1, 16);
  store<u32>(u, 1_000_000, 24);
  store<u32>(u, abi.PHYSCAP_pv | abi.PHYSCAP_gnttab_v1 | abi.PHYSCAP_gnttab_v2, 28);
  store<u64>(u, totalFrames(), 40);
  store<u64>(u, freePages(), 48);
  store<u64>(u, atomic.load<u32>(ROOT_CLAIMED_PAGES), 64);
  store<u64>(u, <u64>totalFrames() - 1, 72);
  return 0;
}

function domainInfoList(u: usize): i32 {
  const first = <u32>load<u16>(u);
  const most = load<u32>(u, 4);
  const buffer = load<u64>(u, 8);
  const info = threadScratch();
  let count: u32 = 0;
  for (let each = domainList(); each && count < most; each = changetype<Domain>(each).next) {
    const d = changetype<Domain>(each);
    if (d.domid < first) continue;
    writeDomainInfo(d, info);
    if (!copyToGuest(buffer + <u64>count * INFO_SIZE, info, INFO_SIZE)) return -EFAULT;
    count++;
  }
  store<u32>(u, count, 16);
  return 0;
}

function idleTime(p: Pcpu): u64 {
  const time = p.idleTime;
  if (!atomic.load<u32>(changetype<usize>(p) + offsetof<Pcpu>("idle"))) return time;
  const now = systemTime();
  return now > p.idleSince ? time + (now - p.idleSince) : time;
}

function cpuInfo(u: usize): i32 {
  const count = min<u32>(load<u32>(u), pcpuCount());
  const info = load<u64>(u, 8);
  for (let i: u32 = 0; i < count; i++) if (!writeGuest64(info + <u64>i * 8, idleTime(pcpuAt(i)))) return -EFAULT;
  store<u32>(u, count, 16);
  return 0;
}

function cpuTopology(u: usize): i32 {
  const topology = load<u64>(u, 8);
  if (!topology) {
    store<u32>(u, pcpuCount());
    return 0;
  }
  const count = min<u32>(load<u32>(u), pcpuCount());
  for (let i: u32 = 0; i < count; i++) {
    const at = topology + <u64>i * 12;
    if (!writeGuest32(at, i) || !writeGuest32(at + 4, 0) || !writeGuest32(at + 8, 0)) return -EFAULT;
  }
  store<u32>(u, count);
  return 0;
}

function numaInfo(u: usize): i32 {
  const room = load<u32>(u);
  const sizes = load<u64>(u, 8);
  const distance = load<u64>(u, 16);
  if (room && sizes) {
    if (!writeGuest64(sizes, (<u64>totalFrames()) << 12) || !writeGuest64(sizes + 8, (<u64>freePages()) << 12))
      return -EFAULT;
  }
  if (room && distance && !writeGuest32(distance, 10)) return -EFAULT;
  store<u32>(u, 1);
  return 0;
}

function cpupool(u: usize): i32 {
  switch (load<u32>(u)) {
    case abi.CPUPOOL_OP_INFO: {
      // The pool asked for, or the next higher one: there is pool 0.
      if (load<u32>(u, 4) > 0) return -ENOENT;
      let domains: u32 = 0;
      for (let each = domainList(); each; each = changetype<Domain>(each).next) domains++;
      store<u32>(u, 0, 4);
      store<u32>(u, XEN_SCHEDULER_CREDIT, 8);
      store<u32>(u, domains, 20);
      return writeBitmap(u + 24, onlinePcpus());
    }
    case abi.CPUPOOL_OP_FREEINFO:
      return writeBitmap(u + 24, 0);
    default:
      return -EOPNOTSUPP;
  }
}

function scheduler(u: usize): i32 {
  if (load<u32>(u) != 0 || load<u32>(u, 4) != XEN_SCHEDULER_CREDIT) return -EINVAL;
  // putinfo 0, getinfo 1: the slice is fixed.
  if (load<u32>(u, 8) != 1) return -EOPNOTSUPP;
  store<u32>(u, <u32>(TIMESLICE_NS / 1_000_000), 16);
  store<u32>(u, 0, 20);
  store<u32>(u, 0, 24);
  return 0;
}

function debugKeys(u: usize): i32 {
  const keys = load<u64>(u);
  const count = load<u32>(u, 8);
  for (let i: u32 = 0; i < count && i < 64; i++) {
    clearGuestFault();
    const key = readGuest8(keys + i);
    if (guestFault) return -EFAULT;
    debugKey(key);
  }
  return 0;
}

/** Counters: hypercalls by number over all domains, context switches and IPIs by pCPU. */
function perfCounters(u: usize): i32 {
  const values = <u32>NR_HYPERCALLS + 2 * pcpuCount();
  if (load<u32>(u) == <u32>abi.PERFCOP_reset) return resetCounters();
  if (load<u32>(u) != <u32>abi.PERFCOP_query) return -EINVAL;
  store<u32>(u, 3, 4);
  store<u32>(u, values, 8);
  const descriptions = load<u64>(u, 16);
  const at = load<u64>(u, 24);
  if (!descriptions || !at) return 0;
  if (!describe(descriptions, "hypercalls", NR_HYPERCALLS)) return -EFAULT;
  if (!describe(descriptions + abi.PERFC_DESC_SIZE, "context switches", pcpuCount())) return -EFAULT;
  if (!describe(descriptions + 2 * abi.PERFC_DESC_SIZE, "IPIs", pcpuCount())) return -EFAULT;
  let next = at;
  for (let i: u32 = 0; i < <u32>NR_HYPERCALLS; i++, next += 4) {
    let sum: u64 = 0;
    for (let each = domainList(); each; each = changetype<Domain>(each).next)
      sum += load<u64>(each + DOMAIN_HYPERCALL_COUNTS + (i << 3));
    if (!writeGuest32(next, <u32>sum)) return -EFAULT;
  }
  for (let i: u32 = 0; i < pcpuCount(); i++, next += 4)
    if (!writeGuest32(next, <u32>pcpuAt(i).switches)) return -EFAULT;
  for (let i: u32 = 0; i < pcpuCount(); i++, next += 4) if (!writeGuest32(next, <u32>pcpuAt(i).ipis)) return -EFAULT;
  return 0;
}

function describe(guest: u64, name: string, values: u32): bool {
  const text = threadScratch();
  const length = textTo(text, name);
  return clearGuest(guest, 80) && copyToGuest(guest, text, length) && writeGuest32(guest + 80, values);
}

function resetCounters(): i32 {
  spinLock(ROOT_DOMAIN_LIST_LOCK);
  for (let each = domainList(); each; each = changetype<Domain>(each).next)
    memory.fill(each + DOMAIN_HYPERCALL_COUNTS, 0, NR_HYPERCALLS * 8);
  spinUnlock(ROOT_DOMAIN_LIST_LOCK);
  for (let i: u32 = 0; i < pcpuCount(); i++) {
    pcpuAt(i).switches = 0;
    pcpuAt(i).ipis = 0;
  }
  copyBack = false;
  return 0;
}
