/** System instructions: those that need privilege, ask for it, or tell about the processor. */
import { OP_FORM, OP_ID, OP_IMM, OP_OPSIZE, OP_PREFIX, OP_REG, OP_RM, PREFIX_66, PREFIX_REP, PREFIX_REPNE } from "./op";
import * as I from "./ids";
import {
  effectiveAddress,
  getReg32,
  getReg64,
  probeRead,
  probeWrite,
  readSized,
  readSystem,
  setReg32,
  setReg64,
  writeSized,
  writeSystem,
} from "./access";
import { CR4_OSXSAVE } from "./control_bits";
import {
  clearTaskSwitched,
  readControlRegister,
  readDebugRegister,
  writeControlRegister,
  writeDebugRegister,
  writeMachineStatus,
} from "./control_registers";
import {
  VECTOR_GP,
  VECTOR_NP,
  VECTOR_UD,
  callHypervisor,
  cpu,
  fault,
  hostNow,
  intercept,
  raise,
  refuse,
  setModeStale,
} from "./machine";
import { hasMsr, readMsr, writeMsr } from "./msr";
import { isCanonical } from "./paging/format";
import {
  CPU_CPL,
  CPU_CR0,
  CPU_CR4,
  CPU_DEPRIVILEGED,
  CPU_GPR,
  CPU_GDTR_BASE,
  CPU_GDTR_LIMIT,
  CPU_IDTR_BASE,
  CPU_IDTR_LIMIT,
  CPU_KERNEL_GS_BASE,
  CPU_RFLAGS,
  CPU_SEG,
  CPU_SHADOW,
  SHADOW_STI,
  CPU_TSC_AUX,
  CPU_TSC_OFFSET,
  CPU_XCR0,
  FS,
  GS,
  LDTR,
  SEG_ATTR,
  SEG_BASE,
  SEG_SIZE,
  TR,
  CPU_ZERO,
} from "./state";
import { AC, CF, IF, IOPL, VIF, VIP, VM, getRflags, setFlags, setRflags } from "./flags";
import { getRm, inLongMode, isMemory, readRegister, setRm, writeRegister } from "./operands";
import { dropStack, peekStack } from "./stack";
import { stateInUse } from "./sse/xsave";
import { isXcr0, setXcr0 } from "./xcr0";
import { descriptorAddress, descriptorAttr, selectorOf, setNullSegment, setSegment, segmentSlot } from "./segment";
import { hasDescriptors, hasIoPrivilege, inVirtual8086, isLongModeActive, portsAllowed } from "./protection";
import { tlbFlushAll, tlbFlushPage } from "./tlb";
import {
  clearVirtualIf,
  hasVirtualFlags,
  hasVirtualIf,
  loadVirtualFlags,
  mayLoadVirtualFlags,
  setVirtualIf,
} from "./virtual_flags";

const DX: usize = CPU_GPR + 2 * 8;

/** Returns the current TSC of the running vCPU, at 1 GHz. */
function readTsc(): u64 {
  return <u64>hostNow() + load<u64>(cpu, CPU_TSC_OFFSET);
}

/** State of RDRAND's generator: xorshift64*, seeded by the clock. It is for guests' entropy pools and not for secrets of the host. */
let randomState: u64 = 0;
function random(): u64 {
  if (!randomState) randomState = reinterpret<u64>(hostNow()) | 1;
  randomState ^= (<u64>hostNow()) << 17;
  if (!randomState) randomState = 1;
  randomState ^= randomState >> 12;
  randomState ^= randomState << 25;
  randomState ^= randomState >> 27;
  return randomState * 0x2545f4914f6cdd1d;
}

/** Returns true at CPL 0 of a vCPU that owns its privileged state. Otherwise refuses the instruction and returns false. */
function privileged(): bool {
  if (!load<u32>(cpu, CPU_DEPRIVILEGED) && !load<u32>(cpu, CPU_CPL)) return true;
  refuse();
  return false;
}

