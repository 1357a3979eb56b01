/** public/sysctl.h. */

export const XEN_SYSCTL_INTERFACE_VERSION = 0x15;

export const XEN_SYSCTL_readconsole = 1;
export const XEN_SYSCTL_tbuf_op = 2;
export const XEN_SYSCTL_physinfo = 3;
export const XEN_SYSCTL_sched_id = 4;
export const XEN_SYSCTL_perfc_op = 5;
export const XEN_SYSCTL_getdomaininfolist = 6;
export const XEN_SYSCTL_debug_keys = 7;
export const XEN_SYSCTL_getcpuinfo = 8;
export const XEN_SYSCTL_availheap = 9;
export const XEN_SYSCTL_get_pmstat = 10;
export const XEN_SYSCTL_cpu_hotplug = 11;
export const XEN_SYSCTL_pm_op = 12;
export const XEN_SYSCTL_page_offline_op = 14;
export const XEN_SYSCTL_lockprof_op = 15;
export const XEN_SYSCTL_cputopoinfo = 16;
export const XEN_SYSCTL_numainfo = 17;
export const XEN_SYSCTL_cpupool_op = 18;
export const XEN_SYSCTL_scheduler_op = 19;
export const XEN_SYSCTL_coverage_op = 20;
export const XEN_SYSCTL_psr_cmt_op = 21;
export const XEN_SYSCTL_pcitopoinfo = 22;
export const XEN_SYSCTL_psr_alloc = 23;
export const XEN_SYSCTL_get_cpu_levelling_caps = 25;
export const XEN_SYSCTL_get_cpu_featureset = 26;
export const XEN_SYSCTL_livepatch_op = 27;
export const XEN_SYSCTL_get_cpu_policy = 29;

/** struct xen_sysctl */
export const SYSCTL_SIZE = 136;
export const SYSCTL_CMD = 0;
export const SYSCTL_INTERFACE_VERSION = 4;
export const SYSCTL_U = 8;

/** struct xen_sysctl_readconsole */
export const SYSCTL_READCONSOLE_SIZE = 24;
export const SYSCTL_READCONSOLE_CLEAR = 0;
export const SYSCTL_READCONSOLE_INCREMENTAL = 1;
export const SYSCTL_READCONSOLE_INDEX = 4;
export const SYSCTL_READCONSOLE_BUFFER = 8;
export const SYSCTL_READCONSOLE_COUNT = 16;

/** struct xen_sysctl_physinfo */
export const SYSCTL_PHYSINFO_SIZE = 112;
export const SYSCTL_PHYSINFO_THREADS_PER_CORE = 0;
export const SYSCTL_PHYSINFO_CORES_PER_SOCKET = 4;
export const SYSCTL_PHYSINFO_NR_CPUS = 8;
export const SYSCTL_PHYSINFO_MAX_CPU_ID = 12;
export const SYSCTL_PHYSINFO_NR_NODES = 16;
export const SYSCTL_PHYSINFO_MAX_NODE_ID = 20;
export const SYSCTL_PHYSINFO_CPU_KHZ = 24;
export const SYSCTL_PHYSINFO_CAPABILITIES = 28;
export const SYSCTL_PHYSINFO_ARCH_CAPABILITIES = 32;
export const SYSCTL_PHYSINFO_TOTAL_PAGES = 40;
export const SYSCTL_PHYSINFO_FREE_PAGES = 48;
export const SYSCTL_PHYSINFO_SCRUB_PAGES = 56;
export const SYSCTL_PHYSINFO_OUTSTANDING_PAGES = 64;
export const SYSCTL_PHYSINFO_MAX_MFN = 72;
export const SYSCTL_PHYSINFO_HW_CAP = 80;

/** Bits of its capabilities. */
export const XEN_SYSCTL_PHYSCAP_hvm = 1;
export const XEN_SYSCTL_PHYSCAP_pv = 2;
export const XEN_SYSCTL_PHYSCAP_directio = 4;
export const XEN_SYSCTL_PHYSCAP_hap = 8;
export const XEN_SYSCTL_PHYSCAP_shadow = 16;
export const XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share = 32;
export const XEN_SYSCTL_PHYSCAP_vmtrace = 64;
export const XEN_SYSCTL_PHYSCAP_vpmu = 128;
export const XEN_SYSCTL_PHYSCAP_gnttab_v1 = 256;
export const XEN_SYSCTL_PHYSCAP_gnttab_v2 = 512;
export const XEN_SYSCTL_PHYSCAP_MAX = 512;

