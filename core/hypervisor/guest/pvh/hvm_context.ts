/**
 * A PVH vCPU's state as records of an HVM context (public/arch-x86/hvm/save.h), the form in which it is built, saved and restored. A context may come
 * from anybody: what no processor can have is refused, and what follows from other state is computed again. Interrupt shadows, a blocked NMI and
 * upcall vectors are in no record; guests set the last again when they are restored.
 */
import { CR0_KNOWN, CR4_KNOWN } from "../../../machine/cpu/control_registers";
import { getRflags } from "../../../machine/cpu/flags";
import { cpu, setCpu } from "../../../machine/cpu/machine";
import { isPat } from "../../../machine/cpu/msr";
import { isCanonical } from "../../../machine/cpu/paging/format";
import * as s from "../../../machine/cpu/state";
import { XCR0_KNOWN } from "../../../machine/cpu/xcr0";
import * as h from "../../../abi/hvm_save";
import { EINVAL, ENXIO, EOPNOTSUPP } from "../../../abi/errno";
import { VPF_down, Vcpu, vcpuOf } from "../../domain/domain";
import { cr4Lacking, hasXsave } from "../features";
import { giveFxsave, takeFxsave } from "../fxsave";
import { accumulated, areaSize, checkXstate, giveXstate, takeXstate } from "../xstate";
import { tscAt } from "../tsc";
import { APIC_BASE_BSP, APIC_BASE_ENABLE, APIC_BASE_X2APIC, APIC_PAGE, register, setRegister } from "./apic";
import { setIds } from "./apic_reset";
import { restartTimer, restoreTscDeadline, timerDivisor, tscDeadline } from "./apic_timer";
import {
  APIC_ID,
  APIC_IRR,
  APIC_ISR,
  APIC_LVT_ERROR,
  APIC_LVT_TIMER,
  APIC_SVR,
  APIC_TIMER_DIVIDE,
  APIC_TPR,
  APIC_VERSION,
  SVR_ENABLED,
} from "./apic_offsets";
import { lvtBits } from "./apic_registers";
import { MSR_MTRR_DEF_TYPE, MSR_MTRR_VARIABLE, MTRR_CAP, VARIABLE_MTRRS, areMemoryTypes, writeMsr } from "./msr";
import { apicRegister, hvm, mtrrFixed, mtrrVariable } from "./state";
import { modeOk, segment, setControl, setFlags, started } from "./vcpu";

/** SCE LME LMA NXE */
const EFER_KNOWN: u64 = 0xd01;
const FIXED_MTRRS: u32 = 11;
/** The engine's attributes of a segment that can't be used; a record has 0 then. */
const UNUSABLE: u32 = 0x8000;
/** hvm_hw_lapic: disabled by the spurious-interrupt vector register, or by IA32_APIC_BASE. */
const SOFTWARE_DISABLED: u32 = 1;
const HARDWARE_DISABLED: u32 = 2;
/** MSRs in struct hvm_msr, from Intel's and AMD's manuals; the last five are AMD's. */
const MSR_SPEC_CTRL: u32 = 0x48;
const MSR_MISC_FEATURES_ENABLES: u32 = 0x140;
const MSR_PKRS: u32 = 0x6e1;
const MSR_BNDCFGS: u32 = 0xd90;
const MSR_XSS: u32 = 0xda0;
const MSR_VIRT_SPEC_CTRL: u32 = 0xc001011f;
const MSR_DR1_ADDRESS_MASK: u32 = 0xc0011019;
const MSR_DR3_ADDRESS_MASK: u32 = 0xc001101b;
const MSR_DR0_ADDRESS_MASK: u32 = 0xc0011027;
const DR6_FIXED: u64 = 0xffff0ff0;
const DR6_BITS: u64 = 0xe00f;
const DR7_FIXED: u64 = 0x400;
const DR7_BITS: u64 = 0xffff2bff;

// ---- taking ----------------------------------------------------------------------------------------------------

