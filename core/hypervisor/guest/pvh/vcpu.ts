/** The initial state of a PVH vCPU, and the two forms in which it can be given another one to begin with. */
import { CR0_PE, CR0_PG, CR4_PAE, EFER_LME, EFER_LMA } from "../../../machine/cpu/control_bits";
import { setRflags } from "../../../machine/cpu/flags";
import { cpu, setCpu } from "../../../machine/cpu/machine";
import { powerOnCpu } from "../../../machine/cpu/reset";
import * as s from "../../../machine/cpu/state";
import * as c from "../../../abi/hvm_vcpu";
import { EINVAL, EOPNOTSUPP } from "../../../abi/errno";
import { GUEST_INITIALISED, Vcpu } from "../../domain/domain";
import { DomainMemory } from "../../memory/domain_memory";
import { frameAddress } from "../../memory/frames";
import { APIC_BASE_BSP, APIC_BASE_ENABLE, APIC_PAGE, raiseVector } from "./apic";
import { resetApic } from "./apic_reset";
import { resetMsrs } from "./msr";
import { hvm } from "./state";

/** Bits of a segment's attributes. These are the low 8 bits of a descriptor's attributes, with its four high ones from bit 8 on. */
const UNUSABLE: u16 = 0x8000;
const PRESENT: u16 = 0x80;

/** Sets the state after power-on, with the domain's second stage. */
export function pvhVcpuInit(v: Vcpu): i32 {
  const before = cpu;
  setCpu(v.cpu);
  powerOnCpu();
  setCpu(before);
  const m = changetype<DomainMemory>(v.domain.memory);
  store<u64>(v.cpu, frameAddress(m.p2mRoot), s.CPU_SECOND_ROOT);
  store<u32>(v.cpu, m.p2mId, s.CPU_SPACE_ID);
  const state = hvm(v);
  state.apicBase = APIC_PAGE | APIC_BASE_ENABLE | (v.vcpuId == 0 ? APIC_BASE_BSP : 0);
  state.waitsForSipi = v.vcpuId == 0 ? 0 : 1;
  resetApic(v);
  resetMsrs(v);
  v.lastRegion = 0;
  return 0;
}

/** The vCPU holds no frames; its domain's second stage does. */
export function pvhVcpuDestroy(v: Vcpu): void {}

export function segment(v: Vcpu, n: i32, selector: u32, base: u64, limit: u32, attributes: u32): void {
  const at = v.cpu + s.CPU_SEG + <usize>n * s.SEG_SIZE;
  store<u64>(at, base, s.SEG_BASE);
  store<u32>(at, limit, s.SEG_LIMIT);
  store<u16>(at, <u16>selector, s.SEG_SELECTOR);
  const attr = <u16>(attributes & 0xfff);
  store<u16>(at, attr & PRESENT ? attr : attr | UNUSABLE, s.SEG_ATTR);
}

/** Returns whether a processor can be in this mode: paging needs protection, and long mode 4 levels. */
export function modeOk(cr0: u64, cr4: u64, efer: u64): bool {
  if (cr0 & CR0_PG && !(cr0 & CR0_PE)) return false;
  return !(efer & EFER_LME && cr0 & CR0_PG) || (cr4 & CR4_PAE) != 0;
}

export function setControl(v: Vcpu, cr0: u64, cr3: u64, cr4: u64, efer: u64): void {
  store<u64>(v.cpu, cr0, s.CPU_CR0);
  store<u64>(v.cpu, cr3, s.CPU_CR3);
  store<u64>(v.cpu, cr4, s.CPU_CR4);
  store<u64>(v.cpu, efer & EFER_LME && cr0 & CR0_PG ? efer | EFER_LMA : efer & ~EFER_LMA, s.CPU_EFER);
}

export function setFlags(v: Vcpu, value: u64): void {
  const before = cpu;
  setCpu(v.cpu);
  setRflags((value & 0x3f7fd5) | 2);
  setCpu(before);
}

export function started(v: Vcpu): void {
  hvm(v).waitsForSipi = 0;
  v.guestFlags |= GUEST_INITIALISED;
}

