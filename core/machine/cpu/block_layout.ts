/** The layout by which a pCPU's decoded blocks (blocks.ts) are found, which the translator uses too. All fields are u32. */

/** In a block's header: host address of its first byte, decoding mode, next block in the bucket. */
export const BLOCK_HOST = 0;
export const BLOCK_MODE = 4;
export const BLOCK_NEXT = 12;
/** The bucket's number is host address ^ (host address >> BUCKET_FOLD) ^ (mode << BUCKET_MODE), modulo BUCKET_COUNT. */
export const BUCKET_COUNT = 32768;
export const BUCKET_FOLD = 13;
export const BUCKET_MODE = 11;
