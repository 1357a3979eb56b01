/** public/io/ring.h. */

/** struct blkif_sring, for the indices before the slots are the same in every ring */
/** @c req_prod */
export const SRING_REQ_PROD = 0;
/** @c req_event */
export const SRING_REQ_EVENT = 4;
/** @c rsp_prod */
export const SRING_RSP_PROD = 8;
/** @c rsp_event */
export const SRING_RSP_EVENT = 12;
/** @c ring */
export const SRING_HEADER_SIZE = 64;
