/** PV vCPUs: their initial state, the context that setvcpucontext and VCPUOP_initialise give them, and their end. */
import { CR0_TS, RFLAGS_IF, RFLAGS_IOPL } from "../../../machine/cpu/control_bits";
import { LAST_RESERVED_GDT_BYTE } from "../../abi/implied";
import {
  CPU_USER_REGS_CS,
  CPU_USER_REGS_DS,
  CPU_USER_REGS_ES,
  CPU_USER_REGS_FS,
  CPU_USER_REGS_GS,
  CPU_USER_REGS_RFLAGS,
  CPU_USER_REGS_RIP,
  CPU_USER_REGS_RSP,
  CPU_USER_REGS_SAVED_UPCALL_MASK,
  CPU_USER_REGS_SS,
  FIRST_RESERVED_GDT_ENTRY,
  TRAP_INFO_ADDRESS,
  TRAP_INFO_CS,
  TRAP_INFO_SIZE,
  VCPU_GUEST_CONTEXT_CTRLREG,
  VCPU_GUEST_CONTEXT_DEBUGREG,
  VCPU_GUEST_CONTEXT_EVENT_CALLBACK_EIP,
  VCPU_GUEST_CONTEXT_FAILSAFE_CALLBACK_EIP,
  VCPU_GUEST_CONTEXT_FLAGS,
  VCPU_GUEST_CONTEXT_FPU_CTXT,
  VCPU_GUEST_CONTEXT_FS_BASE,
  VCPU_GUEST_CONTEXT_GDT_ENTS,
  VCPU_GUEST_CONTEXT_GDT_FRAMES,
  VCPU_GUEST_CONTEXT_GS_BASE_KERNEL,
  VCPU_GUEST_CONTEXT_GS_BASE_USER,
  VCPU_GUEST_CONTEXT_KERNEL_SP,
  VCPU_GUEST_CONTEXT_KERNEL_SS,
  VCPU_GUEST_CONTEXT_LDT_BASE,
  VCPU_GUEST_CONTEXT_LDT_ENTS,
  VCPU_GUEST_CONTEXT_SYSCALL_CALLBACK_EIP,
  VCPU_GUEST_CONTEXT_TRAP_CTXT,
  VCPU_GUEST_CONTEXT_USER_REGS,
  VCPU_GUEST_CONTEXT_VM_ASSIST,
  VGCF_failsafe_disables_events,
  VGCF_i387_valid,
  VGCF_in_kernel,
  VGCF_online,
  VGCF_syscall_disables_events,
} from "../../../abi/arch_x86";
import { setRflags } from "../../../machine/cpu/flags";
import { cpu, setCpu } from "../../../machine/cpu/machine";
import { isCanonical } from "../../../machine/cpu/paging/format";
import * as s from "../../../machine/cpu/state";
import { EINVAL, ENOMEM, EOPNOTSUPP, ERESTART } from "../../../abi/errno";
import {
  GUEST_FAILSAFE_DISABLES_EVENTS,
  GUEST_INITIALISED,
  GUEST_KERNEL_MODE,
  GUEST_SYSCALL_DISABLES_EVENTS,
  GUEST_TS,
  VCPU_GDT_FRAMES,
  VPF_down,
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
import { giveFxsave, takeFxsave } from "../fxsave";
import { giveUserRegs, regOffset } from "../user_regs";

/** Vcpu.guestFlags: the selectors in the state are new, and their descriptors are still to be loaded before the vCPU runs. */
export const GUEST_SEGMENTS_STALE: u32 = 32;

const VECTORS: usize = 256;
/** PE MP ET NE WP AM PG */
const CR0: u64 = 0x80050033;
/** PAE MCE OSFXSR OSXMMEXCPT, which every guest sees set. */
const CR4: u64 = 0x660;
/** PGE and OSXSAVE are set too, but the guest does not see them. */
const CR4_HIDDEN: u64 = 0x40080;
/** SCE LME LMA NX */
const EFER: u64 = 0xd01;
/** The host's PAT: WB WT UC- UC WC WP UC UC, by entry (arch-x86/xen.h, XEN_PAT). */
const PAT: u64 = 0x0000050100070406;
const FCW: u16 = 0x37f;
const MXCSR: u32 = 0x1f80;
/** In struct vcpu_guest_context: control and debug registers. The field of CR1 holds the page tables of user mode. */
const CONTEXT_CR0: usize = VCPU_GUEST_CONTEXT_CTRLREG;
const CONTEXT_USER_CR3: usize = VCPU_GUEST_CONTEXT_CTRLREG + 1 * 8;
const CONTEXT_CR2: usize = VCPU_GUEST_CONTEXT_CTRLREG + 2 * 8;
const CONTEXT_CR3: usize = VCPU_GUEST_CONTEXT_CTRLREG + 3 * 8;
const CONTEXT_CR4: usize = VCPU_GUEST_CONTEXT_CTRLREG + 4 * 8;
const CONTEXT_DR7: usize = VCPU_GUEST_CONTEXT_DEBUGREG + 7 * 8;

/** Sets the initial state, and makes the per-domain area for GDT and LDT. 0 or -ENOMEM. */
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
  store<u32>(c, LAST_RESERVED_GDT_BYTE, s.CPU_GDTR_LIMIT);
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
  return load<u64>(context + VCPU_GUEST_CONTEXT_USER_REGS + offset);
}