export function pvhTakeRecord(v: Vcpu, code: u32, body: usize, length: u32, now: u64): i32 {
  switch (code) {
    case h.HVM_SAVE_CODE_CPU:
      return length == <u32>h.HVM_HW_CPU_SIZE ? takeCpu(v, body, now) : -EINVAL;
    case h.HVM_SAVE_CODE_LAPIC:
      return length == <u32>h.HVM_HW_LAPIC_SIZE ? takeLapic(v, body) : -EINVAL;
    case h.HVM_SAVE_CODE_LAPIC_REGS:
      return length == <u32>h.HVM_HW_LAPIC_REGS_SIZE ? takeLapicRegisters(v, body) : -EINVAL;
    case h.HVM_SAVE_CODE_MTRR:
      return length == <u32>h.HVM_HW_MTRR_SIZE ? takeMtrrs(v, body) : -EINVAL;
    case h.CPU_XSAVE_CODE:
      return takeXsave(v, body, length);
    case h.HVM_SAVE_CODE_TSC_ADJUST:
      if (length != <u32>h.HVM_TSC_ADJUST_SIZE) return -EINVAL;
      // The record of the CPU has the TSC itself.
      hvm(v).tscAdjust = load<u64>(body);
      return 0;
    case h.CPU_MSR_CODE:
      return takeMsrs(body, length);
    default:
      return -EOPNOTSUPP;
  }
}

/** Registers in the order of their encoding. */
function offsetOf(n: u32): usize {
  switch (n) {
    case 0:
      return h.HVM_HW_CPU_RAX;
    case 1:
      return h.HVM_HW_CPU_RCX;
    case 2:
      return h.HVM_HW_CPU_RDX;
    case 3:
      return h.HVM_HW_CPU_RBX;
    case 4:
      return h.HVM_HW_CPU_RSP;
    case 5:
      return h.HVM_HW_CPU_RBP;
    case 6:
      return h.HVM_HW_CPU_RSI;
    case 7:
      return h.HVM_HW_CPU_RDI;
    default:
      return h.HVM_HW_CPU_R8 + <usize>(n - 8) * 8;
  }
}

/**
 * Selectors, limits, bases and attributes stand in four rows. Returns the engine's number of the segment at each place: CS DS ES FS GS SS TR LDTR.
 */
function segmentAt(place: u32): i32 {
  switch (place) {
    case 0:
      return s.CS;
    case 1:
      return s.DS;
    case 2:
      return s.ES;
    case 3:
      return s.FS;
    case 4:
      return s.GS;
    case 5:
      return s.SS;
    case 6:
      return s.TR;
    default:
      return s.LDTR;
  }
}

function addressesOk(record: usize): bool {
  for (let place: usize = 0; place < 8; place++)
    if (!isCanonical(load<u64>(record + place * 8, h.HVM_HW_CPU_CS_BASE))) return false;
  return (
    isCanonical(load<u64>(record, h.HVM_HW_CPU_RIP)) &&
    isCanonical(load<u64>(record, h.HVM_HW_CPU_IDTR_BASE)) &&
    isCanonical(load<u64>(record, h.HVM_HW_CPU_GDTR_BASE)) &&
    isCanonical(load<u64>(record, h.HVM_HW_CPU_SYSENTER_ESP)) &&
    isCanonical(load<u64>(record, h.HVM_HW_CPU_SYSENTER_EIP)) &&
    isCanonical(load<u64>(record, h.HVM_HW_CPU_SHADOW_GS)) &&
    isCanonical(load<u64>(record, h.HVM_HW_CPU_MSR_LSTAR)) &&
    isCanonical(load<u64>(record, h.HVM_HW_CPU_MSR_CSTAR))
  );
}

