/** PV vCPUs: their first state, their context as setvcpucontext and VCPUOP_initialise give it, and their end. */
import { getRflags, setRflags } from "../../../machine/cpu/flags";
import { cpu, setCpu } from "../../../machine/cpu/machine";
import { isCanonical } from "../../../machine/cpu/paging/format";
import * as s from "../../../machine/cpu/state";
import { EINVAL, ENOMEM, EOPNOTSUPP, ERESTART } from "../../abi/errno";
import * as abi from "../../abi/arch_x86";
import {
  GUEST_FAILSAFE_DISABLES_EVENTS,
  GUEST_INITIALISED,
  GUEST_KERNEL_MODE,
  GUEST_SYSCALL_DISABLES_EVENTS,
  GUEST_TS,
  TRAP_INFO_CS,
  VCPU_GDT_FRAMES,
  VCPU_TRAPS,
  Vcpu,
} from "../../domain/domain";
import { setVmAssist } from "../../hypercall/vm_assist";
import { DomainMemory, domainMemory, m2pStrict } from "../../memory/domain_memory";
import { PGT_l4_page_table } from "../../memory/frames";
import { beginTables, validationTried } from "../../memory/kept_tables";
import { getPageAndType, putPageAndType } from "../../memory/page_type";
import { gdtVirtStart, perdomainInitVcpu, showM2p } from "../../memory/perdomain";
import { invalidateShadowLdt, setVcpuLdt } from "../../memory/shadow_ldt";
import { upcallMask, setGuestCr4, setTaskSwitched } from "./state";
import { ring3Selector } from "./callbacks";
import { initDebugRegisters, setDebugRegister } from "./debugreg";
import { releaseGdt, setGdt } from "./gdt";
import { processorCr4 } from "../tsc";
import { segmentOf } from "./segments";

/** Vcpu.guestFlags: the selectors in the state are new, their descriptors are to be loaded before it runs. */
export const GUEST_SEGMENTS_STALE: u32 = 32;

const VECTORS: usize = 256;
const RFLAGS_IF: u64 = 0x200;
const RFLAGS_IOPL: u64 = 0x3000;
/** PE MP ET NE WP AM PG */
const CR0: u64 = 0x80050033;
/** PAE MCE OSFXSR OSXMMEXCPT: what every guest sees on. */
const CR4: u64 = 0x660;
/** PGE and OSXSAVE are on too, and Xen's business. */
const CR4_HIDDEN: u64 = 0x40080;
/** SCE LME LMA NX */
const EFER: u64 = 0xd01;
/** The host's: WB WT UC- UC WC WP UC UC, by entry (arch-x86/xen.h, XEN_PAT). */
const PAT: u64 = 0x0000050100070406;
const FCW: u16 = 0x37f;
const MXCSR: u32 = 0x1f80;
/** FXSAVE image: FCW FSW FTW FOP FIP FDP MXCSR, x87 registers at 32, XMM at 160. */
const FX_MXCSR: usize = 24;
const FX_ST: usize = 32;
const FX_XMM: usize = 160;
const MXCSR_MASK: u32 = 0xffff;
const CR0_TS: u64 = 8;

/** Initial state; the per-domain area for its GDT and LDT. 0 or -ENOMEM. */
export function pvVcpuInit(v: Vcpu): i32 {
  if (!perdomainInitVcpu(v.domid, v.vcpuId)) return -ENOMEM;
  const c = v.cpu;
  store<u32>(c, 1, s.CPU_DEPRIVILEGED);
  store<u32>(c, 3, s.CPU_CPL);
  store<u64>(c, CR0, s.CPU_CR0);
  store<u64>(c, EFER, s.CPU_EFER);
  store<u64>(c, PAT, s.CPU_PAT);
  store<u64>(c, RFLAGS_IF | 2, s.CPU_RFLAGS);
  store<u64>(c, 3, s.CPU_XCR0);
  store<u64>(c, gdtVirtStart(v.vcpuId), s.CPU_GDTR_BASE);
  store<u32>(c, abi.LAST_RESERVED_GDT_BYTE, s.CPU_GDTR_LIMIT);
  for (let n: usize = 0; n < 8; n++) store<u16>(segmentOf(c, n), 0x8000, s.SEG_ATTR);
  store<u16>(c, FCW, s.CPU_FCW);
  store<u32>(c, MXCSR, s.CPU_MXCSR);
  initDebugRegisters(v);
  v.cr0 = CR0;
  v.cr4 = CR4;
  store<u64>(c, processorCr4(v, CR4 | CR4_HIDDEN), s.CPU_CR4);
  v.lastRegion = 0;
  return 0;
}

