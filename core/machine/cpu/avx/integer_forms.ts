/** The forms of the integer instructions of AVX and AVX2, and of the permutes and gathers of both kinds, by opcode map and VEX.pp. */
import * as F from "./forms";

const UNARY_128: u32 = F.FORM_UNARY & ~F.FORM_256;
const BINARY_128: u32 = F.FORM_BINARY & ~F.FORM_256;
const UNARY_W0: u32 = F.FORM_UNARY & ~F.FORM_W1;
const BINARY_W0: u32 = F.FORM_BINARY & ~F.FORM_W1;
const UNARY_256_W0: u32 = UNARY_W0 & ~F.FORM_128;
const UNARY_256_W1: u32 = F.FORM_UNARY & ~F.FORM_128 & ~F.FORM_W0;
const BINARY_256_W0: u32 = BINARY_W0 & ~F.FORM_128;
const UNARY_MEMORY: u32 = F.FORM_UNARY & ~F.FORM_REGISTER;
const BINARY_MEMORY: u32 = F.FORM_BINARY & ~F.FORM_REGISTER;

function between(opcode: u32, first: u32, last: u32): bool {
  return opcode - first <= last - first;
}

/** Returns the forms (forms.ts) of an opcode in `map` (1..3) with VEX.pp; `digit` is ModRM.reg as encoded. */
export function integerForms(map: u32, pp: u32, opcode: u32, digit: u32): u32 {
  if (map == 1 && pp == 2) return forms0FF3(opcode);
  if (map == 1 && pp == 3) return opcode == 0x70 ? F.FORM_UNARY : opcode == 0xf0 ? UNARY_MEMORY : F.FORM_NONE;
  if (pp != 1) return F.FORM_NONE;
  return map == 1 ? forms0F66(opcode, digit) : map == 2 ? forms38(opcode) : forms3A(opcode);
}

/** The shift groups 71 (words), 72 (doublewords), 73 (quadwords; /3 and /7 shift bytes). The destination is VEX.vvvv. */
function formsShift(opcode: u32, digit: u32): u32 {
  const there = digit == 2 || digit == 6 || (opcode == 0x73 ? digit == 3 || digit == 7 : digit == 4);
  return there ? F.FORM_BINARY & ~F.FORM_MEMORY : F.FORM_NONE;
}

function forms0F66(opcode: u32, digit: u32): u32 {
  switch (opcode) {
    case 0x6e:
    case 0x7e:
    case 0xd6:
      return UNARY_128;
    case 0x6f:
    case 0x70:
    case 0x7f:
      return F.FORM_UNARY;
    case 0x71:
    case 0x72:
    case 0x73:
      return formsShift(opcode, digit);
    case 0xc4:
      return BINARY_128;
    case 0xc5:
    case 0xf7:
      return UNARY_128 & ~F.FORM_MEMORY;
    case 0xd7:
      return F.FORM_UNARY & ~F.FORM_MEMORY;
    case 0xe7:
      return UNARY_MEMORY;
    case 0xd0:
    case 0xe6:
    case 0xf0:
    case 0xff:
      return F.FORM_NONE;
    default:
      return between(opcode, 0x60, 0x6d) || between(opcode, 0x74, 0x76) || opcode > 0xd0 ? F.FORM_BINARY : F.FORM_NONE;
  }
}

/** Moves, and VPSHUFHW. */
function forms0FF3(opcode: u32): u32 {
  if (opcode == 0x7e) return UNARY_128;
  return opcode == 0x6f || opcode == 0x70 || opcode == 0x7f ? F.FORM_UNARY : F.FORM_NONE;
}

/** 0F38 with 66. VAES is not announced, so AES has no 256-bit form. */
function forms38(opcode: u32): u32 {
  if (opcode <= 0x0b || between(opcode, 0x28, 0x29) || between(opcode, 0x37, 0x40)) return F.FORM_BINARY;
  if (between(opcode, 0x1c, 0x1e) || between(opcode, 0x20, 0x25) || between(opcode, 0x30, 0x35)) return F.FORM_UNARY;
  if (between(opcode, 0x90, 0x93)) return BINARY_MEMORY;
  if (between(opcode, 0xdc, 0xdf)) return BINARY_128;
  switch (opcode) {
    case 0x17:
      return F.FORM_UNARY;
    case 0x16:
    case 0x36:
      return BINARY_256_W0;
    case 0x2a:
      return UNARY_MEMORY;
    case 0x2b:
    case 0x45:
    case 0x47:
      return F.FORM_BINARY;
    case 0x46:
      return BINARY_W0;
    case 0x41:
    case 0xdb:
      return UNARY_128;
    case 0x58:
    case 0x59:
    case 0x78:
    case 0x79:
      return UNARY_W0;
    case 0x5a:
      return UNARY_256_W0 & ~F.FORM_REGISTER;
    case 0x8c:
    case 0x8e:
      return BINARY_MEMORY;
    default:
      return F.FORM_NONE;
  }
}

/** 0F3A with 66. VPCLMULQDQ is not announced with 256 bits either. */
function forms3A(opcode: u32): u32 {
  switch (opcode) {
    case 0x00:
    case 0x01:
      return UNARY_256_W1;
    case 0x02:
    case 0x4c:
      return BINARY_W0;
    case 0x0e:
    case 0x0f:
    case 0x42:
      return F.FORM_BINARY;
    case 0x14:
    case 0x15:
    case 0x16:
    case 0x60:
    case 0x61:
    case 0x62:
    case 0x63:
    case 0xdf:
      return UNARY_128;
    case 0x20:
    case 0x22:
    case 0x44:
      return BINARY_128;
    case 0x38:
    case 0x46:
      return BINARY_256_W0;
    case 0x39:
      return UNARY_256_W0;
    default:
      return F.FORM_NONE;
  }
}
