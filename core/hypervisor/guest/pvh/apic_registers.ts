/** How a guest reads and writes its local APIC: by the page at APIC_PAGE, or by the MSRs of x2APIC mode. IA32_APIC_BASE chooses between them. */
import { VCPU_INFO_EVTCHN_UPCALL_PENDING } from "../../../abi/xen";
import { Vcpu } from "../../domain/domain";
import {
  APIC_BASE_BSP,
  APIC_BASE_ENABLE,
  APIC_BASE_X2APIC,
  APIC_PAGE,
  endOfInterrupt,
  isX2apic,
  priority,
  raiseVector,
  register,
  setRegister,
} from "./apic";
import { sendIpi } from "./apic_ipi";
import { resetApic, setIds } from "./apic_reset";
import { currentCount, writeDivide, writeInitialCount, writeTimerEntry } from "./apic_timer";
import {
  APIC_ID,
  APIC_VERSION,
  APIC_TPR,
  APIC_PPR,
  APIC_EOI,
  APIC_LDR,
  APIC_DFR,
  APIC_SVR,
  APIC_ISR,
  APIC_IRR,
  APIC_ESR,
  APIC_ICR,
  APIC_ICR_HIGH,
  APIC_LVT_CMCI,
  APIC_LVT_TIMER,
  APIC_LVT_ERROR,
  APIC_TIMER_INITIAL,
  APIC_TIMER_CURRENT,
  APIC_TIMER_DIVIDE,
  APIC_SELF_IPI,
  LVT_MASKED,
  SVR_ENABLED,
  ERROR_REGISTER,
} from "./apic_offsets";
import { apicRegister, hvm } from "./state";

