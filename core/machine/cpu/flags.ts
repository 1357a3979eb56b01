/**
 * The six arithmetic flags are kept lazily, as what the last instruction that set them computed.
 * Values are stored shifted left so that their top bit is bit 63; the shift (0, 32, 48, 56) is in bits 8..15 of the kind. So for every kind ZF =
 * (result == 0), and for every kind except STORED, SF = bit 63 of the result. Carry and overflow compare whole u64s, whatever the operand size.
 */
import { FLAGS_ADD, FLAGS_DEC, FLAGS_INC, FLAGS_LOGIC, FLAGS_RESULT, FLAGS_STORED, FLAGS_SUB } from "./flag_kinds";
import { cpu } from "./machine";
import { CPU_FLAG_A, CPU_FLAG_B, CPU_FLAG_KIND, CPU_FLAG_RESULT, CPU_RFLAGS } from "./state";

export { FLAGS_ADD, FLAGS_DEC, FLAGS_INC, FLAGS_LOGIC, FLAGS_RESULT, FLAGS_STORED, FLAGS_SUB };

export const CF: u32 = 1;
export const PF: u32 = 4;
export const AF: u32 = 16;
export const ZF: u32 = 64;
export const SF: u32 = 128;
export const TF: u32 = 0x100;
export const IF: u32 = 0x200;
export const DF: u32 = 0x400;
export const OF: u32 = 0x800;
export const IOPL: u32 = 0x3000;
export const NT: u32 = 0x4000;
export const RF: u32 = 0x10000;
export const VM: u32 = 0x20000;
export const AC: u32 = 0x40000;
export const VIF: u32 = 0x80000;
export const VIP: u32 = 0x100000;
const ARITHMETIC: u32 = 0x8d5;

/** `kind` is FLAGS_*. The operands are not shifted and have `size` bytes; their upper bits are ignored. */
// @ts-ignore: decorator
@inline
export function setLazy(kind: u32, size: u32, result: u64, a: u64): void {
  const shift = 64 - (size << 3);
  store<u32>(cpu, kind | (shift << 8), CPU_FLAG_KIND);
  store<u64>(cpu, result << (<u64>shift), CPU_FLAG_RESULT);
  store<u64>(cpu, a << (<u64>shift), CPU_FLAG_A);
}

// @ts-ignore: decorator
@inline
export function setLogic(size: u32, result: u64): void {
  const shift = 64 - (size << 3);
  store<u32>(cpu, FLAGS_LOGIC | (shift << 8), CPU_FLAG_KIND);
  store<u64>(cpu, result << (<u64>shift), CPU_FLAG_RESULT);
}

/** Sets ZF, SF, PF from the result, and CF, AF, OF as given (EFLAGS bits). */
// @ts-ignore: decorator
@inline
export function setResult(size: u32, result: u64, bits: u32): void {
  const shift = 64 - (size << 3);
  store<u32>(cpu, FLAGS_RESULT | (shift << 8), CPU_FLAG_KIND);
  store<u64>(cpu, result << (<u64>shift), CPU_FLAG_RESULT);
  store<u64>(cpu, bits, CPU_FLAG_A);
}

/** Sets all six arithmetic flags from EFLAGS bits; other bits of `bits` are ignored. */
export function setFlags(bits: u32): void {
  store<u32>(cpu, FLAGS_STORED, CPU_FLAG_KIND);
  store<u64>(cpu, (bits & ZF) ^ ZF, CPU_FLAG_RESULT);
  store<u64>(cpu, bits & ARITHMETIC, CPU_FLAG_A);
}

