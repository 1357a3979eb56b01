/** Numbers and offsets of public/sysctl.h of Xen 4.17 (printed by a C program from the header). Bytes, from u. */
export const XEN_SYSCTL_INTERFACE_VERSION = 0x15;
export const SYSCTL_SIZE = 136;
export const SYSCTL_U = 8;
export const XEN_SYSCTL_readconsole = 1;
export const XEN_SYSCTL_physinfo = 3;
export const XEN_SYSCTL_sched_id = 4;
export const XEN_SYSCTL_perfc_op = 5;
export const XEN_SYSCTL_getdomaininfolist = 6;
export const XEN_SYSCTL_debug_keys = 7;
export const XEN_SYSCTL_getcpuinfo = 8;
export const XEN_SYSCTL_availheap = 9;
export const XEN_SYSCTL_cputopoinfo = 16;
export const XEN_SYSCTL_numainfo = 17;
export const XEN_SYSCTL_cpupool_op = 18;
export const XEN_SYSCTL_scheduler_op = 19;

export const READCONSOLE_CLEAR = 0;
export const READCONSOLE_INCREMENTAL = 1;
export const READCONSOLE_INDEX = 4;
export const READCONSOLE_BUFFER = 8;
export const READCONSOLE_COUNT = 16;

export const PHYSINFO_SIZE = 112;
export const PHYSCAP_pv = 2;
export const PHYSCAP_gnttab_v1 = 256;
export const PHYSCAP_gnttab_v2 = 512;

export const PERFCOP_reset = 1;
export const PERFCOP_query = 2;
export const PERFC_DESC_SIZE = 84;
export const CPUPOOL_OP_INFO = 3;
export const CPUPOOL_OP_FREEINFO = 7;
