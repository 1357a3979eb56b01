/** Loads CS for far transfers. The descriptor is found and checked first, and loaded when nothing can fail any more. */
import { readSystem } from "./access";
import { VECTOR_GP, VECTOR_NP, cpu, fault, raise } from "./machine";
import { isCanonical } from "./paging/format";
import { isLongModeActive } from "./protection";
import {
  ATTR_DB,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  descriptorAddress,
  descriptorAttr,
  descriptorLimit,
  markAccessed,
  setSegment,
} from "./segment";
import { CPU_CPL, CPU_RIP, CS } from "./state";

/** Who asks: a far JMP or CALL itself; a return; a CALL or a JMP that has come through a gate. */
export const CODE_DIRECT: u32 = 0;
export const CODE_RETURN: u32 = 1;
export const CODE_CALL_GATE: u32 = 2;
export const CODE_JUMP_GATE: u32 = 3;

/** The descriptor that findCode() has found, its attributes, and the CPL at which it would run. */
let found: u64 = 0;
let foundAttr: u32 = 0;
export let foundLevel: u32 = 0;

/** Checks that CS may be loaded with `selector`. On failure `fault` is set. */
export function findCode(selector: u32, who: u32): void {
  const name = selector & 0xfffc;
  if (!name) {
    raise(VECTOR_GP, 0);
    return;
  }
  const at = descriptorAddress(selector, VECTOR_GP);
  if (fault) return;
  const d = readSystem(at, 8);
  if (!fault) checkCode(selector, at, d, who);
}

/** The same for a descriptor that has been read from `at`. */
export function checkCode(selector: u32, at: u64, d: u64, who: u32): void {
  const name = selector & 0xfffc;
  const attr = descriptorAttr(d);
  const dpl = (attr >> 5) & 3;
  const rpl = selector & 3;
  const cpl = load<u32>(cpu, CPU_CPL);
  const conforming = (attr & 4) != 0;
  let good = (attr & (ATTR_S | 8)) == (ATTR_S | 8);
  foundLevel = cpl;
  if (who == CODE_RETURN) {
    good = good && rpl >= cpl && (conforming ? dpl <= rpl : dpl == rpl);
    foundLevel = rpl;
  } else if (conforming) good = good && dpl <= cpl;
  else if (who == CODE_DIRECT) good = good && rpl <= cpl && dpl == cpl;
  else if (who == CODE_JUMP_GATE) good = good && dpl == cpl;
  else {
    good = good && dpl <= cpl;
    foundLevel = dpl;
  }
  if (isLongModeActive()) {
    if (attr & ATTR_L && attr & ATTR_DB) good = false;
    // Gates of long mode must lead to 64-bit code.
    if (who >= CODE_CALL_GATE && !(attr & ATTR_L)) good = false;
  }
  if (!good) {
    raise(VECTOR_GP, name);
    return;
  }
  if (!(attr & ATTR_P)) {
    raise(VECTOR_NP, name);
    return;
  }
  foundAttr = attr;
  found = markAccessed(at, d);
}

/** Raises #GP(0) if `target` does not lie in the code segment that was found. */
export function checkTarget(target: u64): void {
  const long = (foundAttr & ATTR_L) != 0 && isLongModeActive();
  if (long ? !isCanonical(target) : target > descriptorLimit(found)) raise(VECTOR_GP, 0);
}

/** Continues at `target` in the code segment that was found; checkTarget() has accepted it. */
export function enterCode(selector: u32, target: u64): void {
  setSegment(CS, (selector & 0xfffc) | foundLevel, found);
  store<u32>(cpu, foundLevel, CPU_CPL);
  store<u64>(cpu, target, CPU_RIP);
}