/** struct xen_sysctl_sched_id */
export const SYSCTL_SCHED_ID_SIZE = 4;
export const SYSCTL_SCHED_ID_SCHED_ID = 0;

/** struct xen_sysctl_perfc_op */
export const SYSCTL_PERFC_OP_SIZE = 32;
export const SYSCTL_PERFC_OP_CMD = 0;
export const SYSCTL_PERFC_OP_NR_COUNTERS = 4;
export const SYSCTL_PERFC_OP_NR_VALS = 8;
export const SYSCTL_PERFC_OP_DESC = 16;
export const SYSCTL_PERFC_OP_VAL = 24;

/** struct xen_sysctl_perfc_desc */
export const SYSCTL_PERFC_DESC_SIZE = 84;
export const SYSCTL_PERFC_DESC_NAME = 0;
export const SYSCTL_PERFC_DESC_NR_VALS = 80;

/** Its cmd. */
export const XEN_SYSCTL_PERFCOP_reset = 1;
export const XEN_SYSCTL_PERFCOP_query = 2;

/** struct xen_sysctl_getdomaininfolist */
export const SYSCTL_GETDOMAININFOLIST_SIZE = 24;
export const SYSCTL_GETDOMAININFOLIST_FIRST_DOMAIN = 0;
export const SYSCTL_GETDOMAININFOLIST_MAX_DOMAINS = 4;
export const SYSCTL_GETDOMAININFOLIST_BUFFER = 8;
export const SYSCTL_GETDOMAININFOLIST_NUM_DOMAINS = 16;

/** struct xen_sysctl_debug_keys */
export const SYSCTL_DEBUG_KEYS_SIZE = 16;
export const SYSCTL_DEBUG_KEYS_KEYS = 0;
export const SYSCTL_DEBUG_KEYS_NR_KEYS = 8;

/** struct xen_sysctl_getcpuinfo */
export const SYSCTL_GETCPUINFO_SIZE = 24;
export const SYSCTL_GETCPUINFO_MAX_CPUS = 0;
export const SYSCTL_GETCPUINFO_INFO = 8;
export const SYSCTL_GETCPUINFO_NR_CPUS = 16;

/** struct xen_sysctl_cpuinfo */
export const SYSCTL_CPUINFO_SIZE = 8;
export const SYSCTL_CPUINFO_IDLETIME = 0;

/** struct xen_sysctl_availheap */
export const SYSCTL_AVAILHEAP_SIZE = 24;
export const SYSCTL_AVAILHEAP_MIN_BITWIDTH = 0;
export const SYSCTL_AVAILHEAP_MAX_BITWIDTH = 4;
export const SYSCTL_AVAILHEAP_NODE = 8;
export const SYSCTL_AVAILHEAP_AVAIL_BYTES = 16;

/** struct xen_sysctl_cputopoinfo */
export const SYSCTL_CPUTOPOINFO_SIZE = 16;
export const SYSCTL_CPUTOPOINFO_NUM_CPUS = 0;
export const SYSCTL_CPUTOPOINFO_CPUTOPO = 8;

/** struct xen_sysctl_cputopo */
export const SYSCTL_CPUTOPO_SIZE = 12;
export const SYSCTL_CPUTOPO_CORE = 0;
export const SYSCTL_CPUTOPO_SOCKET = 4;
export const SYSCTL_CPUTOPO_NODE = 8;

/** The numbers that stand for a thing that does not exist. */
export const XEN_INVALID_CORE_ID = 0xffffffff;
export const XEN_INVALID_SOCKET_ID = 0xffffffff;
export const XEN_INVALID_NODE_ID = 0xffffffff;
export const XEN_INVALID_MEM_SZ = 0xffffffff;
export const XEN_INVALID_NODE_DIST = 0xffffffff;

/** struct xen_sysctl_numainfo */
export const SYSCTL_NUMAINFO_SIZE = 24;
export const SYSCTL_NUMAINFO_NUM_NODES = 0;
export const SYSCTL_NUMAINFO_MEMINFO = 8;
export const SYSCTL_NUMAINFO_DISTANCE = 16;

/** struct xen_sysctl_meminfo */
export const SYSCTL_MEMINFO_SIZE = 16;
export const SYSCTL_MEMINFO_MEMSIZE = 0;
export const SYSCTL_MEMINFO_MEMFREE = 8;

