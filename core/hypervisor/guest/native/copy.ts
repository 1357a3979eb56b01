/** Memory of a domain for copies of it: frame to frame, or shared. The control domain's operations of hypercall arch_7. */
import { EFAULT, EINVAL, ESRCH } from "../../../abi/errno";
import { COPY_MOST } from "../../abi/native";
import { currentVcpu } from "../../domain/domain";
import { copyToZeros } from "../../memory/copy_frame";
import { domainMemory } from "../../memory/domain_memory";
import { putPageAndType } from "../../memory/page_type";
import { putPage } from "../../memory/references";
import { takeFrameToRead, takeWritableFrame } from "../../p2m/guest_frame";
import { copyMemory, makeShareable } from "../../p2m/sharing";
import { TO_READ } from "../type";
import { nativeTranslate } from "./frames";

/** A pair in the list of NATIVE_copy_frames: u32 from, u32 to. */
const PAIR: u64 = 8;
const PAIR_TO: usize = 4;

/** NATIVE_copy_frames: 0, -EINVAL, or -EFAULT if the list is not the caller's. */
export function nativeCopyFrames(domids: u64, list: u64, count: u64): i64 {
  if (count > <u64>COPY_MOST || list & (PAIR - 1) || list >> 32) return -EINVAL;
  const from = <u32>(domids & 0xffff);
  const to = <u32>((domids >> 16) & 0xffff);
  for (let i: u64 = 0; i < count; i++) {
    const pair = nativeTranslate(currentVcpu, list + i * PAIR, TO_READ);
    if (!pair) return -EFAULT;
    const source = takeFrameToRead(load<u32>(pair), from);
    const target = source ? takeWritableFrame(load<u32>(pair, PAIR_TO), to) : 0;
    if (target) {
      copyToZeros(target, source);
      putPageAndType(target);
    }
    if (source) putPage(source);
    if (!target) return -EINVAL;
  }
  return 0;
}

/** NATIVE_make_shareable: 0, -ESRCH, or -EINVAL. */
export function nativeMakeShareable(domid: u64, first: u64, count: u64): i64 {
  const d = domainMemory(<u32>domid);
  if (d == null) return -ESRCH;
  return count > <u64>COPY_MOST ? -EINVAL : makeShareable(d, first, <u32>count);
}

/** NATIVE_copy_memory: 0, -ESRCH, or an error of copyMemory(). */
export function nativeCopyMemory(domids: u64, first: u64, count: u64): i64 {
  const from = domainMemory(<u32>(domids & 0xffff));
  const to = domainMemory(<u32>((domids >> 16) & 0xffff));
  if (from == null || to == null) return -ESRCH;
  return count > <u64>COPY_MOST ? -EINVAL : copyMemory(from, to, first, <u32>count);
}
