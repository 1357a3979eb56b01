/**
 * Segment registers of a PV vCPU. All its code runs in ring 3, so selectors get RPL 3 and descriptors are read through the GDT and LDT in the
 * per-domain area. The vCPU is the running one, and its tables are loaded (refreshMode() was called).
 */
import { readSystem } from "../../../machine/cpu/access";
import {
  ATTR_DB,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  descriptorAddress,
  descriptorAttr,
  loadSegment,
  setNullSegment,
  setSegment,
} from "../../../machine/cpu/segment";
import {
  VECTOR_GP,
  VECTOR_NP,
  VECTOR_PF,
  clearFault,
  cpu,
  fault,
  faultAddress,
  raise,
  setModeStale,
} from "../../../machine/cpu/machine";
import {
  CPU_KERNEL_GS_BASE,
  CPU_SEG,
  CS,
  DS,
  ES,
  FS,
  GS,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_SIZE,
  SS,
} from "../../../machine/cpu/state";
import { FLAT_RING3_CS64, FLAT_RING3_SS64 } from "../../../abi/arch_x86";
import { VCPU_GDT_FRAMES, Vcpu } from "../../domain/domain";
import { ldtVirtStart } from "../../memory/perdomain";
import { mapLdtPage } from "../../memory/shadow_ldt";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";

const LDT_BYTES: u64 = 0x10000;
/** Attributes of Xen's flat ring 3 descriptors, in the form of SEG_ATTR. */
const ATTR_CODE64: u16 = 0xafb;
const ATTR_DATA: u16 = 0xcf3;

// @ts-ignore: decorator
@inline
export function segmentOf(c: usize, n: usize): usize {
  return c + CPU_SEG + n * <usize>SEG_SIZE;
}

/** Returns true if `address` lies in the vCPU's LDT area and the page there has just been mapped, so that the access is to be tried again. */
export function ldtFaultFixed(v: Vcpu, address: u64): bool {
  const start = ldtVirtStart(v.vcpuId);
  return address >= start && address < start + LDT_BYTES && mapLdtPage(v, <u32>(address - start));
}

/** The guest knows its LDT by its own address. Translates an address in the area that shadows the LDT to that; any other stays as it is. */
export function ldtAddressOfGuest(v: Vcpu, address: u64): u64 {
  const start = ldtVirtStart(v.vcpuId);
  return address >= start && address < start + LDT_BYTES ? v.ldtBase + (address - start) : address;
}

/** Returns true, and clears the fault, if the fault just raised was for a page of the LDT that is mapped now. */
function retryAfterFault(v: Vcpu): bool {
  if (fault != VECTOR_PF + 1 || !ldtFaultFixed(v, faultAddress)) return false;
  clearFault();
  return true;
}

/** Runs loadSegment as guest execution, so that the descriptor tables that it walks through are not freed meanwhile. */
function walkSegment(n: i32, selector: u32): void {
  enterGuestTlb();
  loadSegment(n, selector);
  leaveGuestTlb();
}

/** Loads ES, DS, FS or GS. Returns false for a bad selector; the register is null then. */
function loadDataSegment(v: Vcpu, n: i32, selector: u32): bool {
  walkSegment(n, selector);
  if (fault && retryAfterFault(v)) walkSegment(n, selector);
  if (!fault) return true;
  clearFault();
  setNullSegment(n, 0);
  return false;
}

/** Loads Xen's flat 64-bit code and stack segments, with which every entry into the guest's kernel begins. */
export function setFlatKernelSegments(): void {
  const code = segmentOf(cpu, CS);
  store<u64>(code, 0, SEG_BASE);
  store<u32>(code, 0xffffffff, SEG_LIMIT);
  store<u16>(code, <u16>FLAT_RING3_CS64, SEG_SELECTOR);
  store<u16>(code, ATTR_CODE64, SEG_ATTR);
  const stack = segmentOf(cpu, SS);
  store<u64>(stack, 0, SEG_BASE);
  store<u32>(stack, 0xffffffff, SEG_LIMIT);
  store<u16>(stack, <u16>FLAT_RING3_SS64, SEG_SELECTOR);
  store<u16>(stack, ATTR_DATA, SEG_ATTR);
  setModeStale(true);
}