export function systemExecute(op: usize): void {
  const size = <u32>load<u8>(op, OP_OPSIZE);
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_POPF:
      popFlags(size);
      break;
    case I.ID_CLI:
      if (hasIoPrivilege()) store<u64>(cpu, load<u64>(cpu, CPU_RFLAGS) & ~(<u64>IF), CPU_RFLAGS);
      else if (hasVirtualIf()) clearVirtualIf();
      else refuse();
      break;
    case I.ID_STI:
      if (!hasIoPrivilege()) {
        if (hasVirtualIf()) setVirtualIf();
        else refuse();
        return;
      }
      if (!(load<u64>(cpu, CPU_RFLAGS) & IF)) store<u32>(cpu, SHADOW_STI, CPU_SHADOW);
      store<u64>(cpu, load<u64>(cpu, CPU_RFLAGS) | IF, CPU_RFLAGS);
      break;
    case I.ID_RDTSC:
    case I.ID_RDTSCP: {
      if (load<u64>(cpu, CPU_CR4) & 4 && load<u32>(cpu, CPU_CPL)) {
        refuse();
        return;
      }
      const tsc = readTsc();
      setReg32(0, <u32>tsc);
      setReg32(2, <u32>(tsc >> 32));
      if (load<u16>(op, OP_ID) == I.ID_RDTSCP) setReg32(1, load<u32>(cpu, CPU_TSC_AUX));
      break;
    }
    case I.ID_RDPID:
      setReg64(load<u8>(op, OP_RM), load<u32>(cpu, CPU_TSC_AUX));
      break;
    case I.ID_RDRAND:
    case I.ID_RDSEED:
      writeRegister(load<u8>(op, OP_RM), 0, size, random());
      setFlags(CF);
      break;
    case I.ID_XGETBV:
      readExtendedControl(op);
      break;
    case I.ID_RDFSBASE:
    case I.ID_RDGSBASE:
    case I.ID_WRFSBASE:
    case I.ID_WRGSBASE:
      segmentBase(op, size);
      break;
    case I.ID_MFENCE:
      // Any atomic operation orders what is before and after it (and AssemblyScript's atomic.fence() does not validate).
      atomic.or<u32>(cpu + CPU_ZERO, 0);
      break;
    case I.ID_CLFLUSH:
      probeRead(effectiveAddress(op), 1);
      break;
    case I.ID_SGDT:
    case I.ID_SIDT: {
      const lin = effectiveAddress(op);
      const width: u32 = inLongMode() ? 8 : 4;
      probeWrite(lin, 2 + width);
      if (fault) return;
      const global = load<u16>(op, OP_ID) == I.ID_SGDT;
      writeSized(lin, 2, load<u32>(cpu + (global ? CPU_GDTR_LIMIT : CPU_IDTR_LIMIT)));
      writeSized(lin + 2, width, load<u64>(cpu + (global ? CPU_GDTR_BASE : CPU_IDTR_BASE)));
      break;
    }
    case I.ID_SLDT:
      if (!named()) return;
      storeShort(op, size, selectorOf(LDTR));
      break;
    case I.ID_STR:
      if (!named()) return;
      storeShort(op, size, selectorOf(TR));
      break;
    case I.ID_SMSW:
      storeShort(op, size, load<u64>(cpu, CPU_CR0));
      break;
    case I.ID_CLAC:
    case I.ID_STAC:
      // They need SMAP in CPUID but not in CR4: Xen executes them with it switched off while it builds a domain.
      if (load<u32>(cpu, CPU_CPL)) {
        raise(VECTOR_UD);
        return;
      }
      setRflags(load<u16>(op, OP_ID) == I.ID_STAC ? getRflags() | AC : getRflags() & ~(<u64>AC));
      setModeStale(true);
      break;
    case I.ID_VMX:
    case I.ID_MONITOR:
    case I.ID_MWAIT:
      raise(VECTOR_UD);
      break;
    case I.ID_VMCALL:
      if (load<u32>(cpu, CPU_DEPRIVILEGED)) raise(VECTOR_UD);
      else callHypervisor();
      break;
    case I.ID_CPUID:
      // This belongs to the platform in every mode.
      intercept();
      break;
    case I.ID_IN:
    case I.ID_OUT:
      if (load<u32>(cpu, CPU_DEPRIVILEGED) || portsAllowed(portOf(op), size)) intercept();
      else raise(VECTOR_GP);
      break;
    case I.ID_RDPMC:
      if (load<u32>(cpu, CPU_CPL) && !(load<u64>(cpu, CPU_CR4) & (1 << 8))) refuse();
      else intercept();
      break;
    case I.ID_LLDT:
    case I.ID_LTR:
      if (named() && privileged()) privilegedExecute(op, size);
      break;
    default:
      if (privileged()) privilegedExecute(op, size);
      break;
  }
}