/** Drops what the vCPU holds of its domain's frames. It will not run again. */
export function pvVcpuDestroy(v: Vcpu): void {
  invalidateShadowLdt(v);
  releaseGdt(v);
  const kernel = v.kernelCr3;
  const user = v.userCr3;
  v.kernelCr3 = 0;
  v.userCr3 = 0;
  v.cr3Loaded = 0;
  if (kernel) putPageAndType(kernel);
  if (user) putPageAndType(user);
}

// @ts-ignore: decorator
@inline
function userReg(context: usize, offset: usize): u64 {
  return load<u64>(context + abi.VGC_USER_REGS + offset);
}

/** Encoding order of CPU_GPR to offsets in cpu_user_regs. */
function regOffset(n: u32): usize {
  switch (n) {
    case 0:
      return abi.UREGS_RAX;
    case 1:
      return abi.UREGS_RCX;
    case 2:
      return abi.UREGS_RDX;
    case 3:
      return abi.UREGS_RBX;
    case 4:
      return abi.UREGS_RSP;
    case 5:
      return abi.UREGS_RBP;
    case 6:
      return abi.UREGS_RSI;
    case 7:
      return abi.UREGS_RDI;
    default:
      return <usize>(15 - n) * 8 + (n < 12 ? 16 : 0);
  }
}

function addressesOk(context: usize): bool {
  if (!isCanonical(userReg(context, abi.UREGS_RIP)) || !isCanonical(userReg(context, abi.UREGS_RSP))) return false;
  if (!isCanonical(load<u64>(context, abi.VGC_KERNEL_SP))) return false;
  if (load<u64>(context, abi.VGC_LDT_ENTRIES) && !isCanonical(load<u64>(context, abi.VGC_LDT_BASE))) return false;
  if (!isCanonical(load<u64>(context, abi.VGC_EVENT_CALLBACK))) return false;
  if (!isCanonical(load<u64>(context, abi.VGC_FAILSAFE_CALLBACK))) return false;
  if (!isCanonical(load<u64>(context, abi.VGC_SYSCALL_CALLBACK))) return false;
  if (!isCanonical(load<u64>(context, abi.VGC_FS_BASE))) return false;
  if (!isCanonical(load<u64>(context, abi.VGC_GS_BASE_KERNEL))) return false;
  return isCanonical(load<u64>(context, abi.VGC_GS_BASE_USER));
}

/**
 * Takes over a context. 0, -EINVAL for one that no vCPU can have (a frame that is no page table, an address that is not
 * canonical, tables too long), -ERESTART to be called again (its page tables are many), or -EOPNOTSUPP for a vCPU that has a
 * context with other tables. The vCPU does not run.
 */
export function pvSetContext(v: Vcpu, context: usize): i32 {
  if (!addressesOk(context)) return -EINVAL;
  const ldtEntries = load<u64>(context, abi.VGC_LDT_ENTRIES);
  const gdtEntries = load<u64>(context, abi.VGC_GDT_ENTRIES);
  if (ldtEntries > 8192 || gdtEntries > <u64>abi.FIRST_RESERVED_GDT_ENTRY) return -EINVAL;
  if (ldtEntries && load<u64>(context, abi.VGC_LDT_BASE) & 4095) return -EINVAL;
  if (v.guestFlags & GUEST_INITIALISED) {
    if (!sameTables(v, context)) return -EOPNOTSUPP;
  } else {
    const error = takeTables(v, context, <u32>gdtEntries);
    if (error) return error;
    setVcpuLdt(v, load<u64>(context, abi.VGC_LDT_BASE), <u32>ldtEntries);
  }
  takeRegisters(v, context);
  if (v.vcpuId == 0 && !(v.guestFlags & GUEST_INITIALISED))
    setVmAssist(v.domain, load<u64>(context, abi.VGC_VM_ASSIST));
  return 0;
}

/** A context given again must not change what holds references. */
function sameTables(v: Vcpu, context: usize): bool {
  if (load<u64>(context, abi.VGC_CTRLREG + 24) >> 12 != <u64>v.kernelCr3) return false;
  if (load<u64>(context, abi.VGC_CTRLREG + 8) >> 12 != <u64>v.userCr3) return false;
  if (load<u64>(context, abi.VGC_LDT_ENTRIES) != <u64>v.ldtEntries) return false;
  if (v.ldtEntries && load<u64>(context, abi.VGC_LDT_BASE) != v.ldtBase) return false;
  return load<u64>(context, abi.VGC_GDT_ENTRIES) == <u64>v.gdtEntries;
}

