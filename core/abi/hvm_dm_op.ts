/** public/hvm/dm_op.h. */

export const XEN_DMOP_create_ioreq_server = 1;
export const XEN_DMOP_get_ioreq_server_info = 2;
export const XEN_DMOP_map_io_range_to_ioreq_server = 3;
export const XEN_DMOP_unmap_io_range_from_ioreq_server = 4;
export const XEN_DMOP_set_ioreq_server_state = 5;
export const XEN_DMOP_destroy_ioreq_server = 6;
export const XEN_DMOP_track_dirty_vram = 7;
export const XEN_DMOP_set_pci_intx_level = 8;
export const XEN_DMOP_set_isa_irq_level = 9;
export const XEN_DMOP_set_pci_link_route = 10;
export const XEN_DMOP_modified_memory = 11;
export const XEN_DMOP_set_mem_type = 12;
export const XEN_DMOP_inject_event = 13;
export const XEN_DMOP_inject_msi = 14;
export const XEN_DMOP_map_mem_type_to_ioreq_server = 15;
export const XEN_DMOP_remote_shutdown = 16;
export const XEN_DMOP_relocate_memory = 17;
export const XEN_DMOP_pin_memory_cacheattr = 18;
export const XEN_DMOP_set_irq_level = 19;
export const XEN_DMOP_nr_vcpus = 20;

/** struct xen_dm_op */
export const DM_OP_SIZE = 32;
export const DM_OP_OP = 0;
export const DM_OP_U = 8;

/** struct xen_dm_op_buf */
export const DM_OP_BUF_SIZE = 16;
export const DM_OP_BUF_SIZE_32 = 8;
export const DM_OP_BUF_H = 0;
/** @c size */
export const DM_OP_BUF_SIZE_MEMBER = 8;
export const DM_OP_BUF_SIZE_MEMBER_32 = 4;

/** struct xen_dm_op_create_ioreq_server */
export const DM_OP_CREATE_IOREQ_SERVER_SIZE = 6;
export const DM_OP_CREATE_IOREQ_SERVER_HANDLE_BUFIOREQ = 0;
export const DM_OP_CREATE_IOREQ_SERVER_ID = 4;

/** struct xen_dm_op_get_ioreq_server_info */
export const DM_OP_GET_IOREQ_SERVER_INFO_SIZE = 24;
export const DM_OP_GET_IOREQ_SERVER_INFO_ID = 0;
export const DM_OP_GET_IOREQ_SERVER_INFO_FLAGS = 2;
export const DM_OP_GET_IOREQ_SERVER_INFO_BUFIOREQ_PORT = 4;
export const DM_OP_GET_IOREQ_SERVER_INFO_IOREQ_GFN = 8;
export const DM_OP_GET_IOREQ_SERVER_INFO_BUFIOREQ_GFN = 16;

/** Its flags, and handle_bufioreq of the request that creates a server. */
export const XEN_DMOP_no_gfns = 1;

/** struct xen_dm_op_ioreq_server_range */
export const DM_OP_IOREQ_SERVER_RANGE_SIZE = 24;
export const DM_OP_IOREQ_SERVER_RANGE_ID = 0;
export const DM_OP_IOREQ_SERVER_RANGE_TYPE = 4;
export const DM_OP_IOREQ_SERVER_RANGE_START = 8;
export const DM_OP_IOREQ_SERVER_RANGE_END = 16;

/** Its type. */
export const XEN_DMOP_IO_RANGE_PORT = 0;
export const XEN_DMOP_IO_RANGE_MEMORY = 1;
export const XEN_DMOP_IO_RANGE_PCI = 2;

/** struct xen_dm_op_set_ioreq_server_state */
export const DM_OP_SET_IOREQ_SERVER_STATE_SIZE = 4;
export const DM_OP_SET_IOREQ_SERVER_STATE_ID = 0;
export const DM_OP_SET_IOREQ_SERVER_STATE_ENABLED = 2;

/** struct xen_dm_op_destroy_ioreq_server */
export const DM_OP_DESTROY_IOREQ_SERVER_SIZE = 4;
export const DM_OP_DESTROY_IOREQ_SERVER_ID = 0;

/** struct xen_dm_op_track_dirty_vram */
export const DM_OP_TRACK_DIRTY_VRAM_SIZE = 16;
export const DM_OP_TRACK_DIRTY_VRAM_NR = 0;
export const DM_OP_TRACK_DIRTY_VRAM_FIRST_PFN = 8;