function addressesOk(context: usize): bool {
  if (!isCanonical(userReg(context, CPU_USER_REGS_RIP)) || !isCanonical(userReg(context, CPU_USER_REGS_RSP)))
    return false;
  if (!isCanonical(load<u64>(context, VCPU_GUEST_CONTEXT_KERNEL_SP))) return false;
  if (load<u64>(context, VCPU_GUEST_CONTEXT_LDT_ENTS) && !isCanonical(load<u64>(context, VCPU_GUEST_CONTEXT_LDT_BASE)))
    return false;
  if (!isCanonical(load<u64>(context, VCPU_GUEST_CONTEXT_EVENT_CALLBACK_EIP))) return false;
  if (!isCanonical(load<u64>(context, VCPU_GUEST_CONTEXT_FAILSAFE_CALLBACK_EIP))) return false;
  if (!isCanonical(load<u64>(context, VCPU_GUEST_CONTEXT_SYSCALL_CALLBACK_EIP))) return false;
  if (!isCanonical(load<u64>(context, VCPU_GUEST_CONTEXT_FS_BASE))) return false;
  if (!isCanonical(load<u64>(context, VCPU_GUEST_CONTEXT_GS_BASE_KERNEL))) return false;
  return isCanonical(load<u64>(context, VCPU_GUEST_CONTEXT_GS_BASE_USER));
}

/**
 * Takes over a context. 0; -EINVAL for one that no vCPU can have (a frame that is no page table, an address that is not canonical, tables that are
 * too long); -ERESTART if it has to be called again, because there are many page tables; -EOPNOTSUPP for a vCPU that already has a context with other
 * tables. The vCPU does not run.
 */
export function pvSetContext(v: Vcpu, context: usize): i32 {
  if (!addressesOk(context)) return -EINVAL;
  const ldtEntries = load<u64>(context, VCPU_GUEST_CONTEXT_LDT_ENTS);
  const gdtEntries = load<u64>(context, VCPU_GUEST_CONTEXT_GDT_ENTS);
  if (ldtEntries > 8192 || gdtEntries > <u64>FIRST_RESERVED_GDT_ENTRY) return -EINVAL;
  if (ldtEntries && load<u64>(context, VCPU_GUEST_CONTEXT_LDT_BASE) & 4095) return -EINVAL;
  if (v.guestFlags & GUEST_INITIALISED) {
    if (!sameTables(v, context)) return -EOPNOTSUPP;
  } else {
    const error = takeTables(v, context, <u32>gdtEntries);
    if (error) return error;
    setVcpuLdt(v, load<u64>(context, VCPU_GUEST_CONTEXT_LDT_BASE), <u32>ldtEntries);
  }
  takeRegisters(v, context);
  if (v.vcpuId == 0 && !(v.guestFlags & GUEST_INITIALISED))
    setVmAssist(v.domain, load<u64>(context, VCPU_GUEST_CONTEXT_VM_ASSIST));
  return 0;
}

/** Returns whether a context that is given again has the same tables, since it must not change what holds references. */
function sameTables(v: Vcpu, context: usize): bool {
  if (load<u64>(context, CONTEXT_CR3) >> 12 != <u64>v.kernelCr3) return false;
  if (load<u64>(context, CONTEXT_USER_CR3) >> 12 != <u64>v.userCr3) return false;
  if (load<u64>(context, VCPU_GUEST_CONTEXT_LDT_ENTS) != <u64>v.ldtEntries) return false;
  if (v.ldtEntries && load<u64>(context, VCPU_GUEST_CONTEXT_LDT_BASE) != v.ldtBase) return false;
  return load<u64>(context, VCPU_GUEST_CONTEXT_GDT_ENTS) == <u64>v.gdtEntries;
}