/** Page-table roots and GDT, with their references; nothing is held if it fails. */
function takeTables(v: Vcpu, context: usize, gdtEntries: u32): i32 {
  const kernel = load<u64>(context, abi.VGC_CTRLREG + 24) >> 12;
  const user = load<u64>(context, abi.VGC_CTRLREG + 8) >> 12;
  const d = changetype<DomainMemory>(changetype<usize>(domainMemory(v.domid)));
  beginTables();
  let error = getPageAndType(kernel, v.domid, PGT_l4_page_table);
  validationTried(d, error);
  if (error) return error == -ERESTART ? error : -EINVAL;
  if (user) {
    error = getPageAndType(user, v.domid, PGT_l4_page_table);
    validationTried(d, error);
    if (error) {
      putPageAndType(<u32>kernel);
      return error == -ERESTART ? error : -EINVAL;
    }
  }
  error = setGdt(v, context + abi.VGC_GDT_FRAMES, gdtEntries);
  if (error) {
    putPageAndType(<u32>kernel);
    if (user) putPageAndType(<u32>user);
    return error;
  }
  v.kernelCr3 = <u32>kernel;
  v.userCr3 = <u32>user;
  if (m2pStrict(v.domid)) {
    showM2p(<u32>kernel, true);
    if (user) showM2p(<u32>user, false);
  }
  return 0;
}

function takeRegisters(v: Vcpu, context: usize): void {
  const c = v.cpu;
  const flags = load<u64>(context, abi.VGC_FLAGS);
  let guest = v.guestFlags & GUEST_INITIALISED;
  if (flags & abi.VGCF_in_kernel) guest |= GUEST_KERNEL_MODE;
  if (flags & abi.VGCF_failsafe_disables_events) guest |= GUEST_FAILSAFE_DISABLES_EVENTS;
  if (flags & abi.VGCF_syscall_disables_events) guest |= GUEST_SYSCALL_DISABLES_EVENTS;
  v.guestFlags = guest | GUEST_SEGMENTS_STALE;
  for (let n: u32 = 0; n < 16; n++) store<u64>(c + s.CPU_GPR + <usize>n * 8, userReg(context, regOffset(n)));
  store<u64>(c, userReg(context, abi.UREGS_RIP), s.CPU_RIP);
  const rflags = userReg(context, abi.UREGS_RFLAGS);
  // IOPL is virtual: the processor's stays 0.
  v.iopl = (<u32>(rflags >> 12)) & 3;
  const before = cpu;
  setCpu(c);
  setRflags((rflags & 0x3f7fd5 & ~RFLAGS_IOPL & ~(<u64>0x20000)) | RFLAGS_IF | 2);
  setCpu(before);
  selector(c, s.CS, ring3Selector((<u32>userReg(context, abi.UREGS_CS)) & 0xffff));
  selector(c, s.SS, ring3Selector((<u32>userReg(context, abi.UREGS_SS)) & 0xffff));
  selector(c, s.ES, (<u32>userReg(context, abi.UREGS_ES)) & 0xffff);
  selector(c, s.DS, (<u32>userReg(context, abi.UREGS_DS)) & 0xffff);
  selector(c, s.FS, (<u32>userReg(context, abi.UREGS_FS)) & 0xffff);
  selector(c, s.GS, (<u32>userReg(context, abi.UREGS_GS)) & 0xffff);
  const kernelMode = (guest & GUEST_KERNEL_MODE) != 0;
  const gsKernel = load<u64>(context, abi.VGC_GS_BASE_KERNEL);
  const gsUser = load<u64>(context, abi.VGC_GS_BASE_USER);
  store<u64>(segmentOf(c, s.FS), load<u64>(context, abi.VGC_FS_BASE), s.SEG_BASE);
  store<u64>(segmentOf(c, s.GS), kernelMode ? gsKernel : gsUser, s.SEG_BASE);
  store<u64>(c, kernelMode ? gsUser : gsKernel, s.CPU_KERNEL_GS_BASE);
  v.cr3Loaded = (<u64>(kernelMode ? v.kernelCr3 : v.userCr3)) << 12;
  store<u64>(c, v.cr3Loaded, s.CPU_CR3);
  memory.copy(changetype<usize>(v) + VCPU_TRAPS, context + abi.VGC_TRAPS, VECTORS * abi.TRAP_INFO_SIZE);
  for (let n: usize = 0; n < VECTORS; n++) {
    const info = changetype<usize>(v) + VCPU_TRAPS + n * abi.TRAP_INFO_SIZE;
    store<u16>(info, <u16>ring3Selector(load<u16>(info, TRAP_INFO_CS)), TRAP_INFO_CS);
    if (!isCanonical(load<u64>(info, 8))) store<u64>(info, 0, 8);
  }
  v.kernelSs = ring3Selector((<u32>load<u64>(context, abi.VGC_KERNEL_SS)) & 0xffff);
  v.kernelSp = load<u64>(context, abi.VGC_KERNEL_SP);
  v.eventCallback = load<u64>(context, abi.VGC_EVENT_CALLBACK);
  v.failsafeCallback = load<u64>(context, abi.VGC_FAILSAFE_CALLBACK);
  v.syscallCallback = load<u64>(context, abi.VGC_SYSCALL_CALLBACK);
  setTaskSwitched(v, (load<u64>(context, abi.VGC_CTRLREG) & CR0_TS) != 0);
  setGuestCr4(v, load<u64>(context, abi.VGC_CTRLREG + 32));
  initDebugRegisters(v);
  for (let n: u32 = 0; n < 8; n++)
    if (n < 4 || n > 5) setDebugRegister(v, n, load<u64>(context + abi.VGC_DEBUGREG + <usize>n * 8));
  if (flags & abi.VGCF_i387_valid) takeFpu(c, context + abi.VGC_FPU);
}

