/** Numbers and structure offsets of Xen 4.17's public/grant_table.h (x86-64 layouts). Offsets and sizes are bytes. */

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

/** grant_entry_v1: u16 flags, u16 domid, u32 frame. */
export const GRANT_V1_SIZE = 8;
export const GRANT_V1_flags = 0;
export const GRANT_V1_domid = 2;
export const GRANT_V1_frame = 4;
/** grant_entry_v2: header as v1's; full page: u64 frame at 8; sub page: u16 offset, u16 length; transitive: domid, ref. */
export const GRANT_V2_SIZE = 16;
export const GRANT_V2_page_off = 4;
export const GRANT_V2_length = 6;
export const GRANT_V2_frame = 8;
export const GRANT_V2_trans_domid = 4;
export const GRANT_V2_trans_gref = 8;

export const GTF_invalid = 0;
export const GTF_permit_access = 1;
export const GTF_accept_transfer = 2;
export const GTF_transitive = 3;
export const GTF_type_mask = 3;
export const GTF_readonly = 4;
export const GTF_reading = 8;
export const GTF_writing = 16;
export const GTF_sub_page = 256;

export const GNTTAB_NR_RESERVED_ENTRIES = 8;

export const GNTMAP_device_map = 1;
export const GNTMAP_host_map = 2;
export const GNTMAP_readonly = 4;
export const GNTMAP_application_map = 8;
export const GNTMAP_contains_pte = 16;

/** struct gnttab_map_grant_ref */
export const MAP_host_addr = 0;
export const MAP_flags = 8;
export const MAP_ref = 12;
export const MAP_dom = 16;
export const MAP_status = 18;
export const MAP_handle = 20;
export const MAP_dev_bus_addr = 24;
export const MAP_SIZE = 32;
/** struct gnttab_unmap_grant_ref */
export const UNMAP_host_addr = 0;
export const UNMAP_dev_bus_addr = 8;
export const UNMAP_handle = 16;
export const UNMAP_status = 20;
export const UNMAP_SIZE = 24;
/** struct gnttab_unmap_and_replace */
export const REPLACE_host_addr = 0;
export const REPLACE_new_addr = 8;
export const REPLACE_handle = 16;
export const REPLACE_status = 20;
export const REPLACE_SIZE = 24;
/** struct gnttab_setup_table */
export const SETUP_dom = 0;
export const SETUP_nr_frames = 4;
export const SETUP_status = 8;
export const SETUP_frame_list = 16;
export const SETUP_SIZE = 24;
/** struct gnttab_dump_table */
export const DUMP_dom = 0;
export const DUMP_status = 2;
export const DUMP_SIZE = 4;
/** struct gnttab_transfer */
export const TRANSFER_status = 16;
export const TRANSFER_SIZE = 24;
/** struct gnttab_copy: two pointers (u64 ref or frame, u16 domid, u16 offset; 16 bytes each), then u16 len, flags, i16 status. */
export const COPY_source = 0;
export const COPY_dest = 16;
export const COPY_ptr_domid = 8;
export const COPY_ptr_offset = 10;
export const COPY_len = 32;
export const COPY_flags = 34;
export const COPY_status = 36;
export const COPY_SIZE = 40;
export const GNTCOPY_source_gref = 1;
export const GNTCOPY_dest_gref = 2;
/** struct gnttab_query_size */
export const QUERY_dom = 0;
export const QUERY_nr_frames = 4;
export const QUERY_max_nr_frames = 8;
export const QUERY_status = 12;
export const QUERY_SIZE = 16;
/** struct gnttab_set_version: u32. struct gnttab_get_version */
export const GET_VERSION_dom = 0;
export const GET_VERSION_version = 4;
export const GET_VERSION_SIZE = 8;
/** struct gnttab_get_status_frames */
export const STATUS_nr_frames = 0;
export const STATUS_dom = 4;
export const STATUS_status = 6;
export const STATUS_frame_list = 8;
export const STATUS_SIZE = 16;
/** struct gnttab_swap_grant_ref */
export const SWAP_ref_a = 0;
export const SWAP_ref_b = 4;
export const SWAP_status = 8;
export const SWAP_SIZE = 12;
/** struct gnttab_cache_flush */
export const CACHE_FLUSH_a = 0;
export const CACHE_FLUSH_offset = 8;
export const CACHE_FLUSH_length = 10;
export const CACHE_FLUSH_op = 12;
export const CACHE_FLUSH_SIZE = 16;

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