/** Takes page-table roots and GDT, with their references. If it fails, it holds nothing. */
function takeTables(v: Vcpu, context: usize, gdtEntries: u32): i32 {
  const kernel = load<u64>(context, CONTEXT_CR3) >> 12;
  const user = load<u64>(context, CONTEXT_USER_CR3) >> 12;
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
  error = setGdt(v, context + VCPU_GUEST_CONTEXT_GDT_FRAMES, gdtEntries);
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
  const flags = load<u64>(context, VCPU_GUEST_CONTEXT_FLAGS);
  let guest = v.guestFlags & GUEST_INITIALISED;
  if (flags & VGCF_in_kernel) guest |= GUEST_KERNEL_MODE;
  if (flags & VGCF_failsafe_disables_events) guest |= GUEST_FAILSAFE_DISABLES_EVENTS;
  if (flags & VGCF_syscall_disables_events) guest |= GUEST_SYSCALL_DISABLES_EVENTS;
  v.guestFlags = guest | GUEST_SEGMENTS_STALE;
  for (let n: u32 = 0; n < 16; n++) store<u64>(c + s.CPU_GPR + <usize>n * 8, userReg(context, regOffset(n)));
  store<u64>(c, userReg(context, CPU_USER_REGS_RIP), s.CPU_RIP);
  const rflags = userReg(context, CPU_USER_REGS_RFLAGS);
  // IOPL is virtual; the processor's stays 0.
  v.iopl = (<u32>(rflags >> 12)) & 3;
  const before = cpu;
  setCpu(c);
  setRflags((rflags & 0x3f7fd5 & ~RFLAGS_IOPL & ~(<u64>0x20000)) | RFLAGS_IF | 2);
  setCpu(before);
  selector(c, s.CS, ring3Selector((<u32>userReg(context, CPU_USER_REGS_CS)) & 0xffff));
  selector(c, s.SS, ring3Selector((<u32>userReg(context, CPU_USER_REGS_SS)) & 0xffff));
  selector(c, s.ES, (<u32>userReg(context, CPU_USER_REGS_ES)) & 0xffff);
  selector(c, s.DS, (<u32>userReg(context, CPU_USER_REGS_DS)) & 0xffff);
  selector(c, s.FS, (<u32>userReg(context, CPU_USER_REGS_FS)) & 0xffff);
  selector(c, s.GS, (<u32>userReg(context, CPU_USER_REGS_GS)) & 0xffff);
  const kernelMode = (guest & GUEST_KERNEL_MODE) != 0;
  const gsKernel = load<u64>(context, VCPU_GUEST_CONTEXT_GS_BASE_KERNEL);
  const gsUser = load<u64>(context, VCPU_GUEST_CONTEXT_GS_BASE_USER);
  store<u64>(segmentOf(c, s.FS), load<u64>(context, VCPU_GUEST_CONTEXT_FS_BASE), s.SEG_BASE);
  store<u64>(segmentOf(c, s.GS), kernelMode ? gsKernel : gsUser, s.SEG_BASE);
  store<u64>(c, kernelMode ? gsUser : gsKernel, s.CPU_KERNEL_GS_BASE);
  v.cr3Loaded = (<u64>(kernelMode ? v.kernelCr3 : v.userCr3)) << 12;
  store<u64>(c, v.cr3Loaded, s.CPU_CR3);
  memory.copy(changetype<usize>(v) + VCPU_TRAPS, context + VCPU_GUEST_CONTEXT_TRAP_CTXT, VECTORS * TRAP_INFO_SIZE);
  for (let n: usize = 0; n < VECTORS; n++) {
    const info = changetype<usize>(v) + VCPU_TRAPS + n * TRAP_INFO_SIZE;
    store<u16>(info, <u16>ring3Selector(load<u16>(info, TRAP_INFO_CS)), TRAP_INFO_CS);
    if (!isCanonical(load<u64>(info, TRAP_INFO_ADDRESS))) store<u64>(info, 0, TRAP_INFO_ADDRESS);
  }
  v.kernelSs = ring3Selector((<u32>load<u64>(context, VCPU_GUEST_CONTEXT_KERNEL_SS)) & 0xffff);
  v.kernelSp = load<u64>(context, VCPU_GUEST_CONTEXT_KERNEL_SP);
  v.eventCallback = load<u64>(context, VCPU_GUEST_CONTEXT_EVENT_CALLBACK_EIP);
  v.failsafeCallback = load<u64>(context, VCPU_GUEST_CONTEXT_FAILSAFE_CALLBACK_EIP);
  v.syscallCallback = load<u64>(context, VCPU_GUEST_CONTEXT_SYSCALL_CALLBACK_EIP);
  setTaskSwitched(v, (load<u64>(context, CONTEXT_CR0) & CR0_TS) != 0);
  setGuestCr4(v, load<u64>(context, CONTEXT_CR4));
  initDebugRegisters(v);
  for (let n: u32 = 0; n < 8; n++)
    if (n < 4 || n > 5) setDebugRegister(v, n, load<u64>(context + VCPU_GUEST_CONTEXT_DEBUGREG + <usize>n * 8));
  if (flags & VGCF_i387_valid) takeFxsave(c, context + VCPU_GUEST_CONTEXT_FPU_CTXT);
}