/** Returns the descriptor of a code selector after the checks of IRET to ring 3; 0 if it may not be used, and then `fault` is what IRET raises. */
function codeDescriptor(v: Vcpu, selector: u32): u64 {
  if (!(selector & 0xfffc)) {
    raise(VECTOR_GP, 0);
    return 0;
  }
  for (let attempt = 0; attempt < 2; attempt++) {
    const at = descriptorAddress(selector, VECTOR_GP);
    enterGuestTlb();
    const d = fault ? 0 : readSystem(at, 8);
    leaveGuestTlb();
    if (!fault) {
      const attr = descriptorAttr(d);
      const conforming = (attr & 12) == 12;
      const dpl = (attr >> 5) & 3;
      const good =
        (attr & (ATTR_S | 8)) == (ATTR_S | 8) &&
        (conforming || dpl == 3) &&
        (attr & (ATTR_L | ATTR_DB)) != (ATTR_L | ATTR_DB);
      if (good && attr & ATTR_P) return d;
      raise(good ? VECTOR_NP : VECTOR_GP, selector & 0xfffc);
      return 0;
    }
    if (!retryAfterFault(v)) break;
  }
  return 0;
}

/**
 * Returns a descriptor in the guest's own GDT, read directly from its page; 0 if it is elsewhere. It can't change meanwhile: only this vCPU replaces
 * those pages, and a descriptor page is written in whole entries.
 */
// @ts-ignore: decorator
@inline
function ownDescriptor(v: Vcpu, selector: u32): u64 {
  if (selector & 4 || selector >> 3 >= v.gdtEntries) return 0;
  const mfn = load<u32>(changetype<usize>(v) + VCPU_GDT_FRAMES + <usize>((selector >> 12) << 2));
  return mfn ? load<u64>(((<usize>mfn) << 12) + (selector & 0xff8)) : 0;
}

/** Attributes of what nearly all user processes run with: present code or data of ring 3, marked accessed. */
const ATTR_USER: u32 = 0xf1;
const ATTR_CODE_TYPE: u32 = 0x0b;
const ATTR_DATA_TYPE: u32 = 0x03;

/** Loads CS and SS as IRET to ring 3 does. Returns false if one of the selectors is bad; then `fault` says how, and nothing has changed. */
export function loadCodeAndStack(v: Vcpu, code: u32, stack: u32): bool {
  if (code == <u32>FLAT_RING3_CS64 && stack == <u32>FLAT_RING3_SS64) {
    setFlatKernelSegments();
    return true;
  }
  const userCode = ownDescriptor(v, code);
  const userStack = ownDescriptor(v, stack);
  const codeAttr = descriptorAttr(userCode);
  if (
    (codeAttr & 0xff) == (ATTR_USER | ATTR_CODE_TYPE) &&
    (codeAttr & (ATTR_L | ATTR_DB)) != (ATTR_L | ATTR_DB) &&
    (descriptorAttr(userStack) & 0xff) == (ATTR_USER | ATTR_DATA_TYPE)
  ) {
    setSegment(SS, stack, userStack);
    setSegment(CS, code, userCode);
    return true;
  }
  const d = codeDescriptor(v, code);
  if (!d) return false;
  const old = segmentOf(cpu, SS);
  const oldBase = load<u64>(old, SEG_BASE);
  const oldRest = load<u64>(old, SEG_LIMIT);
  walkSegment(SS, stack);
  if (fault && retryAfterFault(v)) walkSegment(SS, stack);
  if (fault) {
    store<u64>(old, oldBase, SEG_BASE);
    store<u64>(old, oldRest, SEG_LIMIT);
    return false;
  }
  setSegment(CS, code, d);
  return true;
}

/** Loads the data selectors that a new context has put into the vCPU's state. Returns false if not all of them can be used; those are null now. */
export function loadDataSegments(v: Vcpu): bool {
  const c = v.cpu;
  const fsBase = load<u64>(segmentOf(c, FS), SEG_BASE);
  const gsBase = load<u64>(segmentOf(c, GS), SEG_BASE);
  let good = loadDataSegment(v, DS, load<u16>(segmentOf(c, DS), SEG_SELECTOR));
  good = loadDataSegment(v, ES, load<u16>(segmentOf(c, ES), SEG_SELECTOR)) && good;
  good = loadDataSegment(v, FS, load<u16>(segmentOf(c, FS), SEG_SELECTOR)) && good;
  good = loadDataSegment(v, GS, load<u16>(segmentOf(c, GS), SEG_SELECTOR)) && good;
  // In 64-bit mode the bases are those of the context and not of the descriptors.
  if (fsBase) store<u64>(segmentOf(c, FS), fsBase, SEG_BASE);
  if (gsBase) store<u64>(segmentOf(c, GS), gsBase, SEG_BASE);
  return good;
}

/** SEGBASE_GS_USER_SEL: loads the selector into GS and its base for user mode; the kernel's base stays. */
export function loadUserGs(v: Vcpu, selector: u32): void {
  const gs = segmentOf(v.cpu, GS);
  const kernelBase = load<u64>(gs, SEG_BASE);
  loadDataSegment(v, GS, selector | (selector & 0xfffc ? 3 : 0));
  store<u64>(v.cpu, load<u64>(gs, SEG_BASE), CPU_KERNEL_GS_BASE);
  store<u64>(gs, kernelBase, SEG_BASE);
}
