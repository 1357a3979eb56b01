/**
 * The guest's GDT: up to 14 of its frames, checked as descriptor pages and mapped in the per-domain area. Each slot of VCPU_GDT_FRAMES that is not 0
 * holds a general reference and a type reference for a descriptor page.
 */
import { frameWritten } from "../../../machine/cpu/frames/written";
import { FIRST_RESERVED_GDT_ENTRY } from "../../../abi/arch_x86";
import { EFAULT, EINVAL } from "../../../abi/errno";
import { VCPU_GDT_FRAMES, Vcpu } from "../../domain/domain";
import { copyFromGuest } from "../../hypercall/guest_access";
import { guestRangeOk } from "./address";
import { flushLocal } from "../../memory/current";
import { REFUSED, checkDescriptor } from "../../memory/descriptors";
import { PGT_seg_desc_page, PGT_writable_page, frameAddress, pageTypeOf } from "../../memory/frames";
import { getPage, putPage } from "../../memory/references";
import { getPageAndType, getPageType, putPageAndType, putPageType } from "../../memory/page_type";
import { perdomainMap } from "../../memory/perdomain";
import { PTE_P, PTE_RW } from "../../memory/pte";
import { threadScratch } from "../../sched/pcpu";

const DESCRIPTORS_PER_PAGE: u32 = 512;
const GDT_FRAMES_MAX: u32 = 14;

// @ts-ignore: decorator
@inline
function slot(v: Vcpu, page: u32): usize {
  return changetype<usize>(v) + VCPU_GDT_FRAMES + <usize>page * 4;
}

/** Unmaps the GDT and drops its references. The caller has to flush the vCPU's TLB. */
export function releaseGdt(v: Vcpu): void {
  for (let page: u32 = 0; page < GDT_FRAMES_MAX; page++) {
    const mfn = load<u32>(slot(v, page));
    if (!mfn) continue;
    perdomainMap(v.domid, v.vcpuId, page, 0, 0);
    store<u32>(slot(v, page), 0);
    putPageAndType(mfn);
  }
  v.gdtEntries = 0;
}

/** Makes the frames listed at `frames` (u64 each, in hypervisor memory) the GDT. 0, or -EINVAL with nothing changed. */
export function setGdt(v: Vcpu, frames: usize, entries: u32): i32 {
  if (entries > <u32>FIRST_RESERVED_GDT_ENTRY) return -EINVAL;
  const pages = (entries + DESCRIPTORS_PER_PAGE - 1) / DESCRIPTORS_PER_PAGE;
  for (let page: u32 = 0; page < pages; page++) {
    if (!getPageAndType(load<u64>(frames + page * 8), v.domid, PGT_seg_desc_page)) continue;
    while (page) putPageAndType(<u32>load<u64>(frames + --page * 8));
    return -EINVAL;
  }
  releaseGdt(v);
  v.gdtEntries = entries;
  for (let page: u32 = 0; page < pages; page++) {
    const mfn = <u32>load<u64>(frames + page * 8);
    store<u32>(slot(v, page), mfn);
    perdomainMap(v.domid, v.vcpuId, page, mfn, PTE_P | PTE_RW);
  }
  return 0;
}

/** HYPERVISOR_set_gdt. */
export function doSetGdt(v: Vcpu, list: u64, entries: u32): i64 {
  if (entries > <u32>FIRST_RESERVED_GDT_ENTRY) return -EINVAL;
  const pages = (entries + DESCRIPTORS_PER_PAGE - 1) / DESCRIPTORS_PER_PAGE;
  const frames = threadScratch();
  if (!guestRangeOk(list, <u64>pages * 8) || !copyFromGuest(frames, list, pages * 8)) return -EFAULT;
  const error = setGdt(v, frames, entries);
  flushLocal();
  return error;
}

/** HYPERVISOR_update_descriptor: writes one descriptor at machine address `address`, in a descriptor page or a writable one. */
export function doUpdateDescriptor(v: Vcpu, address: u64, descriptor: u64): i64 {
  const d = checkDescriptor(descriptor);
  if (address & 7 || d == REFUSED) return -EINVAL;
  const mfn = address >> 12;
  if (!getPage(mfn, v.domid)) return -EINVAL;
  const frame = <u32>mfn;
  // A type reference of either kind keeps the frame from becoming a page table meanwhile.
  const type = pageTypeOf(frame) == PGT_seg_desc_page ? PGT_seg_desc_page : PGT_writable_page;
  const error = getPageType(frame, type);
  if (!error) {
    atomic.store<u64>(frameAddress(frame) + <usize>(address & 0xff8), d);
    frameWritten(frame);
    putPageType(frame);
  }
  putPage(frame);
  return error ? -EINVAL : 0;
}