function selector(c: usize, n: usize, value: u32): void {
  store<u16>(segmentOf(c, n), <u16>value, s.SEG_SELECTOR);
}

/** Writes the vCPU's context into zeroed hypervisor memory. The vCPU does not run. */
export function pvGetContext(v: Vcpu, context: usize): void {
  const c = v.cpu;
  const kernelMode = (v.guestFlags & GUEST_KERNEL_MODE) != 0;
  giveFxsave(c, context + VCPU_GUEST_CONTEXT_FPU_CTXT);
  let flags: u64 = VGCF_i387_valid;
  if (kernelMode) flags |= VGCF_in_kernel;
  if (v.guestFlags & GUEST_FAILSAFE_DISABLES_EVENTS) flags |= VGCF_failsafe_disables_events;
  if (v.guestFlags & GUEST_SYSCALL_DISABLES_EVENTS) flags |= VGCF_syscall_disables_events;
  if (!(v.pauseFlags & VPF_down)) flags |= VGCF_online;
  store<u64>(context, flags, VCPU_GUEST_CONTEXT_FLAGS);
  const regs = context + VCPU_GUEST_CONTEXT_USER_REGS;
  giveUserRegs(c, regs);
  store<u8>(regs, <u8>upcallMask(v), CPU_USER_REGS_SAVED_UPCALL_MASK);
  store<u64>(regs, load<u64>(regs, CPU_USER_REGS_RFLAGS) | ((<u64>v.iopl) << 12), CPU_USER_REGS_RFLAGS);
  memory.copy(context + VCPU_GUEST_CONTEXT_TRAP_CTXT, changetype<usize>(v) + VCPU_TRAPS, VECTORS * TRAP_INFO_SIZE);
  store<u64>(context, v.ldtBase, VCPU_GUEST_CONTEXT_LDT_BASE);
  store<u64>(context, v.ldtEntries, VCPU_GUEST_CONTEXT_LDT_ENTS);
  for (let n: usize = 0; n < 16; n++)
    store<u64>(
      context + VCPU_GUEST_CONTEXT_GDT_FRAMES + n * 8,
      load<u32>(changetype<usize>(v) + VCPU_GDT_FRAMES + n * 4),
    );
  store<u64>(context, v.gdtEntries, VCPU_GUEST_CONTEXT_GDT_ENTS);
  store<u64>(context, v.kernelSs, VCPU_GUEST_CONTEXT_KERNEL_SS);
  store<u64>(context, v.kernelSp, VCPU_GUEST_CONTEXT_KERNEL_SP);
  store<u64>(context, (v.cr0 & ~CR0_TS) | (v.guestFlags & GUEST_TS ? CR0_TS : 0), CONTEXT_CR0);
  store<u64>(context, (<u64>v.userCr3) << 12, CONTEXT_USER_CR3);
  store<u64>(context, v.trapCr2, CONTEXT_CR2);
  store<u64>(context, (<u64>v.kernelCr3) << 12, CONTEXT_CR3);
  store<u64>(context, v.cr4, CONTEXT_CR4);
  memory.copy(context + VCPU_GUEST_CONTEXT_DEBUGREG, c + s.CPU_DR, 64);
  const dr7 = context + CONTEXT_DR7;
  store<u64>(dr7, load<u64>(dr7) | v.ioBreakpoints);
  store<u64>(context, v.eventCallback, VCPU_GUEST_CONTEXT_EVENT_CALLBACK_EIP);
  store<u64>(context, v.failsafeCallback, VCPU_GUEST_CONTEXT_FAILSAFE_CALLBACK_EIP);
  store<u64>(context, v.syscallCallback, VCPU_GUEST_CONTEXT_SYSCALL_CALLBACK_EIP);
  store<u64>(context, v.domain.vmAssist, VCPU_GUEST_CONTEXT_VM_ASSIST);
  store<u64>(context, load<u64>(segmentOf(c, s.FS), s.SEG_BASE), VCPU_GUEST_CONTEXT_FS_BASE);
  const active = load<u64>(segmentOf(c, s.GS), s.SEG_BASE);
  const other = load<u64>(c, s.CPU_KERNEL_GS_BASE);
  store<u64>(context, kernelMode ? active : other, VCPU_GUEST_CONTEXT_GS_BASE_KERNEL);
  store<u64>(context, kernelMode ? other : active, VCPU_GUEST_CONTEXT_GS_BASE_USER);
}
