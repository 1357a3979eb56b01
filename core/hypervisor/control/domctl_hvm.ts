/** Domctl operations on domains with a second stage: vCPU state in Xen's HVM records, and the pool of the second stage's tables. */
import {
  HVM_FILE_MAGIC,
  HVM_FILE_VERSION,
  HVM_SAVE_CODE_CPU,
  HVM_SAVE_CODE_END,
  HVM_SAVE_CODE_HEADER,
  HVM_SAVE_DESCRIPTOR_INSTANCE,
  HVM_SAVE_DESCRIPTOR_LENGTH,
  HVM_SAVE_DESCRIPTOR_SIZE,
  HVM_SAVE_HEADER_MAGIC,
  HVM_SAVE_HEADER_SIZE,
  HVM_SAVE_HEADER_VERSION,
} from "../../abi/hvm_save";
import { DOMCTL_HVMCONTEXT_BUFFER } from "../../abi/domctl";
import { E2BIG, EFAULT, EINVAL, ENOMEM, ENOSPC, EOPNOTSUPP } from "../../abi/errno";
import { Domain, VPF_down, Vcpu, vcpuOf } from "../domain/domain";
import { hasSecondStage, typeOf } from "../guest/type";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { DomainMemory } from "../memory/domain_memory";
import { frameAddress } from "../memory/frames";
import { p2mLock } from "../p2m/p2m";
import { systemTime } from "../sched/clock";
import { spinLock, spinUnlock } from "../sched/lock";
import { vcpuWake } from "../sched/wake";

const DESCRIPTOR: u32 = HVM_SAVE_DESCRIPTOR_SIZE;
const HEADER: u32 = DESCRIPTOR + HVM_SAVE_HEADER_SIZE;
/** Room for a header, the records of as many vCPUs as there can be (up to 3,232 bytes each), and the end record. */
const RECORDS_ORDER: u32 = 5;
const ROOM: u32 = 4096 << RECORDS_ORDER;
/** The most tables that a pool may have: 1 GiB of them. */
const MOST_TABLES: u64 = 0x40000;

/** XEN_DOMCTL_sethvmcontext on a paused domain: takes header, records of vCPUs, and end. 0 or -errno. */
export function setHvmContext(d: Domain, u: usize): i32 {
  if (!hasSecondStage(d) || d.dying) return -EINVAL;
  const size = load<u32>(u);
  if (size > ROOM) return -E2BIG;
  const pages = allocXenheapPages(RECORDS_ORDER);
  if (!pages) return -ENOMEM;
  const at = frameAddress(pages);
  const error = copyFromGuest(at, load<u64>(u, DOMCTL_HVMCONTEXT_BUFFER), size) ? takeRecords(d, at, size) : -EFAULT;
  freeXenheapPages(pages, RECORDS_ORDER);
  return error;
}

function takeRecords(d: Domain, at: usize, size: u32): i32 {
  if (size < HEADER) return -EINVAL;
  if (
    load<u16>(at) != <u16>HVM_SAVE_CODE_HEADER ||
    load<u32>(at, HVM_SAVE_DESCRIPTOR_LENGTH) != <u32>HVM_SAVE_HEADER_SIZE
  )
    return -EINVAL;
  if (load<u32>(at, HVM_SAVE_DESCRIPTOR_SIZE) != <u32>HVM_FILE_MAGIC) return -EINVAL;
  const now = systemTime();
  let offset = HEADER;
  while (size - offset >= DESCRIPTOR) {
    const record = at + offset;
    const length = load<u32>(record, HVM_SAVE_DESCRIPTOR_LENGTH);
    const code = <u32>load<u16>(record);
    if (code == <u32>HVM_SAVE_CODE_END) return 0;
    if (length > size - offset - DESCRIPTOR) return -EINVAL;
    const v = vcpuOf(d, load<u16>(record, HVM_SAVE_DESCRIPTOR_INSTANCE));
    if (!v) return -EINVAL;
    const error = typeOf(d).takeHvmRecord(v as Vcpu, code, record + DESCRIPTOR, length, now);
    if (error) return error;
    if (code == <u32>HVM_SAVE_CODE_CPU) bringUp(v as Vcpu);
    offset += DESCRIPTOR + length;
  }
  return -EINVAL;
}

/**
 * XEN_DOMCTL_gethvmcontext on a paused domain. Without a buffer it returns the most bytes that the context may have. With one it returns 0 or -errno
 * and the number of bytes; -ENOSPC if they do not fit. The structure is copied back to the caller.
 */
export function getHvmContext(d: Domain, u: usize): i32 {
  if (!hasSecondStage(d) || d.dying) return -EINVAL;
  const buffer = load<u64>(u, DOMCTL_HVMCONTEXT_BUFFER);
  if (!buffer) {
    store<u32>(u, ROOM);
    return 0;
  }
  const pages = allocXenheapPages(RECORDS_ORDER);
  if (!pages) return -ENOMEM;
  const begin = frameAddress(pages);
  memory.fill(begin, 0, ROOM);
  const size = <u32>(giveRecords(d, begin) - begin);
  const room = load<u32>(u);
  store<u32>(u, size);
  const error = size > room ? -ENOSPC : copyToGuest(buffer, begin, size) ? 0 : -EFAULT;
  freeXenheapPages(pages, RECORDS_ORDER);
  return error;
}

function giveRecords(d: Domain, begin: usize): usize {
  store<u16>(begin, HVM_SAVE_CODE_HEADER);
  store<u32>(begin, HVM_SAVE_HEADER_SIZE, HVM_SAVE_DESCRIPTOR_LENGTH);
  store<u32>(begin, HVM_FILE_MAGIC, DESCRIPTOR + HVM_SAVE_HEADER_MAGIC);
  store<u32>(begin, HVM_FILE_VERSION, DESCRIPTOR + HVM_SAVE_HEADER_VERSION);
  const now = systemTime();
  let at = begin + HEADER;
  for (let id: u32 = 0; id < d.maxVcpus; id++) {
    const v = vcpuOf(d, id);
    if (v) at = typeOf(d).giveHvmRecords(v as Vcpu, at, now);
  }
  // The end record is a descriptor of zeros.
  return at + DESCRIPTOR;
}

/** Brings up a vCPU that was given a state. */
function bringUp(v: Vcpu): void {
  if (atomic.and<u32>(changetype<usize>(v) + offsetof<Vcpu>("pauseFlags"), ~VPF_down) & VPF_down) vcpuWake(v);
}

/** XEN_DOMCTL_get_paging_mempool_size, in bytes. */
export function getPool(d: Domain, u: usize): i32 {
  if (!hasSecondStage(d)) return -EOPNOTSUPP;
  store<u64>(u, (<u64>changetype<DomainMemory>(d.memory).p2mPool) << 12);
  return 0;
}

/** XEN_DOMCTL_set_paging_mempool_size. -ENOMEM if that is less than the tables in use. */
export function setPool(d: Domain, u: usize): i32 {
  if (!hasSecondStage(d)) return -EOPNOTSUPP;
  const bytes = load<u64>(u);
  if (bytes & 4095 || bytes >> 12 > MOST_TABLES) return -EINVAL;
  const m = changetype<DomainMemory>(d.memory);
  const tables = <u32>(bytes >> 12);
  spinLock(p2mLock(m));
  const error = tables < m.p2mTables ? -ENOMEM : 0;
  if (!error) m.p2mPool = tables;
  spinUnlock(p2mLock(m));
  return error;
}