function selector(c: usize, n: usize, value: u32): void {
  store<u16>(segmentOf(c, n), <u16>value, s.SEG_SELECTOR);
}

/** FXSAVE image to state: ST(i) lies at register (TOP + i) & 7. */
function takeFpu(c: usize, image: usize): void {
  store<u16>(c, (load<u16>(image) & 0x1f3f) | 0x40, s.CPU_FCW);
  store<u16>(c, load<u16>(image, 2), s.CPU_FSW);
  store<u8>(c, load<u8>(image, 4), s.CPU_FTW);
  store<u16>(c, load<u16>(image, 6), s.CPU_FOP);
  store<u64>(c, load<u64>(image, 8), s.CPU_FIP);
  store<u64>(c, load<u64>(image, 16), s.CPU_FDP);
  store<u32>(c, load<u32>(image, FX_MXCSR) & MXCSR_MASK, s.CPU_MXCSR);
  const top = (load<u16>(image, 2) >> 11) & 7;
  for (let i: usize = 0; i < 8; i++) {
    const to = c + s.CPU_FPR + ((<usize>top + i) & 7) * 16;
    store<u64>(to, load<u64>(image + FX_ST + i * 16));
    store<u64>(to, load<u16>(image + FX_ST + i * 16, 8), 8);
  }
  memory.copy(c + s.CPU_XMM, image + FX_XMM, 256);
}
function giveFpu(c: usize, image: usize): void {
  store<u16>(image, load<u16>(c, s.CPU_FCW));
  store<u16>(image, load<u16>(c, s.CPU_FSW), 2);
  store<u8>(image, load<u8>(c, s.CPU_FTW), 4);
  store<u16>(image, load<u16>(c, s.CPU_FOP), 6);
  store<u64>(image, load<u64>(c, s.CPU_FIP), 8);
  store<u64>(image, load<u64>(c, s.CPU_FDP), 16);
  store<u32>(image, load<u32>(c, s.CPU_MXCSR), FX_MXCSR);
  store<u32>(image, MXCSR_MASK, FX_MXCSR + 4);
  const top = (load<u16>(c, s.CPU_FSW) >> 11) & 7;
  for (let i: usize = 0; i < 8; i++) {
    const from = c + s.CPU_FPR + ((<usize>top + i) & 7) * 16;
    store<u64>(image + FX_ST + i * 16, load<u64>(from));
    store<u16>(image + FX_ST + i * 16, load<u16>(from, 8), 8);
  }
  memory.copy(image + FX_XMM, c + s.CPU_XMM, 256);
}

