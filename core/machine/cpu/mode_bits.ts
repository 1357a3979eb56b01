/** The decoding mode of code, as the engine and the translator know it (mode.ts finds it out). It is a part of the key of all decoded and translated code. */

/** 64-bit mode; with it none of the other bits is set. */
export const MODE_64 = 1;
/** Outside 64-bit mode: the D bit of CS and the B bit of SS. */
export const MODE_CODE32 = 2;
export const MODE_STACK32 = 4;
/** Outside 64-bit mode: ES, CS, SS and DS have base 0, no limit, and all rights. */
export const MODE_FLAT = 8;
/** Real or virtual-8086 mode, which has no VEX. */
export const MODE_REAL = 16;
/** CS has no limit that code could run into, so jumps need not check it. */
export const MODE_UNLIMITED = 9;
/** The number of bits of a mode. */
export const MODE_BITS = 5;