/** Instructions about named segments are undefined in modes where selectors name no descriptors. */
function named(): bool {
  if (!hasDescriptors()) raise(VECTOR_UD);
  return !fault;
}

function portOf(op: usize): u32 {
  return load<u8>(op, OP_FORM) == I.FORM_RM_IMM ? load<u8>(op, OP_IMM) : <u32>load<u16>(cpu + DX);
}

function storeShort(op: usize, size: u32, value: u64): void {
  setRm(op, isMemory(op) ? 2 : size, value);
}

function popFlags(size: u32): void {
  const virtual = inVirtual8086() && !hasIoPrivilege();
  if (virtual && !hasVirtualFlags(size)) {
    raise(VECTOR_GP);
    return;
  }
  const value = peekStack(size, 0);
  if (fault || (virtual && !mayLoadVirtualFlags(value))) return;
  const cpl = load<u32>(cpu, CPU_CPL);
  let mask: u64 = 0x3f7fd5 & ~(<u64>(VM | VIF | VIP | 0x10000));
  if (size == 2) mask &= 0xffff;
  if (cpl) mask &= ~(<u64>IOPL);
  if (!hasIoPrivilege()) mask &= ~(<u64>IF);
  dropStack(size);
  if (virtual) {
    loadVirtualFlags(value, mask);
    return;
  }
  // POPF clears RF.
  setRflags((getRflags() & ~mask & ~(<u64>0x10000)) | (value & mask));
  setModeStale(true);
}

/** RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE. */
function segmentBase(op: usize, size: u32): void {
  if (!(load<u64>(cpu, CPU_CR4) & (1 << 16))) {
    raise(VECTOR_UD);
    return;
  }
  const id = load<u16>(op, OP_ID);
  const slot = segmentSlot(id == I.ID_RDFSBASE || id == I.ID_WRFSBASE ? FS : GS);
  const rm = load<u8>(op, OP_RM);
  if (id == I.ID_RDFSBASE || id == I.ID_RDGSBASE) {
    writeRegister(rm, 0, size, load<u64>(slot, SEG_BASE));
    return;
  }
  const value = readRegister(rm, 0, size);
  if (!isCanonical(value)) raise(VECTOR_GP);
  else store<u64>(slot, value, SEG_BASE);
}

function privilegedExecute(op: usize, size: u32): void {
  const reg = <u32>load<u8>(op, OP_REG);
  const rm = <u32>load<u8>(op, OP_RM);
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_CLTS:
      clearTaskSwitched();
      break;
    case I.ID_RDMSR: {
      const number = getReg32(1);
      if (!hasMsr(number)) {
        intercept();
        return;
      }
      const value = readMsr(number);
      setReg32(0, <u32>value);
      setReg32(2, <u32>(value >> 32));
      break;
    }
    case I.ID_WRMSR: {
      const number = getReg32(1);
      if (!hasMsr(number)) intercept();
      else if (!writeMsr(number, edxEax())) raise(VECTOR_GP);
      break;
    }
    case I.ID_INVD:
    case I.ID_WBINVD:
      break;
    case I.ID_INVLPG:
      tlbFlushPage(effectiveAddress(op));
      break;
    case I.ID_INVPCID:
      tlbFlushAll();
      break;
    case I.ID_LGDT:
    case I.ID_LIDT: {
      const lin = effectiveAddress(op);
      const limit = <u32>readSized(lin, 2);
      let base = readSized(lin + 2, inLongMode() ? 8 : 4);
      if (fault) return;
      if (size == 2 && !inLongMode()) base &= 0xffffff;
      if (!isCanonical(base)) {
        raise(VECTOR_GP);
        return;
      }
      const global = load<u16>(op, OP_ID) == I.ID_LGDT;
      store<u64>(cpu + (global ? CPU_GDTR_BASE : CPU_IDTR_BASE), base);
      store<u32>(cpu + (global ? CPU_GDTR_LIMIT : CPU_IDTR_LIMIT), limit);
      break;
    }
    case I.ID_LLDT:
    case I.ID_LTR: {
      const selector = <u32>getRm(op, 2);
      if (!fault) loadSystemSegment(load<u16>(op, OP_ID) == I.ID_LLDT ? LDTR : TR, selector);
      break;
    }
    case I.ID_LMSW: {
      const value = getRm(op, 2);
      if (!fault) writeMachineStatus(value);
      break;
    }
    case I.ID_MOV_FROM_CR: {
      const value = readControlRegister(reg);
      if (!fault) setSystemRegister(rm, value);
      break;
    }
    case I.ID_MOV_TO_CR:
      writeControlRegister(reg, systemRegister(rm));
      break;
    case I.ID_MOV_FROM_DR: {
      const value = readDebugRegister(reg);
      if (!fault) setSystemRegister(rm, value);
      break;
    }
    case I.ID_MOV_TO_DR:
      writeDebugRegister(reg, systemRegister(rm));
      break;
    case I.ID_SWAPGS: {
      const base = load<u64>(cpu, CPU_SEG + GS * SEG_SIZE + SEG_BASE);
      store<u64>(cpu, load<u64>(cpu, CPU_KERNEL_GS_BASE), CPU_SEG + GS * SEG_SIZE + SEG_BASE);
      store<u64>(cpu, base, CPU_KERNEL_GS_BASE);
      break;
    }
    case I.ID_XSETBV: {
      const value = edxEax();
      if (!hasExtendedControl(op)) raise(VECTOR_UD);
      else if (getReg32(1) || !isXcr0(value)) raise(VECTOR_GP);
      else setXcr0(value);
      break;
    }
    default:
      raise(VECTOR_UD);
      break;
  }
}

