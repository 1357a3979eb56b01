/** public/io/9pfs.h. */

/** struct xen_9pfs_data_intf */
export const XEN_9PFS_DATA_INTF_SIZE = 132;
export const XEN_9PFS_DATA_INTF_IN_CONS = 0;
export const XEN_9PFS_DATA_INTF_IN_PROD = 4;
export const XEN_9PFS_DATA_INTF_OUT_CONS = 64;
export const XEN_9PFS_DATA_INTF_OUT_PROD = 68;
export const XEN_9PFS_DATA_INTF_RING_ORDER = 128;
export const XEN_9PFS_DATA_INTF_REF = 132;
