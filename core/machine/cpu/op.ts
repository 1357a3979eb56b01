/**
 * A decoded operation in a pCPU's decode cache: 32 bytes that the interpreter's loop reads, and as many more, OP_COLD bytes further, that only the
 * functions of the instruction families read. Where much code runs once or twice, the loop waits for memory, and so it has to read half as much.
 * Whoever has room for operations divides it into parts of 2 * OP_COLD bytes, and places operations in the first half of each.
 * Decoder, interpreter and translator share it, and nobody looks at the instruction's bytes after it was made. It must not depend on the linear
 * address, because a physical page may be mapped at several: RIP-relative operands hold the offset from the start of the page's mapping.
 */

/** Distance from one operation to the next, and its logarithm. */
export const OP_SIZE = 32;
export const OP_SHIFT = 5;
export const OP_COLD = 0x40000;

// ---- what the loop reads ----

/** u16: dispatch index of the interpreter's loop. */
export const OP_HANDLER = 0;
/** u16: offset of the instruction in its 4 KiB page. */
export const OP_OFFSET = 2;
/** u8: instruction length in bytes, 1..15. */
export const OP_LENGTH = 4;
/** u8 each: register file offsets of the destination and source register, for the forms that the dispatch loop executes itself. */
export const OP_DST = 5;
export const OP_SRC = 6;
/** u8: log2 of the scale. */
export const OP_SCALE = 7;
/** u16 each: offsets in the vCPU state of the parts of the address: base, index (shifted by SCALE), segment base. */
export const OP_BASE_SLOT = 8;
export const OP_INDEX_SLOT = 10;
export const OP_SEG_SLOT = 12;
/** u8: condition code of Jcc, SETcc, CMOVcc; FORM_* (ids.ts) of two-operand integer instructions. */
export const OP_CONDITION = 14;
export const OP_FORM = 14;
/** The same u8 of an AVX instruction: the bits of its VEX prefix that are no prefix bits below. */
export const OP_VEX = 14;
export const VEX_L = 1; // 256 bits
export const VEX_W = 2; // W as it is encoded, which outside 64-bit mode is not PREFIX_REXW
export const VEX_NO_VREG = 4; // vvvv is 1111, also its highest bit, which outside 64-bit mode is not in OP_VREG
/** u8: effective segment (ES..GS as in state.ts) of the memory operand. */
export const OP_SEG = 15;
/** i32: displacement, sign-extended. */
export const OP_DISP = 16;
/** u16: the instruction's identity in the instruction table (families' own enumerations, see each family). */
export const OP_ID = 20;
/** u8: operand size in bytes, 1, 2, 4 or 8. */
export const OP_OPSIZE = 22;
/** u8: ModRM.reg with REX.R (register number 0..15). */
export const OP_REG = 23;
/** u64: immediate, sign-extended to 64 bits as the instruction uses it. Second immediate (ENTER) in bits 32... */
export const OP_IMM = 24;
/**
 * u32 each: blocks chained to a direct transfer inside its page, where it goes (taken) and where it goes on (not taken); managed by blocks.ts and
 * dispatch.ts. A direct transfer has no memory operand, so they have the places of the displacement and of two slots.
 */
export const OP_TARGET = 16;
export const OP_TARGET2 = 8;

// ---- what only families read ----

/** u64: mask of the address size. */
export const OP_ADDRESS_MASK = 0x40000;
/** u8: address size in bytes, 2, 4 or 8. */
export const OP_ADDRSIZE = 0x40008;
/** u8: the prefix bits below. */
export const OP_PREFIX = 0x40009;
export const PREFIX_LOCK = 1;
export const PREFIX_REP = 2; // F3
export const PREFIX_REPNE = 4; // F2
export const PREFIX_66 = 8;
export const PREFIX_REX = 16; // any REX present: byte registers 4..7 are SPL BPL SIL DIL
export const PREFIX_REXW = 32;
export const PREFIX_VEX = 64;
export const PREFIX_MEMORY = 128; // the r/m operand is memory (ModRM.mod != 3)
/** u8: ModRM.rm with REX.B where it is a register. */
export const OP_RM = 0x4000a;
/**
 * u8: base register, 16 = none, 17 = RIP-relative (disp is then relative to the page, see above), 18 = RIP-relative
 * with disp relative to the next instruction (where the sum with the offset would not fit OP_DISP).
 */
export const OP_BASE = 0x4000b;
/** u8: index register, 16 = none. */
export const OP_INDEX = 0x4000c;
/** u8: VEX.vvvv register. */
export const OP_VREG = 0x4000d;
/** u8: ModRM byte itself. */
export const OP_MODRM = 0x4000e;
/** u8: opcode map (0 one-byte, 1 0F, 2 0F38, 3 0F3A), u8 the opcode byte. */
export const OP_MAP = 0x4000f;
export const OP_OPCODE = 0x40010;
/** u8: register file offset of the byte register in ModRM.reg and ModRM.rm (AH..BH are at +1 of RAX..RBX). */
export const OP_REG8 = 0x40011;
export const OP_RM8 = 0x40012;
/**
 * u8: OPF_SIMPLE says that the address may be computed from the slots without checks (64-bit mode, or flat segments), OPF_WHOLE that offsets have the
 * size of linear addresses, so that they are cut to linearMask and to nothing else.
 */
export const OP_FLAGS = 0x40013;
export const OPF_SIMPLE = 1;
export const OPF_WHOLE = 2;
/** Number of bytes of the second half that are used; a multiple of 8. */
export const OP_COLD_BYTES = 24;