/** Takes struct hvm_hw_cpu. 0 or -EINVAL. */
function takeCpu(v: Vcpu, record: usize, now: u64): i32 {
  const cr0 = load<u64>(record, h.HVM_HW_CPU_CR0);
  const cr4 = load<u64>(record, h.HVM_HW_CPU_CR4);
  const efer = load<u64>(record, h.HVM_HW_CPU_MSR_EFER);
  if (cr0 & ~CR0_KNOWN || cr4 & ~(CR4_KNOWN & ~cr4Lacking(v.domain)) || efer & ~EFER_KNOWN || !modeOk(cr0, cr4, efer))
    return -EINVAL;
  if (!addressesOk(record)) return -EINVAL;
  const c = v.cpu;
  for (let n: u32 = 0; n < 16; n++) store<u64>(c + s.CPU_GPR + <usize>n * 8, load<u64>(record + offsetOf(n)));
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_RIP), s.CPU_RIP);
  setFlags(v, load<u64>(record, h.HVM_HW_CPU_RFLAGS));
  setControl(v, cr0, load<u64>(record, h.HVM_HW_CPU_CR3), cr4, efer);
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_CR2), s.CPU_CR2);
  for (let n: usize = 0; n < 4; n++) store<u64>(c + s.CPU_DR + n * 8, load<u64>(record + n * 8, h.HVM_HW_CPU_DR0));
  store<u64>(c, (load<u64>(record, h.HVM_HW_CPU_DR6) & DR6_BITS) | DR6_FIXED, s.CPU_DR + 6 * 8);
  store<u64>(c, (load<u64>(record, h.HVM_HW_CPU_DR7) & DR7_BITS) | DR7_FIXED, s.CPU_DR + 7 * 8);
  for (let place: u32 = 0; place < 8; place++)
    segment(
      v,
      segmentAt(place),
      load<u32>(record + <usize>place * 4, h.HVM_HW_CPU_CS_SEL),
      load<u64>(record + <usize>place * 8, h.HVM_HW_CPU_CS_BASE),
      load<u32>(record + <usize>place * 4, h.HVM_HW_CPU_CS_LIMIT),
      load<u32>(record + <usize>place * 4, h.HVM_HW_CPU_CS_ARBYTES),
    );
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_IDTR_BASE), s.CPU_IDTR_BASE);
  store<u32>(c, load<u32>(record, h.HVM_HW_CPU_IDTR_LIMIT) & 0xffff, s.CPU_IDTR_LIMIT);
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_GDTR_BASE), s.CPU_GDTR_BASE);
  store<u32>(c, load<u32>(record, h.HVM_HW_CPU_GDTR_LIMIT) & 0xffff, s.CPU_GDTR_LIMIT);
  store<u32>(c, (load<u32>(record, h.HVM_HW_CPU_SS_ARBYTES) >> 5) & 3, s.CPU_CPL);
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_SYSENTER_CS), s.CPU_SYSENTER_CS);
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_SYSENTER_ESP), s.CPU_SYSENTER_ESP);
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_SYSENTER_EIP), s.CPU_SYSENTER_EIP);
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_SHADOW_GS), s.CPU_KERNEL_GS_BASE);
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_MSR_LSTAR), s.CPU_LSTAR);
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_MSR_STAR), s.CPU_STAR);
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_MSR_CSTAR), s.CPU_CSTAR);
  store<u64>(c, load<u64>(record, h.HVM_HW_CPU_MSR_SYSCALL_MASK) & 0xffffffff, s.CPU_FMASK);
  store<u32>(c, <u32>load<u64>(record, h.HVM_HW_CPU_MSR_TSC_AUX), s.CPU_TSC_AUX);
  if (load<u32>(record, h.HVM_HW_CPU_FLAGS) & h.XEN_X86_FPU_INITIALISED) takeFxsave(c, record);
  takeTsc(v, load<u64>(record, h.HVM_HW_CPU_TSC) - tscAt(v.domain, now));
  // Whatever its pCPU's TLB holds belongs to the earlier state.
  v.lastRegion = 0;
  started(v);
  return 0;
}