/** Writes IA32_APIC_BASE. Returns false (#GP) for a transition that is not allowed, or a page elsewhere. */
export function writeApicBase(v: Vcpu, value: u64): bool {
  const h = hvm(v);
  const mode = value & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
  const before = h.apicBase & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
  if ((value & ~(APIC_BASE_ENABLE | APIC_BASE_X2APIC | APIC_BASE_BSP)) != APIC_PAGE) return false;
  if (mode == APIC_BASE_X2APIC) return false;
  // x2APIC mode can only be left by switching the APIC off, and can't be entered at once from there.
  if (before == (APIC_BASE_ENABLE | APIC_BASE_X2APIC) && mode == APIC_BASE_ENABLE) return false;
  if (!before && mode == (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) return false;
  h.apicBase = value;
  if (before && !mode) resetApic(v);
  setIds(v);
  return true;
}

function isReadable(offset: u32): bool {
  switch (offset) {
    case APIC_ID:
    case APIC_VERSION:
    case APIC_TPR:
    case APIC_PPR:
    case APIC_LDR:
    case APIC_DFR:
    case APIC_SVR:
    case APIC_ESR:
    case APIC_ICR:
    case APIC_ICR_HIGH:
    case APIC_LVT_CMCI:
    case APIC_TIMER_INITIAL:
    case APIC_TIMER_CURRENT:
    case APIC_TIMER_DIVIDE:
      return true;
    default:
      return (offset >= APIC_ISR && offset < APIC_ESR) || (offset >= APIC_LVT_TIMER && offset <= APIC_LVT_ERROR);
  }
}

/** Returns the value of the register at `offset`, a multiple of 16. */
function readRegister(v: Vcpu, offset: u32): u32 {
  if (offset == APIC_PPR) return priority(v);
  if (offset == APIC_TIMER_CURRENT) return currentCount(v);
  return offset >= APIC_IRR && offset < APIC_ESR ? atomic.load<u32>(apicRegister(v, offset)) : register(v, offset);
}

/** Reads `size` bytes at `offset` of the page. Registers are 4 bytes, 16 apart. */
export function readApicPage(v: Vcpu, offset: u32, size: u32): u64 {
  if (offset >= 0x400 || !isReadable(offset & 0xff0) || (offset & 15) + size > 4) {
    hvm(v).apicErrors |= ERROR_REGISTER;
    return 0;
  }
  return readRegister(v, offset & 0xff0) >> ((offset & 3) * 8);
}
/** Registers can only be written whole; other writes are lost. */
export function writeApicPage(v: Vcpu, offset: u32, size: u32, value: u64): void {
  if (offset >= 0x400 || offset & 15 || size != 4) {
    hvm(v).apicErrors |= ERROR_REGISTER;
    return;
  }
  if (offset == APIC_ID) setRegister(v, APIC_ID, (<u32>value) & 0xff000000);
  else if (offset == APIC_LDR) setRegister(v, APIC_LDR, (<u32>value) & 0xff000000);
  else if (offset == APIC_DFR) setRegister(v, APIC_DFR, (<u32>value) | 0x0fffffff);
  else if (offset == APIC_ICR_HIGH) setRegister(v, APIC_ICR_HIGH, (<u32>value) & 0xff000000);
  else if (offset == APIC_ICR) {
    setRegister(v, APIC_ICR, (<u32>value) & ~(<u32>0x1000));
    sendIpi(v, <u32>value, register(v, APIC_ICR_HIGH) >> 24);
  } else if (!writeCommon(v, offset, <u32>value)) hvm(v).apicErrors |= ERROR_REGISTER;
}

/** Writes a register that is the same in both modes. Returns false if `offset` is none of them. */
function writeCommon(v: Vcpu, offset: u32, value: u32): bool {
  switch (offset) {
    case APIC_TPR:
      setRegister(v, APIC_TPR, value & 0xff);
      return true;
    case APIC_EOI:
      endOfInterrupt(v);
      return true;
    case APIC_SVR:
      setRegister(v, APIC_SVR, value & 0x1ff);
      if (!(value & SVR_ENABLED))
        for (let at = APIC_LVT_TIMER; at <= APIC_LVT_ERROR; at += 16) setRegister(v, at, register(v, at) | LVT_MASKED);
      else raisePendingUpcall(v);
      return true;
    case APIC_ESR:
      setRegister(v, APIC_ESR, hvm(v).apicErrors);
      hvm(v).apicErrors = 0;
      return true;
    case APIC_TIMER_INITIAL:
      writeInitialCount(v, value);
      return true;
    case APIC_TIMER_DIVIDE:
      writeDivide(v, value);
      return true;
    default:
      if (offset != APIC_LVT_CMCI && (offset < APIC_LVT_TIMER || offset > APIC_LVT_ERROR)) return false;
      value = (value & lvtBits(offset)) | (register(v, APIC_SVR) & SVR_ENABLED ? 0 : LVT_MASKED);
      if (offset == APIC_LVT_TIMER) writeTimerEntry(v, value);
      else setRegister(v, offset, value);
      return true;
  }
}

/**
 * An INIT clears the request of an event that came before it. The event is still pending, so no later event would raise the vector. Therefore it is
 * raised again when the APIC is switched on, as Xen does it.
 */
function raisePendingUpcall(v: Vcpu): void {
  const vector = hvm(v).upcallVector;
  if (vector && v.vcpuInfo && load<u8>(v.vcpuInfo, VCPU_INFO_EVTCHN_UPCALL_PENDING)) raiseVector(v, vector);
}

/** Returns the bits that can be written in an entry of the local vector table. */
export function lvtBits(offset: u32): u32 {
  if (offset == APIC_LVT_TIMER) return 0x700ff;
  if (offset == APIC_LVT_ERROR) return 0x100ff;
  // LINT0 and LINT1 also have polarity and trigger mode.
  return offset >= 0x350 ? 0x1a7ff : 0x107ff;
}

/** The value read by the last readApicMsr() that returned true. */
export let apicValue: u64 = 0;

/** x2APIC: MSR 0x800 + `number` is the register at number * 16. Returns false for #GP. */
export function readApicMsr(v: Vcpu, number: u32): bool {
  const offset = number << 4;
  if (!isX2apic(v) || offset >= 0x400 || !isReadable(offset) || offset == APIC_DFR || offset == APIC_ICR_HIGH)
    return false;
  apicValue = readRegister(v, offset);
  if (offset == APIC_ICR) apicValue |= (<u64>register(v, APIC_ICR_HIGH)) << 32;
  return true;
}
export function writeApicMsr(v: Vcpu, number: u32, value: u64): bool {
  const offset = number << 4;
  if (!isX2apic(v)) return false;
  if (offset == APIC_ICR) {
    setRegister(v, APIC_ICR, (<u32>value) & ~(<u32>0x1000));
    setRegister(v, APIC_ICR_HIGH, <u32>(value >> 32));
    sendIpi(v, <u32>value, <u32>(value >> 32));
    return true;
  }
  if (value >> 32) return false;
  if (offset == APIC_SELF_IPI) {
    if (value & ~(<u64>0xff)) return false;
    sendIpi(v, (<u32>value) | (1 << 18), 0);
    return true;
  }
  if ((offset == APIC_EOI || offset == APIC_ESR) && value) return false;
  return writeCommon(v, offset, <u32>value);
}
