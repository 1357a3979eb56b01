/** The layout of cases and results (the structures in silicon.c), and of the address space that they see. */

export const WINDOW = 512;
export const CODE_ADDRESS = 0x10000800;
export const DATA_PAGES = 0x20000000;
export const WINDOW_START = DATA_PAGES + 0x1000 - WINDOW / 2;
/** The first and the last bytes of the data pages, which masked accesses may reach; they are zero before each case. */
export const EDGE = 64;
/** Nothing is mapped here. */
export const UNMAPPED = 0x30000000;

/** `fx` is an FXSAVE image, `ymm` the upper halves of YMM0..15. */
export const CASE = { code: 0, gpr: 24, rflags: 152, fx: 160, memory: 672, ymm: 1184, size: 1440 } as const;
export const RESULT = {
  trap: 0,
  error: 4,
  cr2: 8,
  rip: 16,
  rflags: 24,
  gpr: 32,
  fx: 160,
  memory: 672,
  ymm: 1184,
  size: 1440,
} as const;