/** vCPU 0's offset is also used for vCPUs that are down and have no record, because the TSCs of a domain go together. */
function takeTsc(v: Vcpu, offset: u64): void {
  if (v.vcpuId != 0) {
    store<u64>(v.cpu, offset, s.CPU_TSC_OFFSET);
    return;
  }
  for (let id: u32 = 0; id < v.domain.maxVcpus; id++) {
    const each = vcpuOf(v.domain, id);
    if (each) store<u64>(each.cpu, offset, s.CPU_TSC_OFFSET);
  }
}

function takeLapic(v: Vcpu, record: usize): i32 {
  const base = load<u64>(record, h.HVM_HW_LAPIC_APIC_BASE_MSR);
  const mode = base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
  if ((base & ~(mode | APIC_BASE_BSP)) != APIC_PAGE || mode == APIC_BASE_X2APIC) return -EINVAL;
  hvm(v).apicBase = base;
  setIds(v);
  restoreTscDeadline(v, load<u64>(record, h.HVM_HW_LAPIC_TDT_MSR));
  return 0;
}

/** Takes the page as it reads, except for values that no write could have produced. */
function takeLapicRegisters(v: Vcpu, record: usize): i32 {
  const version = register(v, APIC_VERSION);
  const id = register(v, APIC_ID);
  memory.copy(apicRegister(v, 0), record, h.HVM_HW_LAPIC_REGS_SIZE);
  setRegister(v, APIC_VERSION, version);
  setRegister(v, APIC_ID, id);
  setRegister(v, APIC_TPR, register(v, APIC_TPR) & 0xff);
  setRegister(v, APIC_SVR, register(v, APIC_SVR) & 0x1ff);
  setRegister(v, APIC_TIMER_DIVIDE, register(v, APIC_TIMER_DIVIDE) & 11);
  // Vectors 0 to 15 are the processor's own.
  setRegister(v, APIC_ISR, register(v, APIC_ISR) & 0xffff0000);
  setRegister(v, APIC_IRR, register(v, APIC_IRR) & 0xffff0000);
  for (let at = APIC_LVT_TIMER; at <= APIC_LVT_ERROR; at += 16) setRegister(v, at, register(v, at) & lvtBits(at));
  setIds(v);
  restartTimer(v);
  return 0;
}

function takeMtrrs(v: Vcpu, record: usize): i32 {
  const pat = load<u64>(record, h.HVM_HW_MTRR_MSR_PAT_CR);
  if (!isPat(pat) || !writeMsr(v, MSR_MTRR_DEF_TYPE, load<u64>(record, h.HVM_HW_MTRR_MSR_MTRR_DEF_TYPE)))
    return -EINVAL;
  store<u64>(v.cpu, pat, s.CPU_PAT);
  for (let n: u32 = 0; n < VARIABLE_MTRRS; n++)
    if (!writeMsr(v, MSR_MTRR_VARIABLE + n, load<u64>(record + <usize>n * 8, h.HVM_HW_MTRR_MSR_MTRR_VAR)))
      return -EINVAL;
  for (let n: u32 = 0; n < FIXED_MTRRS; n++) {
    const value = load<u64>(record + <usize>n * 8, h.HVM_HW_MTRR_MSR_MTRR_FIXED);
    if (!areMemoryTypes(value)) return -EINVAL;
    store<u64>(mtrrFixed(v, n), value);
  }
  return 0;
}

/** Takes XCR0, and the state of x87, SSE and AVX in place of what the record of the CPU has of it. Its length depends on the components. */
function takeXsave(v: Vcpu, record: usize, length: u32): i32 {
  if (length < <u32>h.HVM_HW_CPU_XSAVE_SIZE) return -EINVAL;
  const xcr0 = load<u64>(record, h.HVM_HW_CPU_XSAVE_XCR0);
  const accum = load<u64>(record, h.HVM_HW_CPU_XSAVE_XCR0_ACCUM);
  const area = record + h.HVM_HW_CPU_XSAVE_SAVE_AREA;
  const error = checkXstate(v.domain, xcr0, accum, area);
  if (error) return error;
  const size = <u32>h.HVM_HW_CPU_XSAVE_SAVE_AREA + areaSize(accum);
  if (length < size) return -EINVAL;
  // What is longer than it need be is taken if the rest says nothing, as in Xen.
  for (let at = size; at < length; at++) if (load<u8>(record + at)) return -EOPNOTSUPP;
  takeXstate(v, xcr0, area);
  return 0;
}

