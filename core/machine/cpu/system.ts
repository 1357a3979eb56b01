/** System instructions: what needs privilege, asks for it, or tells about the processor. */
import { OP_ID, OP_OPSIZE, OP_REG, OP_RM } from "./op";
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
import { VECTOR_GP, VECTOR_NP, VECTOR_UD, cpu, fault, hostNow, raise, refuse, setModeStale } from "./machine";
import { isCanonical } from "./paging/format";
import {
  CPU_CPL,
  CPU_CR0,
  CPU_CR2,
  CPU_CR3,
  CPU_CR4,
  CPU_DEPRIVILEGED,
  CPU_DR,
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
import { descriptorAddress, descriptorAttr, selectorOf, setNullSegment, setSegment, segmentSlot } from "./segment";
import { tlbFlushAddressSpace, tlbFlushAll, tlbFlushPage } from "./tlb";

/** Current TSC of the running vCPU: 1 GHz. */
function readTsc(): u64 {
  return <u64>hostNow() + load<u64>(cpu, CPU_TSC_OFFSET);
}

/** State of RDRAND's generator: xorshift64*, seeded by the clock. For guests' entropy pools, not for secrets of the host. */
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

/** CPL 0 of a vCPU that may be there: else the instruction is the hypervisor's. */
function privileged(): bool {
  if (!load<u32>(cpu, CPU_DEPRIVILEGED) && !load<u32>(cpu, CPU_CPL)) return true;
  refuse();
  return false;
}

function mayChangeInterrupts(): bool {
  return load<u32>(cpu, CPU_CPL) <= <u32>((load<u64>(cpu, CPU_RFLAGS) >> 12) & 3);
}

export function systemExecute(op: usize): void {
  const size = <u32>load<u8>(op, OP_OPSIZE);
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_POPF:
      popFlags(size);
      break;
    case I.ID_CLI:
      if (!mayChangeInterrupts()) refuse();
      else store<u64>(cpu, load<u64>(cpu, CPU_RFLAGS) & ~(<u64>IF), CPU_RFLAGS);
      break;
    case I.ID_STI:
      if (!mayChangeInterrupts()) {
        refuse();
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
      if (!(load<u64>(cpu, CPU_CR4) & (1 << 18))) raise(VECTOR_UD);
      else if (getReg32(1)) raise(VECTOR_GP);
      else {
        setReg32(0, load<u32>(cpu, CPU_XCR0));
        setReg32(2, load<u32>(cpu, CPU_XCR0 + 4));
      }
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
      storeShort(op, size, selectorOf(LDTR));
      break;
    case I.ID_STR:
      storeShort(op, size, selectorOf(TR));
      break;
    case I.ID_SMSW:
      storeShort(op, size, load<u64>(cpu, CPU_CR0));
      break;
    case I.ID_CLAC:
    case I.ID_STAC:
      if (!(load<u64>(cpu, CPU_CR4) & (1 << 21)) || load<u32>(cpu, CPU_CPL)) {
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
    case I.ID_CPUID:
    case I.ID_IN:
    case I.ID_OUT:
    case I.ID_RDMSR:
    case I.ID_WRMSR:
    case I.ID_RDPMC:
      // The platform's business in any mode.
      refuse();
      break;
    default:
      if (privileged()) privilegedExecute(op, size);
      break;
  }
}

function storeShort(op: usize, size: u32, value: u64): void {
  setRm(op, isMemory(op) ? 2 : size, value);
}

function popFlags(size: u32): void {
  const value = peekStack(size, 0);
  if (fault) return;
  const cpl = load<u32>(cpu, CPU_CPL);
  let mask: u64 = 0x3f7fd5 & ~(<u64>(VM | VIF | VIP | 0x10000));
  if (size == 2) mask &= 0xffff;
  if (cpl) mask &= ~(<u64>IOPL);
  if (!mayChangeInterrupts()) mask &= ~(<u64>IF);
  dropStack(size);
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
      store<u64>(cpu, load<u64>(cpu, CPU_CR0) & ~(<u64>8), CPU_CR0);
      break;
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
      const base = readSized(lin + 2, inLongMode() ? 8 : 4);
      if (fault) return;
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
      if (fault) return;
      const cr0 = load<u64>(cpu, CPU_CR0);
      store<u64>(cpu, (cr0 & ~(<u64>14)) | (value & 15) | (cr0 & 1), CPU_CR0);
      setModeStale(true);
      break;
    }
    case I.ID_MOV_FROM_CR:
      moveFromControl(reg, rm);
      break;
    case I.ID_MOV_TO_CR:
      moveToControl(reg, getReg64(rm));
      break;
    case I.ID_MOV_FROM_DR:
      setReg64(rm, load<u64>(cpu + <usize>debugIndex(reg) * 8, CPU_DR));
      break;
    case I.ID_MOV_TO_DR: {
      const value = getReg64(rm);
      const n = debugIndex(reg);
      if (n >= 6 && value >> 32) {
        raise(VECTOR_GP);
        return;
      }
      const fixed = n == 6 ? (value & 0xe00f) | 0xffff0ff0 : n == 7 ? (value & 0xffff2fff) | 0x400 : value;
      store<u64>(cpu + <usize>n * 8, fixed, CPU_DR);
      setModeStale(true);
      break;
    }
    case I.ID_SWAPGS: {
      const base = load<u64>(cpu, CPU_SEG + GS * SEG_SIZE + SEG_BASE);
      store<u64>(cpu, load<u64>(cpu, CPU_KERNEL_GS_BASE), CPU_SEG + GS * SEG_SIZE + SEG_BASE);
      store<u64>(cpu, base, CPU_KERNEL_GS_BASE);
      break;
    }
    case I.ID_XSETBV: {
      const value = (<u64>getReg32(0)) | ((<u64>getReg32(2)) << 32);
      if (getReg32(1) || (value != 1 && value != 3)) raise(VECTOR_GP);
      else store<u64>(cpu, value, CPU_XCR0);
      break;
    }
    default:
      raise(VECTOR_UD);
      break;
  }
}

