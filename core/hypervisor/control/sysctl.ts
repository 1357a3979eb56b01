/** HYPERVISOR_sysctl: what the toolstack asks of the host. */
import { DOMCTL_GETDOMAININFO_SIZE, XEN_SCHEDULER_CREDIT } from "../../abi/domctl";
import { EACCES, EFAULT, EINVAL, ENOENT, ENOSYS, EOPNOTSUPP, EPERM } from "../../abi/errno";
import * as abi from "../../abi/sysctl";
import { NR_HYPERCALLS } from "../abi/native";
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
import { TIMESLICE_NS } from "../sched/credit";
import { spinLock, spinUnlock } from "../sched/lock";
import { PCPU_CONTROL, Pcpu, onlinePcpus, pcpuAt, pcpuCount, self, threadScratch } from "../sched/pcpu";
import { writeBitmap } from "./bitmap";
import { debugKey } from "./debug_keys";
import { writeDomainInfo } from "./domain_info";

let copyBack: bool = false;

export function doSysctl(arg: u64): i64 {
  const op = changetype<usize>(self) + PCPU_CONTROL;
  if (!copyFromGuest(op, arg, abi.SYSCTL_SIZE)) return -EFAULT;
  if (load<u32>(op, abi.SYSCTL_INTERFACE_VERSION) != <u32>abi.XEN_SYSCTL_INTERFACE_VERSION) return -EACCES;
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
      const node = load<i32>(u, abi.SYSCTL_AVAILHEAP_NODE);
      if (node != -1 && node != 0) return -EINVAL;
      store<u64>(u, (<u64>freePages()) << 12, abi.SYSCTL_AVAILHEAP_AVAIL_BYTES);
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

/** Copies the console ring in parts, each under the lock. What is overwritten in between is skipped. */
function readConsole(u: usize): i32 {
  const buffer = load<u64>(u, abi.SYSCTL_READCONSOLE_BUFFER);
  const room = load<u32>(u, abi.SYSCTL_READCONSOLE_COUNT);
  const part = threadScratch();
  let index = conringConsumer();
  if (load<u8>(u, abi.SYSCTL_READCONSOLE_INCREMENTAL)) {
    const wanted = load<u32>(u, abi.SYSCTL_READCONSOLE_INDEX);
    // An index before the oldest byte, or one that never was, starts at the oldest byte.
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
  if (load<u8>(u, abi.SYSCTL_READCONSOLE_CLEAR)) {
    spinLock(ROOT_CONSOLE_LOCK);
    conringClear();
    spinUnlock(ROOT_CONSOLE_LOCK);
  }
  store<u32>(u, done, abi.SYSCTL_READCONSOLE_COUNT);
  store<u32>(u, index, abi.SYSCTL_READCONSOLE_INDEX);
  return 0;
}

function physInfo(u: usize): i32 {
  memory.fill(u, 0, abi.SYSCTL_PHYSINFO_SIZE);
  store<u32>(u, 1, abi.SYSCTL_PHYSINFO_THREADS_PER_CORE);
  store<u32>(u, pcpuCount(), abi.SYSCTL_PHYSINFO_CORES_PER_SOCKET);
  store<u32>(u, pcpuCount(), abi.SYSCTL_PHYSINFO_NR_CPUS);
  store<u32>(u, pcpuCount() - 1, abi.SYSCTL_PHYSINFO_MAX_CPU_ID);
  store<u32>(u, 1, abi.SYSCTL_PHYSINFO_NR_NODES);
  store<u32>(u, 1_000_000, abi.SYSCTL_PHYSINFO_CPU_KHZ);
  store<u32>(
    u,
    abi.XEN_SYSCTL_PHYSCAP_pv | abi.XEN_SYSCTL_PHYSCAP_gnttab_v1 | abi.XEN_SYSCTL_PHYSCAP_gnttab_v2,
    abi.SYSCTL_PHYSINFO_CAPABILITIES,
  );
  store<u64>(u, totalFrames(), abi.SYSCTL_PHYSINFO_TOTAL_PAGES);
  store<u64>(u, freePages(), abi.SYSCTL_PHYSINFO_FREE_PAGES);
  store<u64>(u, atomic.load<u32>(ROOT_CLAIMED_PAGES), abi.SYSCTL_PHYSINFO_OUTSTANDING_PAGES);
  store<u64>(u, <u64>totalFrames() - 1, abi.SYSCTL_PHYSINFO_MAX_MFN);
  return 0;
}

function domainInfoList(u: usize): i32 {
  const first = <u32>load<u16>(u, abi.SYSCTL_GETDOMAININFOLIST_FIRST_DOMAIN);
  const most = load<u32>(u, abi.SYSCTL_GETDOMAININFOLIST_MAX_DOMAINS);
  const buffer = load<u64>(u, abi.SYSCTL_GETDOMAININFOLIST_BUFFER);
  const info = threadScratch();
  let count: u32 = 0;
  for (let each = domainList(); each && count < most; each = changetype<Domain>(each).next) {
    const d = changetype<Domain>(each);
    if (d.domid < first) continue;
    writeDomainInfo(d, info);
    if (!copyToGuest(buffer + <u64>count * DOMCTL_GETDOMAININFO_SIZE, info, DOMCTL_GETDOMAININFO_SIZE)) return -EFAULT;
    count++;
  }
  store<u32>(u, count, abi.SYSCTL_GETDOMAININFOLIST_NUM_DOMAINS);
  return 0;
}

function idleTime(p: Pcpu): u64 {
  const time = p.idleTime;
  if (!atomic.load<u32>(changetype<usize>(p) + offsetof<Pcpu>("idle"))) return time;
  const now = systemTime();
  return now > p.idleSince ? time + (now - p.idleSince) : time;
}

function cpuInfo(u: usize): i32 {
  const count = min<u32>(load<u32>(u, abi.SYSCTL_GETCPUINFO_MAX_CPUS), pcpuCount());
  const info = load<u64>(u, abi.SYSCTL_GETCPUINFO_INFO);
  for (let i: u32 = 0; i < count; i++)
    if (!writeGuest64(info + <u64>i * abi.SYSCTL_CPUINFO_SIZE, idleTime(pcpuAt(i)))) return -EFAULT;
  store<u32>(u, count, abi.SYSCTL_GETCPUINFO_NR_CPUS);
  return 0;
}

function cpuTopology(u: usize): i32 {
  const topology = load<u64>(u, abi.SYSCTL_CPUTOPOINFO_CPUTOPO);
  if (!topology) {
    store<u32>(u, pcpuCount(), abi.SYSCTL_CPUTOPOINFO_NUM_CPUS);
    return 0;
  }
  const count = min<u32>(load<u32>(u), pcpuCount());
  for (let i: u32 = 0; i < count; i++) {
    const at = topology + <u64>i * abi.SYSCTL_CPUTOPO_SIZE;
    if (!writeGuest32(at + abi.SYSCTL_CPUTOPO_CORE, i)) return -EFAULT;
    if (!writeGuest32(at + abi.SYSCTL_CPUTOPO_SOCKET, 0)) return -EFAULT;
    if (!writeGuest32(at + abi.SYSCTL_CPUTOPO_NODE, 0)) return -EFAULT;
  }
  store<u32>(u, count);
  return 0;
}

function numaInfo(u: usize): i32 {
  const room = load<u32>(u);
  const sizes = load<u64>(u, abi.SYSCTL_NUMAINFO_MEMINFO);
  const distance = load<u64>(u, abi.SYSCTL_NUMAINFO_DISTANCE);
  if (room && sizes) {
    if (!writeGuest64(sizes + abi.SYSCTL_MEMINFO_MEMSIZE, (<u64>totalFrames()) << 12)) return -EFAULT;
    if (!writeGuest64(sizes + abi.SYSCTL_MEMINFO_MEMFREE, (<u64>freePages()) << 12)) return -EFAULT;
  }
  if (room && distance && !writeGuest32(distance, 10)) return -EFAULT;
  store<u32>(u, 1);
  return 0;
}

function cpupool(u: usize): i32 {
  switch (load<u32>(u)) {
    case abi.XEN_SYSCTL_CPUPOOL_OP_INFO: {
      // The result is the pool asked for or the next higher one, and only pool 0 exists.
      if (load<u32>(u, abi.SYSCTL_CPUPOOL_OP_CPUPOOL_ID) > 0) return -ENOENT;
      let domains: u32 = 0;
      for (let each = domainList(); each; each = changetype<Domain>(each).next) domains++;
      store<u32>(u, 0, abi.SYSCTL_CPUPOOL_OP_CPUPOOL_ID);
      store<u32>(u, XEN_SCHEDULER_CREDIT, abi.SYSCTL_CPUPOOL_OP_SCHED_ID);
      store<u32>(u, domains, abi.SYSCTL_CPUPOOL_OP_N_DOM);
      return writeBitmap(u + abi.SYSCTL_CPUPOOL_OP_CPUMAP, onlinePcpus());
    }
    case abi.XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
      return writeBitmap(u + abi.SYSCTL_CPUPOOL_OP_CPUMAP, 0);
    default:
      return -EOPNOTSUPP;
  }
}

function scheduler(u: usize): i32 {
  if (load<u32>(u, abi.SYSCTL_SCHEDULER_OP_CPUPOOL_ID) != 0) return -EINVAL;
  if (load<u32>(u, abi.SYSCTL_SCHEDULER_OP_SCHED_ID) != XEN_SCHEDULER_CREDIT) return -EINVAL;
  // The scheduler's slice is fixed.
  if (load<u32>(u, abi.SYSCTL_SCHEDULER_OP_CMD) != abi.XEN_SYSCTL_SCHEDOP_getinfo) return -EOPNOTSUPP;
  const credit = u + abi.SYSCTL_SCHEDULER_OP_U;
  store<u32>(credit, <u32>(TIMESLICE_NS / 1_000_000), abi.SYSCTL_CREDIT_SCHEDULE_TSLICE_MS);
  store<u32>(credit, 0, abi.SYSCTL_CREDIT_SCHEDULE_RATELIMIT_US);
  store<u32>(credit, 0, abi.SYSCTL_CREDIT_SCHEDULE_VCPU_MIGR_DELAY_US);
  return 0;
}

function debugKeys(u: usize): i32 {
  const keys = load<u64>(u, abi.SYSCTL_DEBUG_KEYS_KEYS);
  const count = load<u32>(u, abi.SYSCTL_DEBUG_KEYS_NR_KEYS);
  for (let i: u32 = 0; i < count && i < 64; i++) {
    clearGuestFault();
    const key = readGuest8(keys + i);
    if (guestFault) return -EFAULT;
    debugKey(key);
  }
  return 0;
}

/** Returns counters: hypercalls by number over all domains, and context switches and IPIs by pCPU. */
function perfCounters(u: usize): i32 {
  const values = <u32>NR_HYPERCALLS + 2 * pcpuCount();
  if (load<u32>(u) == <u32>abi.XEN_SYSCTL_PERFCOP_reset) return resetCounters();
  if (load<u32>(u) != <u32>abi.XEN_SYSCTL_PERFCOP_query) return -EINVAL;
  store<u32>(u, 3, abi.SYSCTL_PERFC_OP_NR_COUNTERS);
  store<u32>(u, values, abi.SYSCTL_PERFC_OP_NR_VALS);
  const descriptions = load<u64>(u, abi.SYSCTL_PERFC_OP_DESC);
  const at = load<u64>(u, abi.SYSCTL_PERFC_OP_VAL);
  if (!descriptions || !at) return 0;
  if (!describe(descriptions, "hypercalls", NR_HYPERCALLS)) return -EFAULT;
  if (!describe(descriptions + abi.SYSCTL_PERFC_DESC_SIZE, "context switches", pcpuCount())) return -EFAULT;
  if (!describe(descriptions + 2 * abi.SYSCTL_PERFC_DESC_SIZE, "IPIs", pcpuCount())) return -EFAULT;
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
  return (
    clearGuest(guest, abi.SYSCTL_PERFC_DESC_NR_VALS) &&
    copyToGuest(guest, text, length) &&
    writeGuest32(guest + abi.SYSCTL_PERFC_DESC_NR_VALS, values)
  );
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
