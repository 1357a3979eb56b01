/** public/grant_table.h. */

export const GNTTAB_NR_RESERVED_ENTRIES = 8;
export const GNTTAB_RESERVED_CONSOLE = 0;
export const GNTTAB_RESERVED_XENSTORE = 1;

/** struct grant_entry_v1 */
export const GRANT_ENTRY_V1_SIZE = 8;
export const GRANT_ENTRY_V1_FLAGS = 0;
export const GRANT_ENTRY_V1_DOMID = 2;
export const GRANT_ENTRY_V1_FRAME = 4;

/** struct grant_entry_header */
export const GRANT_ENTRY_HEADER_SIZE = 4;
export const GRANT_ENTRY_HEADER_FLAGS = 0;
export const GRANT_ENTRY_HEADER_DOMID = 2;

/** union grant_entry_v2 */
export const GRANT_ENTRY_V2_SIZE = 16;
/** @c full_page.frame */
export const GRANT_ENTRY_V2_FULL_PAGE_FRAME = 8;
/** @c sub_page.page_off */
export const GRANT_ENTRY_V2_SUB_PAGE_PAGE_OFF = 4;
/** @c sub_page.length */
export const GRANT_ENTRY_V2_SUB_PAGE_LENGTH = 6;
/** @c sub_page.frame */
export const GRANT_ENTRY_V2_SUB_PAGE_FRAME = 8;
/** @c transitive.trans_domid */
export const GRANT_ENTRY_V2_TRANSITIVE_TRANS_DOMID = 4;
/** @c transitive.gref */
export const GRANT_ENTRY_V2_TRANSITIVE_GREF = 8;

/** The flags of an entry. */
export const GTF_invalid = 0;
export const GTF_permit_access = 1;
export const GTF_accept_transfer = 2;
export const GTF_transitive = 3;
export const GTF_type_mask = 3;
export const GTF_readonly = 4;
export const GTF_reading = 8;
export const GTF_writing = 16;
export const GTF_PWT = 32;
export const GTF_PCD = 64;
export const GTF_PAT = 128;
export const GTF_sub_page = 256;
export const GTF_transfer_committed = 4;
export const GTF_transfer_completed = 8;

export const GNTTABOP_map_grant_ref = 0;
export const GNTTABOP_unmap_grant_ref = 1;
export const GNTTABOP_setup_table = 2;
export const GNTTABOP_dump_table = 3;
export const GNTTABOP_transfer = 4;
export const GNTTABOP_copy = 5;
export const GNTTABOP_query_size = 6;
export const GNTTABOP_unmap_and_replace = 7;
export const GNTTABOP_set_version = 8;
export const GNTTABOP_get_status_frames = 9;
export const GNTTABOP_get_version = 10;
export const GNTTABOP_swap_grant_ref = 11;
export const GNTTABOP_cache_flush = 12;

/** The flags of a mapping. */
export const GNTMAP_device_map = 1;
export const GNTMAP_host_map = 2;
export const GNTMAP_readonly = 4;
export const GNTMAP_application_map = 8;
export const GNTMAP_contains_pte = 16;
export const GNTMAP_guest_avail_mask = 0xffff0000;

/** struct gnttab_map_grant_ref */
export const GNTTAB_MAP_GRANT_REF_SIZE = 32;
export const GNTTAB_MAP_GRANT_REF_HOST_ADDR = 0;
export const GNTTAB_MAP_GRANT_REF_FLAGS = 8;
export const GNTTAB_MAP_GRANT_REF_REF = 12;
export const GNTTAB_MAP_GRANT_REF_DOM = 16;
export const GNTTAB_MAP_GRANT_REF_STATUS = 18;
export const GNTTAB_MAP_GRANT_REF_HANDLE = 20;
export const GNTTAB_MAP_GRANT_REF_DEV_BUS_ADDR = 24;

/** struct gnttab_unmap_grant_ref */
export const GNTTAB_UNMAP_GRANT_REF_SIZE = 24;
export const GNTTAB_UNMAP_GRANT_REF_HOST_ADDR = 0;
export const GNTTAB_UNMAP_GRANT_REF_DEV_BUS_ADDR = 8;
export const GNTTAB_UNMAP_GRANT_REF_HANDLE = 16;
export const GNTTAB_UNMAP_GRANT_REF_STATUS = 20;

/** struct gnttab_unmap_and_replace */
export const GNTTAB_UNMAP_AND_REPLACE_SIZE = 24;
export const GNTTAB_UNMAP_AND_REPLACE_HOST_ADDR = 0;
export const GNTTAB_UNMAP_AND_REPLACE_NEW_ADDR = 8;
export const GNTTAB_UNMAP_AND_REPLACE_HANDLE = 16;
export const GNTTAB_UNMAP_AND_REPLACE_STATUS = 20;

/** struct gnttab_setup_table */
export const GNTTAB_SETUP_TABLE_SIZE = 24;
export const GNTTAB_SETUP_TABLE_SIZE_32 = 16;
export const GNTTAB_SETUP_TABLE_DOM = 0;
export const GNTTAB_SETUP_TABLE_NR_FRAMES = 4;
export const GNTTAB_SETUP_TABLE_STATUS = 8;
export const GNTTAB_SETUP_TABLE_FRAME_LIST = 16;
export const GNTTAB_SETUP_TABLE_FRAME_LIST_32 = 12;

