/** public/memory.h. */

export const XENMEM_increase_reservation = 0;
export const XENMEM_decrease_reservation = 1;
export const XENMEM_populate_physmap = 6;
export const XENMEM_exchange = 11;
export const XENMEM_maximum_ram_page = 2;
export const XENMEM_current_reservation = 3;
export const XENMEM_maximum_reservation = 4;
export const XENMEM_maximum_gpfn = 14;
export const XENMEM_machphys_mfn_list = 5;
export const XENMEM_machphys_compat_mfn_list = 25;
export const XENMEM_machphys_mapping = 12;
export const XENMEM_add_to_physmap = 7;
export const XENMEM_add_to_physmap_batch = 23;
export const XENMEM_remove_from_physmap = 15;
export const XENMEM_memory_map = 9;
export const XENMEM_machine_memory_map = 10;
export const XENMEM_set_memory_map = 13;
export const XENMEM_set_pod_target = 16;
export const XENMEM_get_pod_target = 17;
export const XENMEM_get_sharing_freed_pages = 18;
export const XENMEM_get_sharing_shared_pages = 19;
export const XENMEM_paging_op = 20;
export const XENMEM_access_op = 21;
export const XENMEM_sharing_op = 22;
export const XENMEM_claim_pages = 24;
export const XENMEM_reserved_device_memory_map = 27;
export const XENMEM_acquire_resource = 28;
export const XENMEM_get_vnumainfo = 26;

/** Flags in the mem_flags of a reservation. */
export const XENMEMF_populate_on_demand = 0x10000;
export const XENMEMF_exact_node_request = 0x20000;
export const XENMEMF_vnode = 0x40000;

/** struct xen_memory_reservation */
export const MEMORY_RESERVATION_SIZE = 32;
export const MEMORY_RESERVATION_SIZE_32 = 20;
export const MEMORY_RESERVATION_EXTENT_START = 0;
export const MEMORY_RESERVATION_NR_EXTENTS = 8;
export const MEMORY_RESERVATION_NR_EXTENTS_32 = 4;
export const MEMORY_RESERVATION_EXTENT_ORDER = 16;
export const MEMORY_RESERVATION_EXTENT_ORDER_32 = 8;
export const MEMORY_RESERVATION_MEM_FLAGS = 20;
export const MEMORY_RESERVATION_MEM_FLAGS_32 = 12;
export const MEMORY_RESERVATION_DOMID = 24;
export const MEMORY_RESERVATION_DOMID_32 = 16;

/** struct xen_memory_exchange */
export const MEMORY_EXCHANGE_SIZE = 72;
export const MEMORY_EXCHANGE_SIZE_32 = 44;
export const MEMORY_EXCHANGE_IN = 0;
export const MEMORY_EXCHANGE_OUT = 32;
export const MEMORY_EXCHANGE_OUT_32 = 20;
export const MEMORY_EXCHANGE_NR_EXCHANGED = 64;
export const MEMORY_EXCHANGE_NR_EXCHANGED_32 = 40;

/** struct xen_machphys_mfn_list */
export const MACHPHYS_MFN_LIST_SIZE = 24;
export const MACHPHYS_MFN_LIST_SIZE_32 = 12;
export const MACHPHYS_MFN_LIST_MAX_EXTENTS = 0;
export const MACHPHYS_MFN_LIST_EXTENT_START = 8;
export const MACHPHYS_MFN_LIST_EXTENT_START_32 = 4;
export const MACHPHYS_MFN_LIST_NR_EXTENTS = 16;
export const MACHPHYS_MFN_LIST_NR_EXTENTS_32 = 8;

/** struct xen_machphys_mapping */
export const MACHPHYS_MAPPING_SIZE = 24;
export const MACHPHYS_MAPPING_SIZE_32 = 12;
export const MACHPHYS_MAPPING_V_START = 0;
export const MACHPHYS_MAPPING_V_END = 8;
export const MACHPHYS_MAPPING_V_END_32 = 4;
export const MACHPHYS_MAPPING_MAX_MFN = 16;
export const MACHPHYS_MAPPING_MAX_MFN_32 = 8;

export const XENMAPSPACE_shared_info = 0;
export const XENMAPSPACE_grant_table = 1;
export const XENMAPSPACE_gmfn = 2;
export const XENMAPSPACE_gmfn_range = 3;
export const XENMAPSPACE_gmfn_foreign = 4;
export const XENMAPSPACE_dev_mmio = 5;
export const XENMAPIDX_grant_table_status = 0x80000000;

/** struct xen_add_to_physmap */
export const ADD_TO_PHYSMAP_SIZE = 24;
export const ADD_TO_PHYSMAP_SIZE_32 = 16;
export const ADD_TO_PHYSMAP_DOMID = 0;
/** @c size */
export const ADD_TO_PHYSMAP_SIZE_MEMBER = 2;
export const ADD_TO_PHYSMAP_SPACE = 4;
export const ADD_TO_PHYSMAP_IDX = 8;
export const ADD_TO_PHYSMAP_GPFN = 16;
export const ADD_TO_PHYSMAP_GPFN_32 = 12;

