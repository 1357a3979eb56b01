/**
 * The layout by which a pCPU's decoded blocks (blocks.ts) are found, which the translator uses too. All fields are u32.
 * Blocks lie in sets of four. A set has the host addresses, so that a block is found without looking at others: of much code, each look would be one
 * that no cache answers. Where a fifth block belongs to a set, it takes the last place, and has the one that was there as its next.
 */

/** In a block's header: host address of its first byte, decoding mode, the next block of the set's last place. */
export const BLOCK_HOST = 0;
export const BLOCK_MODE = 4;
export const BLOCK_NEXT = 12;
/** The set's number is host address ^ (host address >> SET_FOLD) ^ (mode << SET_MODE), modulo SET_COUNT. */
export const SET_COUNT = 16384;
export const SET_FOLD = 13;
export const SET_MODE = 11;
/** A place in a set: host address of the first byte (0: free), block. Places are taken in their order. */
export const PLACE_BYTES = 8;
export const PLACE_BLOCK = 4;
export const SET_BYTES = 32;
