/** public/io/blkif.h. */

export const BLKIF_OP_READ = 0;
export const BLKIF_OP_WRITE = 1;
export const BLKIF_OP_WRITE_BARRIER = 2;
export const BLKIF_OP_FLUSH_DISKCACHE = 3;
export const BLKIF_OP_RESERVED_1 = 4;
export const BLKIF_OP_DISCARD = 5;
export const BLKIF_OP_INDIRECT = 6;

export const BLKIF_RSP_EOPNOTSUPP = -2;
export const BLKIF_RSP_ERROR = -1;
export const BLKIF_RSP_OKAY = 0;

export const BLKIF_MAX_SEGMENTS_PER_REQUEST = 11;
export const BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST = 8;
export const BLKIF_DISCARD_SECURE = 1;

/** Bits of the backend's node `info`. */
export const VDISK_CDROM = 1;
export const VDISK_REMOVABLE = 2;
export const VDISK_READONLY = 4;

/** struct blkif_request */
export const BLKIF_REQUEST_SIZE = 112;
export const BLKIF_REQUEST_SIZE_32 = 108;
export const BLKIF_REQUEST_OPERATION = 0;
export const BLKIF_REQUEST_NR_SEGMENTS = 1;
export const BLKIF_REQUEST_HANDLE = 2;
export const BLKIF_REQUEST_ID = 8;
export const BLKIF_REQUEST_ID_32 = 4;
export const BLKIF_REQUEST_SECTOR_NUMBER = 16;
export const BLKIF_REQUEST_SECTOR_NUMBER_32 = 12;
export const BLKIF_REQUEST_SEG = 24;
export const BLKIF_REQUEST_SEG_32 = 20;

/** struct blkif_request_segment */
export const BLKIF_REQUEST_SEGMENT_SIZE = 8;
export const BLKIF_REQUEST_SEGMENT_GREF = 0;
export const BLKIF_REQUEST_SEGMENT_FIRST_SECT = 4;
export const BLKIF_REQUEST_SEGMENT_LAST_SECT = 5;

/** struct blkif_request_discard */
export const BLKIF_REQUEST_DISCARD_SIZE = 32;
export const BLKIF_REQUEST_DISCARD_SIZE_32 = 28;
export const BLKIF_REQUEST_DISCARD_OPERATION = 0;
export const BLKIF_REQUEST_DISCARD_FLAG = 1;
export const BLKIF_REQUEST_DISCARD_HANDLE = 2;
export const BLKIF_REQUEST_DISCARD_ID = 8;
export const BLKIF_REQUEST_DISCARD_ID_32 = 4;
export const BLKIF_REQUEST_DISCARD_SECTOR_NUMBER = 16;
export const BLKIF_REQUEST_DISCARD_SECTOR_NUMBER_32 = 12;
export const BLKIF_REQUEST_DISCARD_NR_SECTORS = 24;
export const BLKIF_REQUEST_DISCARD_NR_SECTORS_32 = 20;

/** struct blkif_request_indirect */
export const BLKIF_REQUEST_INDIRECT_SIZE = 64;
export const BLKIF_REQUEST_INDIRECT_OPERATION = 0;
export const BLKIF_REQUEST_INDIRECT_INDIRECT_OP = 1;
export const BLKIF_REQUEST_INDIRECT_NR_SEGMENTS = 2;
export const BLKIF_REQUEST_INDIRECT_ID = 8;
export const BLKIF_REQUEST_INDIRECT_ID_32 = 4;
export const BLKIF_REQUEST_INDIRECT_SECTOR_NUMBER = 16;
export const BLKIF_REQUEST_INDIRECT_SECTOR_NUMBER_32 = 12;
export const BLKIF_REQUEST_INDIRECT_HANDLE = 24;
export const BLKIF_REQUEST_INDIRECT_HANDLE_32 = 20;
export const BLKIF_REQUEST_INDIRECT_INDIRECT_GREFS = 28;
export const BLKIF_REQUEST_INDIRECT_INDIRECT_GREFS_32 = 24;

/** struct blkif_response */
export const BLKIF_RESPONSE_SIZE = 16;
export const BLKIF_RESPONSE_SIZE_32 = 12;
export const BLKIF_RESPONSE_ID = 0;
export const BLKIF_RESPONSE_OPERATION = 8;
export const BLKIF_RESPONSE_STATUS = 10;

/** union blkif_sring_entry */
export const BLKIF_SRING_ENTRY_SIZE = 112;
export const BLKIF_SRING_ENTRY_SIZE_32 = 108;
