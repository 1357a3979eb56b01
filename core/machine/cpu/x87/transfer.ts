/** Loads, stores, constants, exchanges and the stack's own instructions. SDM volume 1, 8.3.2 to 8.3.4. */
import { FPR_SIGN_EXPONENT } from "../state";
import { fault } from "../machine";
import { effectiveAddress, offsetAddress, probeWrite, read16, read32, read64 } from "../access";
import { write16, write32, write64, writeSized } from "../access";
import { condition } from "../flags";
import { C1, IE, INDEFINITE_SE, INDEFINITE_SIG, SF } from "./status";
import {
  begin,
  blocked,
  control,
  end,
  isEmpty,
  keep,
  overflowed,
  pop,
  push,
  raised,
  setOperandOffset,
  setResult80,
  setSt,
  setTag,
  setTop,
  st,
  top,
  underflowed,
} from "./status";
import { allowStore, storePrevented } from "./number";
import {
  decimalHigh,
  fromDecimal,
  fromDouble,
  fromInteger,
  fromSingle,
  loadOperand,
  operandSe,
  operandSig,
} from "./memory";
import { toDecimal, toFloat, toInteger } from "./memory";

/** Kinds of memory operands. */
export const SINGLE: u32 = 0;
export const DOUBLE: u32 = 1;
export const EXTENDED: u32 = 2;
export const INT16: u32 = 3;
export const INT32: u32 = 4;
export const INT64: u32 = 5;
export const DECIMAL: u32 = 6;

/** Reads a memory operand into the operand of memory.ts; EXTENDED and DECIMAL have their own loads. Returns false if it has raised. */
export function readOperand(op: usize, kind: u32): bool {
  setOperandOffset(offsetAddress(op));
  const lin = effectiveAddress(op);
  if (fault) return false;
  if (kind == SINGLE) fromSingle(read32(lin));
  else if (kind == DOUBLE) fromDouble(read64(lin));
  else if (kind == INT16) fromInteger(<i64>(<i16>read16(lin)));
  else if (kind == INT32) fromInteger(<i64>(<i32>read32(lin)));
  else if (kind == INT64) fromInteger(<i64>read64(lin));
  return !fault;
}

/** Ends a push of the result; if the register is not empty, that is a stack overflow. */
function pushResult(): void {
  if (!isEmpty(7)) overflowed();
  // A denormal of a memory format is loaded even if DE is not masked.
  if (!(raised & ~control & IE)) push();
  end();
}

/** FLD m, FILD, FBLD. */
export function loadMemory(op: usize, kind: u32): void {
  if (!begin(op)) return;
  if (kind == EXTENDED || kind == DECIMAL) {
    setOperandOffset(offsetAddress(op));
    const lin = effectiveAddress(op);
    const low = read64(lin);
    const high = read16(lin + 8);
    if (fault) return;
    if (kind == EXTENDED) setResult80(high, low);
    else {
      fromDecimal(low, high);
      setResult80(operandSe, operandSig);
    }
  } else {
    if (!readOperand(op, kind)) return;
    if (isEmpty(7)) loadOperand();
  }
  pushResult();
}

/** FST, FSTP, FIST, FISTP, FISTTP, FBSTP to memory. */
export function storeMemory(op: usize, kind: u32, pops: bool, truncate: bool): void {
  if (!begin(op)) return;
  setOperandOffset(offsetAddress(op));
  const lin = effectiveAddress(op);
  if (fault) return;
  allowStore();
  let se = <u32>load<u16>(st(0), FPR_SIGN_EXPONENT);
  let sig = load<u64>(st(0));
  if (isEmpty(0)) {
    underflowed();
    se = INDEFINITE_SE;
    sig = INDEFINITE_SIG;
  }
  let low: u64 = sig;
  let high: u32 = se;
  let size: u32 = 8;
  if (kind == SINGLE || kind == DOUBLE) {
    size = kind == SINGLE ? 4 : 8;
    low = toFloat(se, sig, kind == SINGLE);
  } else if (kind == DECIMAL) {
    low = toDecimal(se, sig);
    high = decimalHigh;
  } else if (kind != EXTENDED) {
    size = kind == INT16 ? 2 : kind == INT32 ? 4 : 8;
    low = toInteger(se, sig, size, truncate);
  }
  const stores = !blocked() && !storePrevented;
  // If nothing is stored, memory is not accessed at all.
  if (stores) {
    if (kind == EXTENDED || kind == DECIMAL) {
      probeWrite(lin, 10);
      if (fault) return;
      write64(lin, low);
      write16(lin + 8, high);
    } else if (size == 8) write64(lin, low);
    else if (size == 4) write32(lin, <u32>low);
    else writeSized(lin, size, low);
    if (fault) return;
  }
  if (stores && pops) pop();
  end();
}

