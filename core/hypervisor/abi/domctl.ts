/** Numbers and offsets of public/domctl.h of Xen 4.17 (printed by a C program from the header). Bytes. */
export const XEN_DOMCTL_INTERFACE_VERSION = 0x15;
export const XEN_DOMCTL_createdomain = 1;
export const XEN_DOMCTL_destroydomain = 2;
export const XEN_DOMCTL_pausedomain = 3;
export const XEN_DOMCTL_unpausedomain = 4;
export const XEN_DOMCTL_getdomaininfo = 5;
export const XEN_DOMCTL_setvcpuaffinity = 9;
export const XEN_DOMCTL_shadow_op = 10;
export const XEN_DOMCTL_max_mem = 11;
export const XEN_DOMCTL_setvcpucontext = 12;
export const XEN_DOMCTL_getvcpucontext = 13;
export const XEN_DOMCTL_getvcpuinfo = 14;
export const XEN_DOMCTL_max_vcpus = 15;
export const XEN_DOMCTL_scheduler_op = 16;
export const XEN_DOMCTL_setdomainhandle = 17;
export const XEN_DOMCTL_setdebugging = 18;
export const XEN_DOMCTL_irq_permission = 19;
export const XEN_DOMCTL_iomem_permission = 20;
export const XEN_DOMCTL_ioport_permission = 21;
export const XEN_DOMCTL_hypercall_init = 22;
export const XEN_DOMCTL_settimeoffset = 24;
export const XEN_DOMCTL_getvcpuaffinity = 25;
export const XEN_DOMCTL_resumedomain = 27;
export const XEN_DOMCTL_sendtrigger = 28;
export const XEN_DOMCTL_set_ext_vcpucontext = 42;
export const XEN_DOMCTL_get_ext_vcpucontext = 43;
export const XEN_DOMCTL_gethvmcontext = 33;
export const XEN_DOMCTL_sethvmcontext = 34;
export const XEN_DOMCTL_set_address_size = 35;
export const XEN_DOMCTL_get_address_size = 36;
export const XEN_DOMCTL_set_target = 46;
export const XEN_DOMCTL_gettscinfo = 59;
export const XEN_DOMCTL_settscinfo = 60;
export const XEN_DOMCTL_getpageframeinfo3 = 61;
export const XEN_DOMCTL_set_virq_handler = 66;
export const XEN_DOMCTL_setnodeaffinity = 68;
export const XEN_DOMCTL_getnodeaffinity = 69;
export const XEN_DOMCTL_soft_reset = 79;
export const XEN_DOMCTL_get_paging_mempool_size = 85;
export const XEN_DOMCTL_set_paging_mempool_size = 86;

/** struct xen_domctl */
export const DOMCTL_SIZE = 144;
export const DOMCTL_CMD = 0;
export const DOMCTL_VERSION = 4;
export const DOMCTL_DOMAIN = 8;
export const DOMCTL_U = 16;

/** struct xen_domctl_createdomain, from u */
export const CREATE_SSIDREF = 0;
export const CREATE_HANDLE = 4;
export const CREATE_FLAGS = 20;
export const CREATE_IOMMU_OPTS = 24;
export const CREATE_MAX_VCPUS = 28;
export const CREATE_MAX_EVTCHN_PORT = 32;
export const CREATE_MAX_GRANT_FRAMES = 36;
export const CREATE_MAX_MAPTRACK_FRAMES = 40;
export const CREATE_GRANT_OPTS = 44;
export const CREATE_VMTRACE_SIZE = 48;
export const CREATE_CPUPOOL_ID = 52;
export const CREATE_EMULATION_FLAGS = 56;
export const CREATE_MISC_FLAGS = 60;
export const XEN_X86_MSR_RELAXED = 1;
export const CDF_hvm = 1;
export const CDF_xs_domain = 16;
export const CDF_MAX = 128;

/** struct xen_domctl_getdomaininfo */
export const INFO_SIZE = 112;
export const INFO_DOMAIN = 0;
export const INFO_FLAGS = 4;
export const INFO_TOT_PAGES = 8;
export const INFO_MAX_PAGES = 16;
export const INFO_OUTSTANDING_PAGES = 24;
export const INFO_SHARED_INFO_FRAME = 48;
export const INFO_CPU_TIME = 56;
export const INFO_ONLINE_VCPUS = 64;
export const INFO_MAX_VCPU_ID = 68;
export const INFO_SSIDREF = 72;
export const INFO_HANDLE = 76;
export const INFO_CPUPOOL = 92;
export const INFO_GPADDR_BITS = 96;
export const DOMINF_dying = 1;
export const DOMINF_shutdown = 4;
export const DOMINF_paused = 8;
export const DOMINF_blocked = 16;
export const DOMINF_running = 32;
export const DOMINF_debugged = 64;
export const DOMINF_xs_domain = 128;
export const DOMINF_shutdownshift = 16;

export const VCPUAFFINITY_HARD = 1;
export const VCPUAFFINITY_SOFT = 2;
export const VCPUAFFINITY_FORCE = 4;
export const SCHEDOP_putinfo = 0;
export const SCHEDOP_getinfo = 1;
export const SCHEDOP_putvcpuinfo = 2;
export const SCHEDOP_getvcpuinfo = 3;
export const PFINFO_LTAB_SHIFT = 28;
/** XEN_DOMCTL_PFINFO_LPINTAB and PFINFO_XTAB as high bits of a u32. */
export const PFINFO_LPINTAB_BIT = 31;
export const PFINFO_XTAB_BITS = 15;
/** public/arch-x86/cpuid.h: XEN_CPUID_TSC_MODE_*. */
export const TSC_MODE_DEFAULT = 0;
export const TSC_MODE_ALWAYS_EMULATE = 1;
export const TSC_MODE_NEVER_EMULATE = 2;
export const SENDTRIGGER_NMI = 0;