/** Returns the six arithmetic flags as EFLAGS bits. */
export function getFlags(): u32 {
  const kind = load<u32>(cpu, CPU_FLAG_KIND);
  const r = load<u64>(cpu, CPU_FLAG_RESULT);
  const a = load<u64>(cpu, CPU_FLAG_A);
  let flags: u32 = r ? 0 : ZF;
  if (!(kind & 0xff)) return flags | ((<u32>a) & (ARITHMETIC & ~ZF));
  const shift = <u64>(kind >> 8);
  const low = r >> shift;
  flags |= (<u32>(r >> 63)) << 7;
  if (!(popcnt<u32>((<u32>low) & 0xff) & 1)) flags |= PF;
  switch (kind & 0xff) {
    case FLAGS_ADD: {
      const b = r - a;
      if (r < a) flags |= CF;
      if (((a ^ r) & (b ^ r)) >> 63) flags |= OF;
      if (((a ^ b ^ r) >> shift) & 16) flags |= AF;
      break;
    }
    case FLAGS_SUB: {
      const b = a - r;
      if (a < b) flags |= CF;
      if (((a ^ b) & (a ^ r)) >> 63) flags |= OF;
      if (((a ^ b ^ r) >> shift) & 16) flags |= AF;
      break;
    }
    case FLAGS_INC:
      flags |= <u32>load<u64>(cpu, CPU_FLAG_B);
      if (r == (<u64>1) << 63) flags |= OF;
      if (!(low & 15)) flags |= AF;
      break;
    case FLAGS_DEC:
      flags |= <u32>load<u64>(cpu, CPU_FLAG_B);
      if (low == ((<u64>1) << (63 - shift)) - 1) flags |= OF;
      if ((low & 15) == 15) flags |= AF;
      break;
    case FLAGS_RESULT:
      flags |= (<u32>a) & (CF | AF | OF);
      break;
    default:
      break;
  }
  return flags;
}

/** Returns CF, 0 or 1. */
export function getCarry(): u32 {
  const kind = load<u32>(cpu, CPU_FLAG_KIND) & 0xff;
  if (kind == FLAGS_LOGIC) return 0;
  const a = load<u64>(cpu, CPU_FLAG_A);
  const r = load<u64>(cpu, CPU_FLAG_RESULT);
  if (kind == FLAGS_SUB) return <u32>(a < a - r);
  if (kind == FLAGS_ADD) return <u32>(r < a);
  if (kind == FLAGS_INC || kind == FLAGS_DEC) return <u32>load<u64>(cpu, CPU_FLAG_B);
  return (<u32>a) & 1;
}

/** Changes the flags in `mask` to `bits`, and leaves the other arithmetic flags. */
export function changeFlags(mask: u32, bits: u32): void {
  setFlags((getFlags() & ~mask) | (bits & mask));
}

/** Returns RFLAGS as an instruction would push it (RF and VM included). */
export function getRflags(): u64 {
  return (load<u64>(cpu, CPU_RFLAGS) & ~(<u64>ARITHMETIC)) | getFlags() | 2;
}

/** Sets every bit of RFLAGS. */
export function setRflags(value: u64): void {
  setFlags(<u32>value);
  store<u64>(cpu, (value & 0x3f7fd5 & ~(<u64>ARITHMETIC)) | 2, CPU_RFLAGS);
}

/** Condition code 0..15 of Jcc, SETcc, CMOVcc. */
export function condition(code: u32): bool {
  const kind = load<u32>(cpu, CPU_FLAG_KIND) & 0xff;
  const r = load<u64>(cpu, CPU_FLAG_RESULT);
  let value = false;
  switch (code >> 1) {
    case 2:
      value = r == 0;
      break;
    case 1:
      value = getCarry() != 0;
      break;
    case 3:
      value = r == 0 || getCarry() != 0;
      break;
    case 4:
      value = kind ? r >> 63 != 0 : (load<u64>(cpu, CPU_FLAG_A) & SF) != 0;
      break;
    case 6:
    case 7: {
      if (kind == FLAGS_SUB) {
        const a = <i64>load<u64>(cpu, CPU_FLAG_A);
        value = a < a - <i64>r;
      } else if (kind == FLAGS_LOGIC) value = <i64>r < 0;
      else {
        const flags = getFlags();
        value = ((flags >> 7) & 1) != ((flags >> 11) & 1);
      }
      if (code >> 1 == 7) value = value || r == 0;
      break;
    }
    case 0:
      value = (getFlags() & OF) != 0;
      break;
    default:
      value = (getFlags() & PF) != 0;
      break;
  }
  return value != ((code & 1) != 0);
}