/** The vCPU's context into zeroed hypervisor memory. It does not run. */
export function pvGetContext(v: Vcpu, context: usize): void {
  const c = v.cpu;
  const kernelMode = (v.guestFlags & GUEST_KERNEL_MODE) != 0;
  giveFpu(c, context + abi.VGC_FPU);
  let flags: u64 = abi.VGCF_i387_valid;
  if (kernelMode) flags |= abi.VGCF_in_kernel;
  if (v.guestFlags & GUEST_FAILSAFE_DISABLES_EVENTS) flags |= abi.VGCF_failsafe_disables_events;
  if (v.guestFlags & GUEST_SYSCALL_DISABLES_EVENTS) flags |= abi.VGCF_syscall_disables_events;
  // VPF_down
  if (!(v.pauseFlags & 2)) flags |= abi.VGCF_online;
  store<u64>(context, flags, abi.VGC_FLAGS);
  const regs = context + abi.VGC_USER_REGS;
  for (let n: u32 = 0; n < 16; n++) store<u64>(regs + regOffset(n), load<u64>(c + s.CPU_GPR + <usize>n * 8));
  store<u64>(regs, load<u64>(c, s.CPU_RIP), abi.UREGS_RIP);
  store<u16>(regs, load<u16>(segmentOf(c, s.CS), s.SEG_SELECTOR), abi.UREGS_CS);
  store<u8>(regs, <u8>upcallMask(v), abi.UREGS_UPCALL_MASK);
  const before = cpu;
  setCpu(c);
  store<u64>(regs, getRflags() | ((<u64>v.iopl) << 12), abi.UREGS_RFLAGS);
  setCpu(before);
  store<u16>(regs, load<u16>(segmentOf(c, s.SS), s.SEG_SELECTOR), abi.UREGS_SS);
  store<u16>(regs, load<u16>(segmentOf(c, s.ES), s.SEG_SELECTOR), abi.UREGS_ES);
  store<u16>(regs, load<u16>(segmentOf(c, s.DS), s.SEG_SELECTOR), abi.UREGS_DS);
  store<u16>(regs, load<u16>(segmentOf(c, s.FS), s.SEG_SELECTOR), abi.UREGS_FS);
  store<u16>(regs, load<u16>(segmentOf(c, s.GS), s.SEG_SELECTOR), abi.UREGS_GS);
  memory.copy(context + abi.VGC_TRAPS, changetype<usize>(v) + VCPU_TRAPS, VECTORS * abi.TRAP_INFO_SIZE);
  store<u64>(context, v.ldtBase, abi.VGC_LDT_BASE);
  store<u64>(context, v.ldtEntries, abi.VGC_LDT_ENTRIES);
  for (let n: usize = 0; n < 16; n++)
    store<u64>(context + abi.VGC_GDT_FRAMES + n * 8, load<u32>(changetype<usize>(v) + VCPU_GDT_FRAMES + n * 4));
  store<u64>(context, v.gdtEntries, abi.VGC_GDT_ENTRIES);
  store<u64>(context, v.kernelSs, abi.VGC_KERNEL_SS);
  store<u64>(context, v.kernelSp, abi.VGC_KERNEL_SP);
  const control = context + abi.VGC_CTRLREG;
  store<u64>(control, (v.cr0 & ~CR0_TS) | (v.guestFlags & GUEST_TS ? CR0_TS : 0));
  store<u64>(control, (<u64>v.userCr3) << 12, 8);
  store<u64>(control, v.trapCr2, 16);
  store<u64>(control, (<u64>v.kernelCr3) << 12, 24);
  store<u64>(control, v.cr4, 32);
  memory.copy(context + abi.VGC_DEBUGREG, c + s.CPU_DR, 64);
  const dr7 = context + abi.VGC_DEBUGREG + 56;
  store<u64>(dr7, load<u64>(dr7) | v.ioBreakpoints);
  store<u64>(context, v.eventCallback, abi.VGC_EVENT_CALLBACK);
  store<u64>(context, v.failsafeCallback, abi.VGC_FAILSAFE_CALLBACK);
  store<u64>(context, v.syscallCallback, abi.VGC_SYSCALL_CALLBACK);
  store<u64>(context, v.domain.vmAssist, abi.VGC_VM_ASSIST);
  store<u64>(context, load<u64>(segmentOf(c, s.FS), s.SEG_BASE), abi.VGC_FS_BASE);
  const active = load<u64>(segmentOf(c, s.GS), s.SEG_BASE);
  const other = load<u64>(c, s.CPU_KERNEL_GS_BASE);
  store<u64>(context, kernelMode ? active : other, abi.VGC_GS_BASE_KERNEL);
  store<u64>(context, kernelMode ? other : active, abi.VGC_GS_BASE_USER);
}