/**
 * struct hvm_msr: MSRs that some processors have, but this one has none of them. Xen writes only those that are not zero, and a zero is what a vCPU
 * here has. As in Xen: -EINVAL for less than a count, -EOPNOTSUPP for a length that does not match the count and for reserved fields, -ENXIO for any
 * other register and for a value that it can't have.
 */
function takeMsrs(record: usize, length: u32): i32 {
  if (length < <u32>h.HVM_MSR_SIZE) return -EINVAL;
  const count = load<u32>(record, h.HVM_MSR_COUNT);
  if (<u64>length != <u64>h.HVM_MSR_SIZE + <u64>count * h.HVM_ONE_MSR_SIZE) return -EOPNOTSUPP;
  for (let n: u32 = 0; n < count; n++)
    if (load<u32>(record + h.HVM_MSR_MSR + <usize>n * h.HVM_ONE_MSR_SIZE, h.HVM_ONE_MSR_RSVD)) return -EOPNOTSUPP;
  for (let n: u32 = 0; n < count; n++) {
    const one = record + h.HVM_MSR_MSR + <usize>n * h.HVM_ONE_MSR_SIZE;
    if (!isSavedMsr(load<u32>(one, h.HVM_ONE_MSR_INDEX)) || load<u64>(one, h.HVM_ONE_MSR_VAL)) return -ENXIO;
  }
  return 0;
}

/** Returns whether Xen puts this register into such a record. */
function isSavedMsr(index: u32): bool {
  switch (index) {
    case MSR_SPEC_CTRL:
    case MSR_MISC_FEATURES_ENABLES:
    case MSR_PKRS:
    case MSR_BNDCFGS:
    case MSR_XSS:
    case MSR_VIRT_SPEC_CTRL:
    case MSR_DR0_ADDRESS_MASK:
      return true;
    default:
      return index >= MSR_DR1_ADDRESS_MASK && index <= MSR_DR3_ADDRESS_MASK;
  }
}

// ---- giving ----------------------------------------------------------------------------------------------------

/** Writes a descriptor. Returns where its body goes. */
function descriptor(at: usize, code: u32, v: Vcpu, length: u32): usize {
  store<u16>(at, <u16>code, h.HVM_SAVE_DESCRIPTOR_TYPECODE);
  store<u16>(at, <u16>v.vcpuId, h.HVM_SAVE_DESCRIPTOR_INSTANCE);
  store<u32>(at, length, h.HVM_SAVE_DESCRIPTOR_LENGTH);
  return at + h.HVM_SAVE_DESCRIPTOR_SIZE;
}

/** A vCPU that is down has no records of its registers, since it begins anew when it is started. */
export function pvhGiveRecords(v: Vcpu, at: usize, now: u64): usize {
  if (!(v.pauseFlags & VPF_down)) {
    at = giveCpu(v, at, now);
    if (hasXsave(v.domain)) at = giveXsave(v, at);
  }
  const lapic = descriptor(at, h.HVM_SAVE_CODE_LAPIC, v, h.HVM_HW_LAPIC_SIZE);
  const base = hvm(v).apicBase;
  store<u64>(lapic, base, h.HVM_HW_LAPIC_APIC_BASE_MSR);
  store<u32>(
    lapic,
    (register(v, APIC_SVR) & SVR_ENABLED ? 0 : SOFTWARE_DISABLED) | (base & APIC_BASE_ENABLE ? 0 : HARDWARE_DISABLED),
    h.HVM_HW_LAPIC_DISABLED,
  );
  store<u32>(lapic, timerDivisor(v), h.HVM_HW_LAPIC_TIMER_DIVISOR);
  store<u64>(lapic, tscDeadline(v), h.HVM_HW_LAPIC_TDT_MSR);
  const registers = descriptor(lapic + h.HVM_HW_LAPIC_SIZE, h.HVM_SAVE_CODE_LAPIC_REGS, v, h.HVM_HW_LAPIC_REGS_SIZE);
  memory.copy(registers, apicRegister(v, 0), h.HVM_HW_LAPIC_REGS_SIZE);
  const adjust = descriptor(
    giveMtrrs(v, registers + h.HVM_HW_LAPIC_REGS_SIZE),
    h.HVM_SAVE_CODE_TSC_ADJUST,
    v,
    h.HVM_TSC_ADJUST_SIZE,
  );
  store<u64>(adjust, hvm(v).tscAdjust, h.HVM_TSC_ADJUST_TSC_ADJUST);
  return adjust + h.HVM_TSC_ADJUST_SIZE;
}