/** FLD ST(i). */
export function loadRegister(op: usize, i: u32): void {
  if (!begin(op)) return;
  if (isEmpty(i)) underflowed();
  else if (!isEmpty(7)) overflowed();
  else setResult80(load<u16>(st(i), FPR_SIGN_EXPONENT), load<u64>(st(i)));
  if (!blocked()) push();
  end();
}
/** FST ST(i), FSTP ST(i). */
export function storeRegister(op: usize, i: u32, pops: bool): void {
  if (!begin(op)) return;
  if (isEmpty(0)) underflowed();
  else setResult80(load<u16>(st(0), FPR_SIGN_EXPONENT), load<u64>(st(0)));
  if (!blocked()) {
    keep(i);
    if (pops) pop();
  }
  end();
}
/** D9 D8..DF: as FSTP ST(i), but an empty ST(0) is only popped. This is not in the manual; it was seen on silicon. */
export function moveRegister(op: usize, i: u32): void {
  if (!begin(op)) return;
  if (!isEmpty(0)) setSt(i, load<u16>(st(0), FPR_SIGN_EXPONENT), load<u64>(st(0)));
  pop();
  end();
}
export function exchange(op: usize, i: u32): void {
  if (!begin(op)) return;
  const emptyA = isEmpty(0);
  const emptyB = isEmpty(i);
  let seA = <u32>load<u16>(st(0), FPR_SIGN_EXPONENT);
  let a = load<u64>(st(0));
  let seB = <u32>load<u16>(st(i), FPR_SIGN_EXPONENT);
  let b = load<u64>(st(i));
  if (emptyA || emptyB) {
    underflowed();
    if (emptyA) {
      seA = INDEFINITE_SE;
      a = INDEFINITE_SIG;
    }
    if (emptyB) {
      seB = INDEFINITE_SE;
      b = INDEFINITE_SIG;
    }
  }
  if (!blocked()) {
    setSt(0, seB, b);
    setSt(i, seA, a);
  }
  end();
}
/** FCMOVcc: `code` is that of Jcc. */
export function conditionalMove(op: usize, i: u32, code: u32): void {
  if (!begin(op)) return;
  if (isEmpty(0) || isEmpty(i)) {
    underflowed();
    if (!blocked()) keep(0);
  } else if (condition(code)) setSt(0, load<u16>(st(i), FPR_SIGN_EXPONENT), load<u64>(st(i)));
  end(raised & SF ? C1 : 0);
}

/** FCHS, FABS: the sign of ST(0) becomes (sign & keepMask) ^ flip. */
export function changeSign(op: usize, keepMask: u32, flip: u32): void {
  if (!begin(op)) return;
  if (isEmpty(0)) {
    underflowed();
    if (!blocked()) keep(0);
  } else store<u16>(st(0), <u16>(((<u32>load<u16>(st(0), FPR_SIGN_EXPONENT)) & keepMask) ^ flip), FPR_SIGN_EXPONENT);
  end();
}

/** FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ, in this order; rounded from more bits according to RC (SDM FLD1: 66 bits). */
export function loadConstant(op: usize, n: u32, down: bool, up: bool): void {
  if (!begin(op)) return;
  switch (n) {
    case 0:
      setResult80(0x3fff, 0x8000000000000000);
      break;
    case 1:
      setResult80(0x4000, up ? 0xd49a784bcd1b8aff : 0xd49a784bcd1b8afe);
      break;
    case 2:
      setResult80(0x3fff, down ? 0xb8aa3b295c17f0bb : 0xb8aa3b295c17f0bc);
      break;
    case 3:
      setResult80(0x4000, down ? 0xc90fdaa22168c234 : 0xc90fdaa22168c235);
      break;
    case 4:
      setResult80(0x3ffd, down ? 0x9a209a84fbcff798 : 0x9a209a84fbcff799);
      break;
    case 5:
      setResult80(0x3ffe, down ? 0xb17217f7d1cf79ab : 0xb17217f7d1cf79ac);
      break;
    default:
      setResult80(0, 0);
  }
  pushResult();
}

/** FINCSTP, FDECSTP. */
export function moveTop(op: usize, by: u32): void {
  if (!begin(op)) return;
  setTop(top() + by);
  end();
}
/** FFREE, and FFREEP, which also pops (not in the manual, like the other aliases in the map). */
export function freeRegister(op: usize, i: u32, pops: bool): void {
  if (!begin(op)) return;
  setTag(i, false);
  if (pops) pop();
  end();
}
export function noOperation(op: usize): void {
  if (begin(op)) end(0);
}
