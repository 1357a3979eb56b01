/**
 * Numbers and structure offsets of Xen 4.17's public/memory.h and of the page-table calls of public/xen.h (x86-64
 * layouts). Offsets and sizes are bytes.
 */

export const XENMEM_increase_reservation = 0;
export const XENMEM_decrease_reservation = 1;
export const XENMEM_maximum_ram_page = 2;
export const XENMEM_current_reservation = 3;
export const XENMEM_maximum_reservation = 4;
export const XENMEM_machphys_mfn_list = 5;
export const XENMEM_populate_physmap = 6;
export const XENMEM_add_to_physmap = 7;
export const XENMEM_memory_map = 9;
export const XENMEM_machine_memory_map = 10;
export const XENMEM_exchange = 11;
export const XENMEM_machphys_mapping = 12;
export const XENMEM_set_memory_map = 13;
export const XENMEM_maximum_gpfn = 14;
export const XENMEM_remove_from_physmap = 15;
export const XENMEM_set_pod_target = 16;
export const XENMEM_get_pod_target = 17;
export const XENMEM_get_sharing_freed_pages = 18;
export const XENMEM_get_sharing_shared_pages = 19;
export const XENMEM_paging_op = 20;
export const XENMEM_access_op = 21;
export const XENMEM_sharing_op = 22;
export const XENMEM_add_to_physmap_batch = 23;
export const XENMEM_claim_pages = 24;
export const XENMEM_machphys_compat_mfn_list = 25;
export const XENMEM_get_vnumainfo = 26;
export const XENMEM_reserved_device_memory_map = 27;
export const XENMEM_acquire_resource = 28;
/** The operation number is in the low bits; Xen keeps continuation state above. */
export const MEMOP_EXTENT_SHIFT = 6;
export const MEMOP_CMD_MASK = 63;

/** struct xen_memory_reservation */
export const RESERVATION_extent_start = 0;
export const RESERVATION_nr_extents = 8;
export const RESERVATION_extent_order = 16;
export const RESERVATION_mem_flags = 20;
export const RESERVATION_domid = 24;
export const RESERVATION_SIZE = 32;
export const XENMEMF_populate_on_demand = 0x10000;

/** struct xen_memory_exchange: two reservations (in, out), then nr_exchanged. */
export const EXCHANGE_in = 0;
export const EXCHANGE_out = 32;
export const EXCHANGE_nr_exchanged = 64;
export const EXCHANGE_SIZE = 72;

/** struct xen_machphys_mfn_list */
export const MFN_LIST_max_extents = 0;
export const MFN_LIST_extent_start = 8;
export const MFN_LIST_nr_extents = 16;
export const MFN_LIST_SIZE = 24;

/** struct xen_add_to_physmap */
export const ADD_TO_PHYSMAP_domid = 0;
export const ADD_TO_PHYSMAP_size = 2;
export const ADD_TO_PHYSMAP_space = 4;
export const ADD_TO_PHYSMAP_idx = 8;
export const ADD_TO_PHYSMAP_gpfn = 16;
export const ADD_TO_PHYSMAP_SIZE = 24;

/** struct xen_memory_map, and struct xen_foreign_memory_map which has a domid and padding in front. */
export const MEMORY_MAP_nr_entries = 0;
export const MEMORY_MAP_buffer = 8;
export const MEMORY_MAP_SIZE = 16;
export const FOREIGN_MEMORY_MAP_domid = 0;
export const FOREIGN_MEMORY_MAP_map = 8;
export const FOREIGN_MEMORY_MAP_SIZE = 24;
/** struct e820entry: u64 address, u64 size, u32 type; packed. Xen takes at most E820MAX of them. */
export const E820_ENTRY_SIZE = 20;
export const E820_MAX = 128;
export const E820_RAM = 1;
export const E820_RESERVED = 2;

/** struct xen_mem_acquire_resource */
export const ACQUIRE_domid = 0;
export const ACQUIRE_type = 2;
export const ACQUIRE_id = 4;
export const ACQUIRE_nr_frames = 8;
export const ACQUIRE_pad = 12;
export const ACQUIRE_frame = 16;
export const ACQUIRE_frame_list = 24;
export const ACQUIRE_SIZE = 32;
export const XENMEM_resource_ioreq_server = 0;
export const XENMEM_resource_grant_table = 1;
export const XENMEM_resource_vmtrace_buf = 2;

/** mmu_update: low bits of mmu_update.ptr; struct mmu_update is u64 ptr, u64 val. */
export const MMU_NORMAL_PT_UPDATE = 0;
export const MMU_MACHPHYS_UPDATE = 1;
export const MMU_PT_UPDATE_PRESERVE_AD = 2;
export const MMU_PT_UPDATE_NO_TRANSLATE = 3;
export const MMU_UPDATE_SIZE = 16;
/** Bit of the count argument that marks a continued call (Xen's MMU_UPDATE_PREEMPTED). */
export const MMU_UPDATE_PREEMPTED = -0x80000000;

export const MMUEXT_PIN_L1_TABLE = 0;
export const MMUEXT_PIN_L2_TABLE = 1;
export const MMUEXT_PIN_L3_TABLE = 2;
export const MMUEXT_PIN_L4_TABLE = 3;
export const MMUEXT_UNPIN_TABLE = 4;
export const MMUEXT_NEW_BASEPTR = 5;
export const MMUEXT_TLB_FLUSH_LOCAL = 6;
export const MMUEXT_INVLPG_LOCAL = 7;
export const MMUEXT_TLB_FLUSH_MULTI = 8;
export const MMUEXT_INVLPG_MULTI = 9;
export const MMUEXT_TLB_FLUSH_ALL = 10;
export const MMUEXT_INVLPG_ALL = 11;
export const MMUEXT_FLUSH_CACHE = 12;
export const MMUEXT_SET_LDT = 13;
export const MMUEXT_NEW_USER_BASEPTR = 15;
export const MMUEXT_CLEAR_PAGE = 16;
export const MMUEXT_COPY_PAGE = 17;
export const MMUEXT_FLUSH_CACHE_GLOBAL = 18;
export const MMUEXT_MARK_SUPER = 19;
export const MMUEXT_UNMARK_SUPER = 20;
/** struct mmuext_op */
export const MMUEXT_OP_cmd = 0;
export const MMUEXT_OP_arg1 = 8;
export const MMUEXT_OP_arg2 = 16;
export const MMUEXT_OP_SIZE = 24;

export const UVMF_NONE = 0;
export const UVMF_TLB_FLUSH = 1;
export const UVMF_INVLPG = 2;
export const UVMF_FLUSHTYPE_MASK = 3;
/** UVMF_MULTI and UVMF_LOCAL are both 0: the vCPU bitmap's address (or none) is in the remaining bits. */
export const UVMF_ALL = 4;

/** Special domain numbers of public/xen.h. */
export const DOMID_FIRST_RESERVED = 0x7ff0;
export const DOMID_SELF = 0x7ff0;
export const DOMID_IO = 0x7ff1;
export const DOMID_XEN = 0x7ff2;
export const DOMID_COW = 0x7ff3;
export const DOMID_INVALID = 0x7ff4;