/** Takes struct vcpu_hvm_context of VCPUOP_initialise. 0 or -EINVAL. */
export function pvhSetContext(v: Vcpu, context: usize): i32 {
  const mode = load<u32>(context, c.VCPU_HVM_CONTEXT_MODE);
  const r = context + c.VCPU_HVM_CONTEXT_CPU_REGS;
  if (mode == <u32>c.VCPU_HVM_MODE_32B) return setContext32(v, r);
  return mode == <u32>c.VCPU_HVM_MODE_64B ? setContext64(v, r) : -EINVAL;
}

/** The structure has the registers in the order A, C, D, B, SP, BP, SI, DI, which is the order of their encoding. */
function setContext32(v: Vcpu, r: usize): i32 {
  const cr0 = <u64>load<u32>(r, c.VCPU_HVM_X86_32_CR0);
  const cr4 = <u64>load<u32>(r, c.VCPU_HVM_X86_32_CR4);
  const efer = load<u64>(r, c.VCPU_HVM_X86_32_EFER);
  if (!modeOk(cr0, cr4, efer)) return -EINVAL;
  for (let n: usize = 0; n < 16; n++)
    store<u64>(v.cpu + s.CPU_GPR + n * 8, n < 8 ? <u64>load<u32>(r + n * 4, c.VCPU_HVM_X86_32_EAX) : 0);
  store<u64>(v.cpu, load<u32>(r, c.VCPU_HVM_X86_32_EIP), s.CPU_RIP);
  setFlags(v, load<u32>(r, c.VCPU_HVM_X86_32_EFLAGS));
  setControl(v, cr0, load<u32>(r, c.VCPU_HVM_X86_32_CR3), cr4, efer);
  for (let place: usize = 0; place < 5; place++)
    segment(
      v,
      place == 0 ? s.CS : place == 1 ? s.DS : place == 2 ? s.SS : place == 3 ? s.ES : s.TR,
      0,
      load<u32>(r + place * 4, c.VCPU_HVM_X86_32_CS_BASE),
      load<u32>(r + place * 4, c.VCPU_HVM_X86_32_CS_LIMIT),
      load<u16>(r + place * 2, c.VCPU_HVM_X86_32_CS_AR),
    );
  started(v);
  return 0;
}

/** Sets flat 64-bit segments, as Xen does. */
function setContext64(v: Vcpu, r: usize): i32 {
  const cr0 = load<u64>(r, c.VCPU_HVM_X86_64_CR0);
  const cr4 = load<u64>(r, c.VCPU_HVM_X86_64_CR4);
  const efer = load<u64>(r, c.VCPU_HVM_X86_64_EFER);
  if (!modeOk(cr0, cr4, efer) || !(cr0 & CR0_PG) || !(efer & EFER_LME)) return -EINVAL;
  for (let n: usize = 0; n < 16; n++)
    store<u64>(v.cpu + s.CPU_GPR + n * 8, n < 8 ? load<u64>(r + n * 8, c.VCPU_HVM_X86_64_RAX) : 0);
  store<u64>(v.cpu, load<u64>(r, c.VCPU_HVM_X86_64_RIP), s.CPU_RIP);
  setFlags(v, load<u64>(r, c.VCPU_HVM_X86_64_RFLAGS));
  setControl(v, cr0, load<u64>(r, c.VCPU_HVM_X86_64_CR3), cr4, efer);
  segment(v, s.CS, 0, 0, 0xffffffff, 0xa9b);
  segment(v, s.DS, 0, 0, 0xffffffff, 0xc93);
  segment(v, s.ES, 0, 0, 0xffffffff, 0xc93);
  segment(v, s.SS, 0, 0, 0xffffffff, 0xc93);
  segment(v, s.TR, 0, 0, 0x67, 0x8b);
  started(v);
  return 0;
}

/** Only PV guests have struct xen_domctl_ext_vcpucontext. */
export function pvhNoExtContext(v: Vcpu, context: usize): i32 {
  return -EOPNOTSUPP;
}

export function pvhSetUpcallVector(v: Vcpu, vector: u32): void {
  atomic.store<u32>(changetype<usize>(hvm(v)), vector);
  raiseVector(v, vector);
}
