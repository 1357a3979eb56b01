/** Where the litmus tests' machine has its parts: machine addresses, and the linear addresses that guest code uses. */

export const PAGES_OF_MEMORY = 4096;
export const MOST_THREADS = 4;

/** A processor's data in the engine, its translator's pool, and its part of the function table. */
export const regionOf = (thread: number): number => 0x4000000 + thread * 0x1800000;
export const REGION_BYTES = 0x1400000;
export const roomOf = (thread: number): number => regionOf(thread) + REGION_BYTES;
export const indicesOf = (thread: number) => ({ first: 16 + thread * 2000, end: 16 + (thread + 1) * 2000 });

/** u32 words: the number of the command, stop, threads ready to run, threads that run, threads that are done. */
export const CONTROL = 0xb000000;
export const COMMAND = CONTROL;
export const STOP = CONTROL + 4;
export const READY = CONTROL + 64;
export const RUNNING = CONTROL + 128;
export const DONE = CONTROL + 192;
/**
 * For each thread: u32 whether it takes part, u32 turns to wait before it runs, u32 the exit and vector with which it ended, then its 16 registers.
 */
export const threadBlock = (thread: number): number => CONTROL + 0x1000 + thread * 0x1000;
export const BLOCK_TAKES_PART = 0;
export const BLOCK_DELAY = 4;
export const BLOCK_EXIT = 8;
export const BLOCK_VECTOR = 12;
export const BLOCK_REGISTERS = 16;

export const CODE_LINEAR = 0x400000n;
export const CODE_FRAME = 0xb100000;
export const STACK_LINEAR = 0x700000n;
export const STACK_FRAME = 0xb200000;
/** Pages that are adjacent for the guest and not in the machine, so that an access across the border shows. */
export const DATA_LINEAR = 0x10000000n;
export const DATA_FRAME = 0xc000000;
export const DATA_PAGES = 256;
/** Returns the machine address of a byte of the data. */
export const dataHost = (offset: number): number =>
  DATA_FRAME + (DATA_PAGES - 1 - (offset >> 12)) * 0x1000 + (offset & 0xfff);