function giveXsave(v: Vcpu, at: usize): usize {
  const accum = accumulated(v);
  const length = <u32>h.HVM_HW_CPU_XSAVE_SAVE_AREA + areaSize(accum);
  const xsave = descriptor(at, h.CPU_XSAVE_CODE, v, length);
  store<u64>(xsave, XCR0_KNOWN, h.HVM_HW_CPU_XSAVE_XFEATURE_MASK);
  store<u64>(xsave, load<u64>(v.cpu, s.CPU_XCR0), h.HVM_HW_CPU_XSAVE_XCR0);
  store<u64>(xsave, accum, h.HVM_HW_CPU_XSAVE_XCR0_ACCUM);
  giveXstate(v, xsave + h.HVM_HW_CPU_XSAVE_SAVE_AREA);
  return xsave + length;
}

function giveMtrrs(v: Vcpu, at: usize): usize {
  const mtrr = descriptor(at, h.HVM_SAVE_CODE_MTRR, v, h.HVM_HW_MTRR_SIZE);
  store<u64>(mtrr, load<u64>(v.cpu, s.CPU_PAT), h.HVM_HW_MTRR_MSR_PAT_CR);
  memory.copy(mtrr + h.HVM_HW_MTRR_MSR_MTRR_VAR, mtrrVariable(v, 0), <usize>VARIABLE_MTRRS * 8);
  memory.copy(mtrr + h.HVM_HW_MTRR_MSR_MTRR_FIXED, mtrrFixed(v, 0), <usize>FIXED_MTRRS * 8);
  store<u64>(mtrr, MTRR_CAP, h.HVM_HW_MTRR_MSR_MTRR_CAP);
  store<u64>(mtrr, hvm(v).mtrrDefault, h.HVM_HW_MTRR_MSR_MTRR_DEF_TYPE);
  return mtrr + h.HVM_HW_MTRR_SIZE;
}