/** struct xen_add_to_physmap_batch */
export const ADD_TO_PHYSMAP_BATCH_SIZE = 32;
export const ADD_TO_PHYSMAP_BATCH_SIZE_32 = 20;
export const ADD_TO_PHYSMAP_BATCH_DOMID = 0;
export const ADD_TO_PHYSMAP_BATCH_SPACE = 2;
/** @c size */
export const ADD_TO_PHYSMAP_BATCH_SIZE_MEMBER = 4;
export const ADD_TO_PHYSMAP_BATCH_U = 6;
export const ADD_TO_PHYSMAP_BATCH_IDXS = 8;
export const ADD_TO_PHYSMAP_BATCH_GPFNS = 16;
export const ADD_TO_PHYSMAP_BATCH_GPFNS_32 = 12;
export const ADD_TO_PHYSMAP_BATCH_ERRS = 24;
export const ADD_TO_PHYSMAP_BATCH_ERRS_32 = 16;

/** struct xen_remove_from_physmap */
export const REMOVE_FROM_PHYSMAP_SIZE = 16;
export const REMOVE_FROM_PHYSMAP_SIZE_32 = 8;
export const REMOVE_FROM_PHYSMAP_DOMID = 0;
export const REMOVE_FROM_PHYSMAP_GPFN = 8;
export const REMOVE_FROM_PHYSMAP_GPFN_32 = 4;

/** struct xen_memory_map */
export const MEMORY_MAP_SIZE = 16;
export const MEMORY_MAP_SIZE_32 = 8;
export const MEMORY_MAP_NR_ENTRIES = 0;
export const MEMORY_MAP_BUFFER = 8;
export const MEMORY_MAP_BUFFER_32 = 4;

/** struct xen_foreign_memory_map */
export const FOREIGN_MEMORY_MAP_SIZE = 24;
export const FOREIGN_MEMORY_MAP_SIZE_32 = 12;
export const FOREIGN_MEMORY_MAP_DOMID = 0;
export const FOREIGN_MEMORY_MAP_MAP = 8;
export const FOREIGN_MEMORY_MAP_MAP_32 = 4;

/** struct xen_pod_target */
export const POD_TARGET_SIZE = 40;
export const POD_TARGET_SIZE_32 = 36;
export const POD_TARGET_TARGET_PAGES = 0;
export const POD_TARGET_TOT_PAGES = 8;
export const POD_TARGET_POD_CACHE_PAGES = 16;
export const POD_TARGET_POD_ENTRIES = 24;
export const POD_TARGET_DOMID = 32;

/** struct xen_reserved_device_memory_map */
export const RESERVED_DEVICE_MEMORY_MAP_SIZE = 24;
export const RESERVED_DEVICE_MEMORY_MAP_SIZE_32 = 16;
export const RESERVED_DEVICE_MEMORY_MAP_FLAGS = 0;
export const RESERVED_DEVICE_MEMORY_MAP_NR_ENTRIES = 4;
export const RESERVED_DEVICE_MEMORY_MAP_BUFFER = 8;
export const RESERVED_DEVICE_MEMORY_MAP_DEV = 16;
export const RESERVED_DEVICE_MEMORY_MAP_DEV_32 = 12;

/** struct xen_mem_acquire_resource */
export const MEM_ACQUIRE_RESOURCE_SIZE = 32;
export const MEM_ACQUIRE_RESOURCE_SIZE_32 = 28;
export const MEM_ACQUIRE_RESOURCE_DOMID = 0;
export const MEM_ACQUIRE_RESOURCE_TYPE = 2;
export const MEM_ACQUIRE_RESOURCE_ID = 4;
export const MEM_ACQUIRE_RESOURCE_NR_FRAMES = 8;
export const MEM_ACQUIRE_RESOURCE_PAD = 12;
export const MEM_ACQUIRE_RESOURCE_FRAME = 16;
export const MEM_ACQUIRE_RESOURCE_FRAME_LIST = 24;

/** Its type, id and frame. */
export const XENMEM_resource_ioreq_server = 0;
export const XENMEM_resource_grant_table = 1;
export const XENMEM_resource_vmtrace_buf = 2;
export const XENMEM_resource_grant_table_id_shared = 0;
export const XENMEM_resource_grant_table_id_status = 1;
export const XENMEM_resource_ioreq_server_frame_bufioreq = 0;

/** struct xen_vnuma_topology_info */
export const VNUMA_TOPOLOGY_INFO_SIZE = 40;
export const VNUMA_TOPOLOGY_INFO_DOMID = 0;
export const VNUMA_TOPOLOGY_INFO_PAD = 2;
export const VNUMA_TOPOLOGY_INFO_NR_VNODES = 4;
export const VNUMA_TOPOLOGY_INFO_NR_VCPUS = 8;
export const VNUMA_TOPOLOGY_INFO_NR_VMEMRANGES = 12;
/** @c vdistance.h */
export const VNUMA_TOPOLOGY_INFO_VDISTANCE = 16;
/** @c vcpu_to_vnode.h */
export const VNUMA_TOPOLOGY_INFO_VCPU_TO_VNODE = 24;
/** @c vmemrange.h */
export const VNUMA_TOPOLOGY_INFO_VMEMRANGE = 32;
