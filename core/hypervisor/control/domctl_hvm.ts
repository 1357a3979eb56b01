/** Domctl operations on domains with a second stage: vCPU state in Xen's HVM records, and the pool of their tables. */
import {
  HVM_FILE_MAGIC,
  HVM_HW_CPU_SIZE,
  HVM_SAVE_CODE_CPU,
  HVM_SAVE_CODE_END,
  HVM_SAVE_CODE_HEADER,
  HVM_SAVE_DESCRIPTOR_INSTANCE,
  HVM_SAVE_DESCRIPTOR_LENGTH,
  HVM_SAVE_DESCRIPTOR_SIZE,
  HVM_SAVE_HEADER_SIZE,
} from "../../abi/hvm_save";
import { DOMCTL_HVMCONTEXT_BUFFER } from "../../abi/domctl";
import { E2BIG, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP } from "../../abi/errno";
import { Domain, VPF_down, Vcpu, vcpuOf } from "../domain/domain";
import { hasSecondStage, typeOf } from "../guest/type";
import { copyFromGuest } from "../hypercall/guest_access";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { DomainMemory } from "../memory/domain_memory";
import { frameAddress } from "../memory/frames";
import { p2mLock } from "../p2m/p2m";
import { spinLock, spinUnlock } from "../sched/lock";
import { vcpuWake } from "../sched/wake";

const DESCRIPTOR: u32 = HVM_SAVE_DESCRIPTOR_SIZE;
const HEADER: u32 = DESCRIPTOR + HVM_SAVE_HEADER_SIZE;
const CPU_RECORD: u32 = DESCRIPTOR + HVM_HW_CPU_SIZE;
/** Room for a header, the records of all vCPUs there can be, and the end. */
const RECORDS_ORDER: u32 = 5;
/** Tables that a pool may have: 1 GiB of them. */
const MOST_TABLES: u64 = 0x40000;

/** XEN_DOMCTL_sethvmcontext, the domain paused: header, CPU records, end. Other records are not taken yet. 0 or -errno. */
export function setHvmContext(d: Domain, u: usize): i32 {
  if (!hasSecondStage(d) || d.dying) return -EINVAL;
  const size = load<u32>(u);
  if (size > (<u32>4096) << RECORDS_ORDER) return -E2BIG;
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
  let offset = HEADER;
  while (offset + DESCRIPTOR <= size) {
    const record = at + offset;
    const length = load<u32>(record, HVM_SAVE_DESCRIPTOR_LENGTH);
    const code = load<u16>(record);
    if (code == <u16>HVM_SAVE_CODE_END) return 0;
    if (code != <u16>HVM_SAVE_CODE_CPU) return -EOPNOTSUPP;
    if (length != <u32>HVM_HW_CPU_SIZE || offset + CPU_RECORD > size) return -EINVAL;
    const v = vcpuOf(d, load<u16>(record, HVM_SAVE_DESCRIPTOR_INSTANCE));
    if (!v) return -EINVAL;
    const error = typeOf(d).setHvmContext(v as Vcpu, record + DESCRIPTOR);
    if (error) return error;
    bringUp(v as Vcpu);
    offset += CPU_RECORD;
  }
  return -EINVAL;
}

/** A vCPU with a state is up. */
function bringUp(v: Vcpu): void {
  if (atomic.and<u32>(changetype<usize>(v) + offsetof<Vcpu>("pauseFlags"), ~VPF_down) & VPF_down) vcpuWake(v);
}

/** XEN_DOMCTL_get_paging_mempool_size: bytes. */
export function getPool(d: Domain, u: usize): i32 {
  if (!hasSecondStage(d)) return -EOPNOTSUPP;
  store<u64>(u, (<u64>changetype<DomainMemory>(d.memory).p2mPool) << 12);
  return 0;
}

/** XEN_DOMCTL_set_paging_mempool_size. -ENOMEM for fewer than there are tables. */
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