function giveCpu(v: Vcpu, at: usize, now: u64): usize {
  const record = descriptor(at, h.HVM_SAVE_CODE_CPU, v, h.HVM_HW_CPU_SIZE);
  const c = v.cpu;
  giveFxsave(c, record);
  for (let n: u32 = 0; n < 16; n++) store<u64>(record + offsetOf(n), load<u64>(c + s.CPU_GPR + <usize>n * 8));
  const before = cpu;
  setCpu(c);
  store<u64>(record, getRflags(), h.HVM_HW_CPU_RFLAGS);
  setCpu(before);
  store<u64>(record, load<u64>(c, s.CPU_RIP), h.HVM_HW_CPU_RIP);
  store<u64>(record, load<u64>(c, s.CPU_CR0), h.HVM_HW_CPU_CR0);
  store<u64>(record, load<u64>(c, s.CPU_CR2), h.HVM_HW_CPU_CR2);
  store<u64>(record, load<u64>(c, s.CPU_CR3), h.HVM_HW_CPU_CR3);
  store<u64>(record, load<u64>(c, s.CPU_CR4), h.HVM_HW_CPU_CR4);
  for (let n: usize = 0; n < 4; n++) store<u64>(record + n * 8, load<u64>(c + s.CPU_DR + n * 8), h.HVM_HW_CPU_DR0);
  store<u64>(record, load<u64>(c, s.CPU_DR + 6 * 8), h.HVM_HW_CPU_DR6);
  store<u64>(record, load<u64>(c, s.CPU_DR + 7 * 8), h.HVM_HW_CPU_DR7);
  for (let place: u32 = 0; place < 8; place++) {
    const from = c + s.CPU_SEG + <usize>segmentAt(place) * s.SEG_SIZE;
    const attributes = <u32>load<u16>(from, s.SEG_ATTR);
    store<u32>(record + <usize>place * 4, load<u16>(from, s.SEG_SELECTOR), h.HVM_HW_CPU_CS_SEL);
    store<u64>(record + <usize>place * 8, load<u64>(from, s.SEG_BASE), h.HVM_HW_CPU_CS_BASE);
    store<u32>(record + <usize>place * 4, load<u32>(from, s.SEG_LIMIT), h.HVM_HW_CPU_CS_LIMIT);
    store<u32>(record + <usize>place * 4, attributes & UNUSABLE ? 0 : attributes, h.HVM_HW_CPU_CS_ARBYTES);
  }
  // Of an unusable SS only the privilege level counts.
  store<u32>(
    record,
    load<u32>(record, h.HVM_HW_CPU_SS_ARBYTES) | (load<u32>(c, s.CPU_CPL) << 5),
    h.HVM_HW_CPU_SS_ARBYTES,
  );
  store<u64>(record, load<u64>(c, s.CPU_IDTR_BASE), h.HVM_HW_CPU_IDTR_BASE);
  store<u32>(record, load<u32>(c, s.CPU_IDTR_LIMIT), h.HVM_HW_CPU_IDTR_LIMIT);
  store<u64>(record, load<u64>(c, s.CPU_GDTR_BASE), h.HVM_HW_CPU_GDTR_BASE);
  store<u32>(record, load<u32>(c, s.CPU_GDTR_LIMIT), h.HVM_HW_CPU_GDTR_LIMIT);
  store<u64>(record, load<u64>(c, s.CPU_SYSENTER_CS), h.HVM_HW_CPU_SYSENTER_CS);
  store<u64>(record, load<u64>(c, s.CPU_SYSENTER_ESP), h.HVM_HW_CPU_SYSENTER_ESP);
  store<u64>(record, load<u64>(c, s.CPU_SYSENTER_EIP), h.HVM_HW_CPU_SYSENTER_EIP);
  store<u64>(record, load<u64>(c, s.CPU_KERNEL_GS_BASE), h.HVM_HW_CPU_SHADOW_GS);
  store<u64>(record, load<u64>(c, s.CPU_LSTAR), h.HVM_HW_CPU_MSR_LSTAR);
  store<u64>(record, load<u64>(c, s.CPU_STAR), h.HVM_HW_CPU_MSR_STAR);
  store<u64>(record, load<u64>(c, s.CPU_CSTAR), h.HVM_HW_CPU_MSR_CSTAR);
  store<u64>(record, load<u64>(c, s.CPU_FMASK), h.HVM_HW_CPU_MSR_SYSCALL_MASK);
  store<u64>(record, load<u64>(c, s.CPU_EFER), h.HVM_HW_CPU_MSR_EFER);
  store<u64>(record, load<u32>(c, s.CPU_TSC_AUX), h.HVM_HW_CPU_MSR_TSC_AUX);
  store<u64>(record, tscAt(v.domain, now) + load<u64>(c, s.CPU_TSC_OFFSET), h.HVM_HW_CPU_TSC);
  store<u32>(record, h.XEN_X86_FPU_INITIALISED, h.HVM_HW_CPU_FLAGS);
  return record + h.HVM_HW_CPU_SIZE;
}