/** struct xen_dm_op_set_pci_intx_level */
export const DM_OP_SET_PCI_INTX_LEVEL_SIZE = 6;
export const DM_OP_SET_PCI_INTX_LEVEL_DOMAIN = 0;
export const DM_OP_SET_PCI_INTX_LEVEL_BUS = 2;
export const DM_OP_SET_PCI_INTX_LEVEL_DEVICE = 3;
export const DM_OP_SET_PCI_INTX_LEVEL_INTX = 4;
export const DM_OP_SET_PCI_INTX_LEVEL_LEVEL = 5;

/** struct xen_dm_op_set_isa_irq_level */
export const DM_OP_SET_ISA_IRQ_LEVEL_SIZE = 2;
export const DM_OP_SET_ISA_IRQ_LEVEL_ISA_IRQ = 0;
export const DM_OP_SET_ISA_IRQ_LEVEL_LEVEL = 1;

/** struct xen_dm_op_set_pci_link_route */
export const DM_OP_SET_PCI_LINK_ROUTE_SIZE = 2;
export const DM_OP_SET_PCI_LINK_ROUTE_LINK = 0;
export const DM_OP_SET_PCI_LINK_ROUTE_ISA_IRQ = 1;

/** struct xen_dm_op_modified_memory */
export const DM_OP_MODIFIED_MEMORY_SIZE = 8;
export const DM_OP_MODIFIED_MEMORY_NR_EXTENTS = 0;
export const DM_OP_MODIFIED_MEMORY_OPAQUE = 4;

/** struct xen_dm_op_modified_memory_extent */
export const DM_OP_MODIFIED_MEMORY_EXTENT_SIZE = 16;
export const DM_OP_MODIFIED_MEMORY_EXTENT_NR = 0;
export const DM_OP_MODIFIED_MEMORY_EXTENT_FIRST_PFN = 8;

/** struct xen_dm_op_set_mem_type */
export const DM_OP_SET_MEM_TYPE_SIZE = 16;
export const DM_OP_SET_MEM_TYPE_NR = 0;
export const DM_OP_SET_MEM_TYPE_MEM_TYPE = 4;
export const DM_OP_SET_MEM_TYPE_FIRST_PFN = 8;

/** struct xen_dm_op_inject_event */
export const DM_OP_INJECT_EVENT_SIZE = 24;
export const DM_OP_INJECT_EVENT_VCPUID = 0;
export const DM_OP_INJECT_EVENT_VECTOR = 4;
export const DM_OP_INJECT_EVENT_TYPE = 5;
export const DM_OP_INJECT_EVENT_INSN_LEN = 6;
export const DM_OP_INJECT_EVENT_ERROR_CODE = 8;
export const DM_OP_INJECT_EVENT_CR2 = 16;

/** Its type. */
export const XEN_DMOP_EVENT_ext_int = 0;
export const XEN_DMOP_EVENT_nmi = 2;
export const XEN_DMOP_EVENT_hw_exc = 3;
export const XEN_DMOP_EVENT_sw_int = 4;
export const XEN_DMOP_EVENT_pri_sw_exc = 5;
export const XEN_DMOP_EVENT_sw_exc = 6;

/** struct xen_dm_op_inject_msi */
export const DM_OP_INJECT_MSI_SIZE = 16;
export const DM_OP_INJECT_MSI_DATA = 0;
export const DM_OP_INJECT_MSI_ADDR = 8;

/** struct xen_dm_op_remote_shutdown */
export const DM_OP_REMOTE_SHUTDOWN_SIZE = 4;
export const DM_OP_REMOTE_SHUTDOWN_REASON = 0;

/** struct xen_dm_op_relocate_memory */
export const DM_OP_RELOCATE_MEMORY_SIZE = 24;
/** @c size */
export const DM_OP_RELOCATE_MEMORY_SIZE_MEMBER = 0;
export const DM_OP_RELOCATE_MEMORY_SRC_GFN = 8;
export const DM_OP_RELOCATE_MEMORY_DST_GFN = 16;

/** struct xen_dm_op_pin_memory_cacheattr */
export const DM_OP_PIN_MEMORY_CACHEATTR_SIZE = 24;
export const DM_OP_PIN_MEMORY_CACHEATTR_START = 0;
export const DM_OP_PIN_MEMORY_CACHEATTR_END = 8;
export const DM_OP_PIN_MEMORY_CACHEATTR_TYPE = 16;

/** struct xen_dm_op_nr_vcpus */
export const DM_OP_NR_VCPUS_SIZE = 4;
export const DM_OP_NR_VCPUS_VCPUS = 0;