/** struct gnttab_dump_table */
export const GNTTAB_DUMP_TABLE_SIZE = 4;
export const GNTTAB_DUMP_TABLE_DOM = 0;
export const GNTTAB_DUMP_TABLE_STATUS = 2;

/** struct gnttab_transfer */
export const GNTTAB_TRANSFER_SIZE = 24;
export const GNTTAB_TRANSFER_SIZE_32 = 16;
export const GNTTAB_TRANSFER_MFN = 0;
export const GNTTAB_TRANSFER_DOMID = 8;
export const GNTTAB_TRANSFER_DOMID_32 = 4;
export const GNTTAB_TRANSFER_REF = 12;
export const GNTTAB_TRANSFER_REF_32 = 8;
export const GNTTAB_TRANSFER_STATUS = 16;
export const GNTTAB_TRANSFER_STATUS_32 = 12;

/** struct gnttab_copy_ptr */
export const GNTTAB_COPY_PTR_SIZE = 16;
export const GNTTAB_COPY_PTR_SIZE_32 = 8;
/** @c u.ref */
export const GNTTAB_COPY_PTR_REF = 0;
/** @c u.gmfn */
export const GNTTAB_COPY_PTR_GMFN = 0;
export const GNTTAB_COPY_PTR_DOMID = 8;
export const GNTTAB_COPY_PTR_DOMID_32 = 4;
export const GNTTAB_COPY_PTR_OFFSET = 10;
export const GNTTAB_COPY_PTR_OFFSET_32 = 6;

/** struct gnttab_copy */
export const GNTTAB_COPY_SIZE = 40;
export const GNTTAB_COPY_SIZE_32 = 24;
export const GNTTAB_COPY_SOURCE = 0;
export const GNTTAB_COPY_DEST = 16;
export const GNTTAB_COPY_DEST_32 = 8;
export const GNTTAB_COPY_LEN = 32;
export const GNTTAB_COPY_LEN_32 = 16;
export const GNTTAB_COPY_FLAGS = 34;
export const GNTTAB_COPY_FLAGS_32 = 18;
export const GNTTAB_COPY_STATUS = 36;
export const GNTTAB_COPY_STATUS_32 = 20;

/** Its flags. */
export const GNTCOPY_source_gref = 1;
export const GNTCOPY_dest_gref = 2;

/** struct gnttab_query_size */
export const GNTTAB_QUERY_SIZE_SIZE = 16;
export const GNTTAB_QUERY_SIZE_DOM = 0;
export const GNTTAB_QUERY_SIZE_NR_FRAMES = 4;
export const GNTTAB_QUERY_SIZE_MAX_NR_FRAMES = 8;
export const GNTTAB_QUERY_SIZE_STATUS = 12;

/** struct gnttab_set_version */
export const GNTTAB_SET_VERSION_SIZE = 4;
export const GNTTAB_SET_VERSION_VERSION = 0;

/** struct gnttab_get_version */
export const GNTTAB_GET_VERSION_SIZE = 8;
export const GNTTAB_GET_VERSION_DOM = 0;
export const GNTTAB_GET_VERSION_VERSION = 4;

/** struct gnttab_get_status_frames */
export const GNTTAB_GET_STATUS_FRAMES_SIZE = 16;
export const GNTTAB_GET_STATUS_FRAMES_SIZE_32 = 12;
export const GNTTAB_GET_STATUS_FRAMES_NR_FRAMES = 0;
export const GNTTAB_GET_STATUS_FRAMES_DOM = 4;
export const GNTTAB_GET_STATUS_FRAMES_STATUS = 6;
export const GNTTAB_GET_STATUS_FRAMES_FRAME_LIST = 8;

/** struct gnttab_swap_grant_ref */
export const GNTTAB_SWAP_GRANT_REF_SIZE = 12;
export const GNTTAB_SWAP_GRANT_REF_REF_A = 0;
export const GNTTAB_SWAP_GRANT_REF_REF_B = 4;
export const GNTTAB_SWAP_GRANT_REF_STATUS = 8;

/** struct gnttab_cache_flush */
export const GNTTAB_CACHE_FLUSH_SIZE = 16;
/** @c a.dev_bus_addr */
export const GNTTAB_CACHE_FLUSH_DEV_BUS_ADDR = 0;
/** @c a.ref */
export const GNTTAB_CACHE_FLUSH_REF = 0;
export const GNTTAB_CACHE_FLUSH_OFFSET = 8;
export const GNTTAB_CACHE_FLUSH_LENGTH = 10;
export const GNTTAB_CACHE_FLUSH_OP = 12;

/** Its op. */
export const GNTTAB_CACHE_CLEAN = 1;
export const GNTTAB_CACHE_INVAL = 2;
export const GNTTAB_CACHE_SOURCE_GREF = 0x80000000;

/** The status of an operation. */
export const GNTST_okay = 0;
export const GNTST_general_error = -1;
export const GNTST_bad_domain = -2;
export const GNTST_bad_gntref = -3;
export const GNTST_bad_handle = -4;
export const GNTST_bad_virt_addr = -5;
export const GNTST_bad_dev_addr = -6;
export const GNTST_no_device_space = -7;
export const GNTST_permission_denied = -8;
export const GNTST_bad_page = -9;
export const GNTST_bad_copy_arg = -10;
export const GNTST_address_too_big = -11;
export const GNTST_eagain = -12;
export const GNTST_no_space = -13;