/** XGETBV and XSETBV exist with CR4.OSXSAVE, and without a prefix. */
function hasExtendedControl(op: usize): bool {
  return (
    (load<u64>(cpu, CPU_CR4) & CR4_OSXSAVE) != 0 && !(load<u8>(op, OP_PREFIX) & (PREFIX_66 | PREFIX_REP | PREFIX_REPNE))
  );
}

/** XGETBV: XCR0, and with ECX = 1 those of its components that are not in their initial configuration. */
function readExtendedControl(op: usize): void {
  const index = getReg32(1);
  if (!hasExtendedControl(op)) raise(VECTOR_UD);
  else if (index > 1) raise(VECTOR_GP);
  else {
    const value = load<u64>(cpu, CPU_XCR0) & (index ? stateInUse() : ~(<u64>0));
    setReg32(0, <u32>value);
    setReg32(2, <u32>(value >> 32));
  }
}

function edxEax(): u64 {
  return (<u64>getReg32(0)) | ((<u64>getReg32(2)) << 32);
}

/** Control and debug registers are moved with the width of the code. */
function systemRegister(n: u32): u64 {
  return inLongMode() ? getReg64(n) : getReg32(n);
}
function setSystemRegister(n: u32, value: u64): void {
  if (inLongMode()) setReg64(n, value);
  else setReg32(n, <u32>value);
}

/** LLDT and LTR; their descriptors have 16 bytes in long mode. */
function loadSystemSegment(n: i32, selector: u32): void {
  if (!(selector & 0xfffc)) {
    if (n == TR) raise(VECTOR_GP, 0);
    else setNullSegment(n, selector);
    return;
  }
  const error = selector & 0xfffc;
  if (selector & 4) {
    raise(VECTOR_GP, error);
    return;
  }
  const at = descriptorAddress(selector, VECTOR_GP);
  if (fault) return;
  const d = readSystem(at, 8);
  const long = isLongModeActive();
  const high = long ? readSystem(at + 8, 8) : 0;
  if (fault) return;
  const attr = descriptorAttr(d);
  const kind = attr & 0x1f;
  // The TSS must be available; long mode has none of 16 bits.
  if (n == TR ? kind != 9 && (long || kind != 1) : kind != 2) {
    raise(VECTOR_GP, error);
    return;
  }
  if (!(attr & 0x80)) {
    raise(VECTOR_NP, error);
    return;
  }
  if (n == TR) {
    writeSystem(at + 5, 1, (d >> 40) | 2);
    if (fault) return;
  }
  setSegment(n, selector, d);
  const slot = segmentSlot(n);
  store<u64>(slot, load<u64>(slot, SEG_BASE) | (high << 32), SEG_BASE);
  if (n == TR) store<u16>(slot, <u16>(attr | 2), SEG_ATTR);
}
