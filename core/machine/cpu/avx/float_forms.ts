/** The forms of the floating-point instructions of AVX, FMA and F16C, by opcode map and VEX.pp (0 none, 1 66, 2 F3, 3 F2). */
import * as F from "./forms";

const UNARY_128: u32 = F.FORM_UNARY & ~F.FORM_256;
const BINARY_128: u32 = F.FORM_BINARY & ~F.FORM_256;
const UNARY_W0: u32 = F.FORM_UNARY & ~F.FORM_W1;
const BINARY_W0: u32 = F.FORM_BINARY & ~F.FORM_W1;
const UNARY_256_W0: u32 = UNARY_W0 & ~F.FORM_128;
const BINARY_256_W0: u32 = BINARY_W0 & ~F.FORM_128;

// @ts-ignore: decorator
@inline
function inMemory(forms: u32): u32 {
  return forms & ~F.FORM_REGISTER;
}
// @ts-ignore: decorator
@inline
function inRegister(forms: u32): u32 {
  return forms & ~F.FORM_MEMORY;
}

/** `digit` is ModRM.reg as encoded. */
export function floatForms(map: u32, pp: u32, opcode: u32, digit: u32, isMemory: bool): u32 {
  if (map == 1) return pp < 2 ? packedForms(pp, opcode, digit) : scalarForms(pp, opcode, isMemory);
  if (pp != 1) return F.FORM_NONE;
  return map == 2 ? forms38(opcode) : forms3A(opcode);
}

/** 0F without a prefix, or with 66. */
function packedForms(pp: u32, opcode: u32, digit: u32): u32 {
  switch (opcode) {
    case 0x10:
    case 0x11:
    case 0x28:
    case 0x29:
    case 0x2e:
    case 0x2f:
    case 0x51:
    case 0x5a:
    case 0x5b:
      return F.FORM_UNARY;
    case 0x12:
    case 0x16:
      return pp ? inMemory(BINARY_128) : BINARY_128;
    case 0x13:
    case 0x17:
      return inMemory(UNARY_128);
    case 0x2b:
      return inMemory(F.FORM_UNARY);
    case 0x50:
      return inRegister(F.FORM_UNARY);
    case 0x52:
    case 0x53:
      return pp ? F.FORM_NONE : F.FORM_UNARY;
    case 0x14:
    case 0x15:
    case 0x54:
    case 0x55:
    case 0x56:
    case 0x57:
    case 0x58:
    case 0x59:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x5f:
    case 0xc2:
    case 0xc6:
      return F.FORM_BINARY;
    case 0x77:
      return pp ? F.FORM_NONE : F.FORM_UNARY; // VZEROUPPER, VZEROALL: no operand at all
    case 0x7c:
    case 0x7d:
    case 0xd0:
      return pp ? F.FORM_BINARY : F.FORM_NONE;
    case 0xae:
      return !pp && (digit == 2 || digit == 3) ? inMemory(UNARY_128) : F.FORM_NONE;
    case 0xe6:
      return pp ? F.FORM_UNARY : F.FORM_NONE;
    default:
      return F.FORM_NONE;
  }
}

/** 0F with F3 or F2. VEX.L means nothing to the scalar ones. */
function scalarForms(pp: u32, opcode: u32, isMemory: bool): u32 {
  switch (opcode) {
    case 0x10:
    case 0x11:
      return isMemory ? F.FORM_UNARY : F.FORM_BINARY;
    case 0x12:
    case 0x2c:
    case 0x2d:
    case 0xe6:
      return F.FORM_UNARY;
    case 0x16:
    case 0x5b:
      return pp == 2 ? F.FORM_UNARY : F.FORM_NONE;
    case 0x2a:
    case 0x51:
    case 0x58:
    case 0x59:
    case 0x5a:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x5f:
    case 0xc2:
      return F.FORM_BINARY;
    case 0x52:
    case 0x53:
      return pp == 2 ? F.FORM_BINARY : F.FORM_NONE;
    case 0x7c:
    case 0x7d:
    case 0xd0:
      return pp == 3 ? F.FORM_BINARY : F.FORM_NONE;
    default:
      return F.FORM_NONE;
  }
}

/** 0F38 with 66. */
function forms38(opcode: u32): u32 {
  const low = opcode & 15;
  // FMA: 96-9F, A6-AF, B6-BF.
  if (opcode >= 0x90 && opcode < 0xc0 && low >= 6) return F.FORM_BINARY;
  switch (opcode) {
    case 0x0c:
    case 0x0d:
      return BINARY_W0;
    case 0x0e:
    case 0x0f:
    case 0x13:
    case 0x18:
      return UNARY_W0;
    case 0x19:
      return UNARY_256_W0;
    case 0x1a:
      return inMemory(UNARY_256_W0);
    case 0x2c:
    case 0x2d:
    case 0x2e:
    case 0x2f:
      return inMemory(BINARY_W0);
    default:
      return F.FORM_NONE;
  }
}

/** 0F3A with 66. */
function forms3A(opcode: u32): u32 {
  switch (opcode) {
    case 0x04:
    case 0x05:
    case 0x1d:
      return UNARY_W0;
    case 0x06:
    case 0x18:
      return BINARY_256_W0;
    case 0x08:
    case 0x09:
      return F.FORM_UNARY;
    case 0x0a:
    case 0x0b:
    case 0x0c:
    case 0x0d:
    case 0x40:
      return F.FORM_BINARY;
    case 0x17:
      return UNARY_128;
    case 0x19:
      return UNARY_256_W0;
    case 0x21:
    case 0x41:
      return BINARY_128;
    case 0x4a:
    case 0x4b:
      return BINARY_W0;
    default:
      return F.FORM_NONE;
  }
}