/** DR4 and DR5 are DR6 and DR7. */
function debugIndex(n: u32): u32 {
  return n == 4 || n == 5 ? n + 2 : n;
}

function moveFromControl(n: u32, to: u32): void {
  const value =
    n == 0
      ? load<u64>(cpu, CPU_CR0)
      : n == 2
        ? load<u64>(cpu, CPU_CR2)
        : n == 3
          ? load<u64>(cpu, CPU_CR3)
          : n == 4
            ? load<u64>(cpu, CPU_CR4)
            : 0;
  setReg64(to, value);
}

/** Changes of paging mode itself (PG, PAE, LME) are not followed: #GP, as for a forbidden combination. */
function moveToControl(n: u32, value: u64): void {
  switch (n) {
    case 0: {
      const old = load<u64>(cpu, CPU_CR0);
      if (value >> 32 || (value ^ old) & 0x80000001) {
        raise(VECTOR_GP);
        return;
      }
      store<u64>(cpu, value | 0x10, CPU_CR0);
      tlbFlushAll();
      break;
    }
    case 2:
      store<u64>(cpu, value, CPU_CR2);
      break;
    case 3:
      if (value >> 52) {
        raise(VECTOR_GP);
        return;
      }
      store<u64>(cpu, value, CPU_CR3);
      tlbFlushAddressSpace(value);
      break;
    case 4: {
      const old = load<u64>(cpu, CPU_CR4);
      if (value & ~(<u64>0x3507ff) || (value ^ old) & 0x20) {
        raise(VECTOR_GP);
        return;
      }
      store<u64>(cpu, value, CPU_CR4);
      tlbFlushAll();
      break;
    }
    default:
      // CR8: no local APIC here that the engine knows of.
      if (value >> 4) raise(VECTOR_GP);
      break;
  }
  setModeStale(true);
}

/** LLDT and LTR; descriptors are 16 bytes in 64-bit mode. */
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
  const high = inLongMode() ? readSystem(at + 8, 8) : 0;
  if (fault) return;
  const attr = descriptorAttr(d);
  if ((attr & 0x1f) != (n == TR ? 9 : 2)) {
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