/** struct xen_sysctl_cpupool_op */
export const SYSCTL_CPUPOOL_OP_SIZE = 40;
export const SYSCTL_CPUPOOL_OP_OP = 0;
export const SYSCTL_CPUPOOL_OP_CPUPOOL_ID = 4;
export const SYSCTL_CPUPOOL_OP_SCHED_ID = 8;
export const SYSCTL_CPUPOOL_OP_DOMID = 12;
export const SYSCTL_CPUPOOL_OP_CPU = 16;
export const SYSCTL_CPUPOOL_OP_N_DOM = 20;
export const SYSCTL_CPUPOOL_OP_CPUMAP = 24;

/** Its op, and a value for cpupool_id. */
export const XEN_SYSCTL_CPUPOOL_OP_CREATE = 1;
export const XEN_SYSCTL_CPUPOOL_OP_DESTROY = 2;
export const XEN_SYSCTL_CPUPOOL_OP_INFO = 3;
export const XEN_SYSCTL_CPUPOOL_OP_ADDCPU = 4;
export const XEN_SYSCTL_CPUPOOL_OP_RMCPU = 5;
export const XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN = 6;
export const XEN_SYSCTL_CPUPOOL_OP_FREEINFO = 7;
export const XEN_SYSCTL_CPUPOOL_PAR_ANY = 0xffffffff;

/** struct xen_sysctl_scheduler_op */
export const SYSCTL_SCHEDULER_OP_SIZE = 32;
export const SYSCTL_SCHEDULER_OP_CPUPOOL_ID = 0;
export const SYSCTL_SCHEDULER_OP_SCHED_ID = 4;
export const SYSCTL_SCHEDULER_OP_CMD = 8;
export const SYSCTL_SCHEDULER_OP_U = 16;

/** struct xen_sysctl_credit_schedule */
export const SYSCTL_CREDIT_SCHEDULE_SIZE = 12;
export const SYSCTL_CREDIT_SCHEDULE_TSLICE_MS = 0;
export const SYSCTL_CREDIT_SCHEDULE_RATELIMIT_US = 4;
export const SYSCTL_CREDIT_SCHEDULE_VCPU_MIGR_DELAY_US = 8;

/** Its cmd. */
export const XEN_SYSCTL_SCHEDOP_putinfo = 0;
export const XEN_SYSCTL_SCHEDOP_getinfo = 1;

/** struct xen_sysctl_cpu_levelling_caps */
export const SYSCTL_CPU_LEVELLING_CAPS_SIZE = 4;
export const SYSCTL_CPU_LEVELLING_CAPS_CAPS = 0;

/** struct xen_sysctl_cpu_featureset */
export const SYSCTL_CPU_FEATURESET_SIZE = 16;
export const SYSCTL_CPU_FEATURESET_INDEX = 0;
export const SYSCTL_CPU_FEATURESET_NR_FEATURES = 4;
export const SYSCTL_CPU_FEATURESET_FEATURES = 8;

/** struct xen_sysctl_cpu_policy */
export const SYSCTL_CPU_POLICY_SIZE = 32;
export const SYSCTL_CPU_POLICY_INDEX = 0;
export const SYSCTL_CPU_POLICY_NR_LEAVES = 4;
export const SYSCTL_CPU_POLICY_NR_MSRS = 8;
export const SYSCTL_CPU_POLICY_LEAVES = 16;
export const SYSCTL_CPU_POLICY_MSRS = 24;

export const XEN_SYSCTL_cpu_featureset_raw = 0;
export const XEN_SYSCTL_cpu_featureset_host = 1;
export const XEN_SYSCTL_cpu_featureset_pv = 2;
export const XEN_SYSCTL_cpu_featureset_hvm = 3;
export const XEN_SYSCTL_cpu_featureset_pv_max = 4;
export const XEN_SYSCTL_cpu_featureset_hvm_max = 5;
export const XEN_SYSCTL_cpu_policy_raw = 0;
export const XEN_SYSCTL_cpu_policy_host = 1;
export const XEN_SYSCTL_cpu_policy_pv_max = 2;
export const XEN_SYSCTL_cpu_policy_hvm_max = 3;
export const XEN_SYSCTL_cpu_policy_pv_default = 4;
export const XEN_SYSCTL_cpu_policy_hvm_default = 5;
