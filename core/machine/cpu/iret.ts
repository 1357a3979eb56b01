/** IRET: in real and virtual-8086 mode, in protected mode to the same or an outer level, to virtual-8086 mode, and to the previous task. */
import { getReg64 } from "./access";
import { enterUnchecked, returnOutward, returnTo } from "./far";
import { IF, IOPL, NT, VIF, VIP, VM, getRflags, setRflags } from "./flags";
import { VECTOR_GP, cpu, fault, raise, setModeStale } from "./machine";
import { inLongMode } from "./operands";
import { hasDescriptors, hasIoPrivilege, inVirtual8086, isLongModeActive } from "./protection";
import { segmentSlot, setVirtualSegment } from "./segment";
import { cutPointer, peekStack, setPointer, stackPointerSize } from "./stack";
import { CPU_CPL, CPU_NMI_BLOCKED, CPU_RIP, CS, DS, ES, FS, GS, SEG_LIMIT, SS } from "./state";
import { NO_ERROR_CODE, TASK_RETURN, switchTask, taskLink } from "./task";
import { hasVirtualFlags, loadVirtualFlags, mayLoadVirtualFlags } from "./virtual_flags";

/** The flags that IRET can change at all, with 16 bits and with more. */
const FLAGS_16: u64 = 0x7fd5;
const FLAGS_32: u64 = 0x3f7fd5;

export function interruptReturn(size: u32): void {
  if (!hasDescriptors()) returnUnchecked(size);
  else if (getRflags() & NT) taskReturn();
  else protectedReturn(size);
  if (!fault) store<u32>(cpu, 0, CPU_NMI_BLOCKED);
}

function returnUnchecked(size: u32): void {
  const virtual = inVirtual8086() && !hasIoPrivilege();
  if (virtual && !hasVirtualFlags(size)) {
    raise(VECTOR_GP);
    return;
  }
  const target = peekStack(size, 0);
  const selector = (<u32>peekStack(size, size)) & 0xffff;
  const image = peekStack(size, 2 * size);
  if (fault || (virtual && !mayLoadVirtualFlags(image))) return;
  if (target > load<u32>(segmentSlot(CS), SEG_LIMIT)) {
    raise(VECTOR_GP);
    return;
  }
  let mask = size == 2 ? FLAGS_16 : FLAGS_32 & ~(<u64>(VM | VIF | VIP));
  if (inVirtual8086()) mask &= ~(<u64>IOPL);
  const width = stackPointerSize();
  setPointer(4, cutPointer(getReg64(4) + 3 * <u64>size, width), width);
  enterUnchecked(selector, target);
  if (virtual) loadVirtualFlags(image, mask);
  else changeFlags(mask, image);
}

/** With NT set, returns to the task that called this one; long mode has no tasks. */
function taskReturn(): void {
  if (isLongModeActive()) {
    raise(VECTOR_GP, 0);
    return;
  }
  const link = taskLink();
  if (!fault) switchTask(link, TASK_RETURN, getRflags(), NO_ERROR_CODE, true);
}

function protectedReturn(size: u32): void {
  const long = isLongModeActive();
  const target = peekStack(size, 0);
  const selector = (<u32>peekStack(size, size)) & 0xffff;
  const image = peekStack(size, 2 * size);
  if (fault) return;
  const cpl = load<u32>(cpu, CPU_CPL);
  if (!long && size == 4 && !cpl && image & VM) {
    returnToVirtual(target, selector, image);
    return;
  }
  const popsStack = (selector & 3) > cpl || inLongMode();
  const newSp = popsStack ? peekStack(size, 3 * size) : 0;
  const newSs = popsStack ? (<u32>peekStack(size, 4 * size)) & 0xffff : 0;
  if (fault) return;
  let mask = (size == 2 ? FLAGS_16 : FLAGS_32) & ~(<u64>VM);
  if (cpl) mask &= ~(<u64>(IOPL | VIF | VIP));
  if (!hasIoPrivilege()) mask &= ~(<u64>IF);
  if (popsStack) returnOutward(selector, target, newSs, newSp);
  else {
    const width = stackPointerSize();
    returnTo(selector, target);
    if (!fault) setPointer(4, cutPointer(getReg64(4) + 3 * <u64>size, width), width);
  }
  if (!fault) changeFlags(mask, image);
}

function changeFlags(mask: u64, image: u64): void {
  setRflags((getRflags() & ~mask) | (image & mask));
  setModeStale(true);
}

/** From ring 0 into virtual-8086 mode, with a frame of nine words. */
function returnToVirtual(target: u64, selector: u32, image: u64): void {
  const sp = peekStack(4, 12);
  const ss = <u32>peekStack(4, 16);
  const es = <u32>peekStack(4, 20);
  const ds = <u32>peekStack(4, 24);
  const fs = <u32>peekStack(4, 28);
  const gs = <u32>peekStack(4, 32);
  if (fault) return;
  setRflags(image & FLAGS_32);
  setVirtualSegment(CS, selector & 0xffff);
  setVirtualSegment(SS, ss & 0xffff);
  setVirtualSegment(ES, es & 0xffff);
  setVirtualSegment(DS, ds & 0xffff);
  setVirtualSegment(FS, fs & 0xffff);
  setVirtualSegment(GS, gs & 0xffff);
  store<u32>(cpu, 3, CPU_CPL);
  setPointer(4, sp, 4);
  store<u64>(cpu, target & 0xffff, CPU_RIP);
}
