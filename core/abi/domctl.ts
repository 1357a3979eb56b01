/** public/domctl.h. */

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
export const XEN_DOMCTL_real_mode_area = 26;
export const XEN_DOMCTL_resumedomain = 27;
export const XEN_DOMCTL_sendtrigger = 28;
export const XEN_DOMCTL_subscribe = 29;
export const XEN_DOMCTL_gethvmcontext = 33;
export const XEN_DOMCTL_sethvmcontext = 34;
export const XEN_DOMCTL_set_address_size = 35;
export const XEN_DOMCTL_get_address_size = 36;
export const XEN_DOMCTL_assign_device = 37;
export const XEN_DOMCTL_bind_pt_irq = 38;
export const XEN_DOMCTL_memory_mapping = 39;
export const XEN_DOMCTL_ioport_mapping = 40;
export const XEN_DOMCTL_set_ext_vcpucontext = 42;
export const XEN_DOMCTL_get_ext_vcpucontext = 43;
export const XEN_DOMCTL_set_opt_feature = 44;
export const XEN_DOMCTL_test_assign_device = 45;
export const XEN_DOMCTL_set_target = 46;
export const XEN_DOMCTL_deassign_device = 47;
export const XEN_DOMCTL_unbind_pt_irq = 48;
export const XEN_DOMCTL_get_device_group = 50;
export const XEN_DOMCTL_debug_op = 54;
export const XEN_DOMCTL_gethvmcontext_partial = 55;
export const XEN_DOMCTL_vm_event_op = 56;
export const XEN_DOMCTL_mem_sharing_op = 57;
export const XEN_DOMCTL_gettscinfo = 59;
export const XEN_DOMCTL_settscinfo = 60;
export const XEN_DOMCTL_getpageframeinfo3 = 61;
export const XEN_DOMCTL_setvcpuextstate = 62;
export const XEN_DOMCTL_getvcpuextstate = 63;
export const XEN_DOMCTL_set_access_required = 64;
export const XEN_DOMCTL_audit_p2m = 65;
export const XEN_DOMCTL_set_virq_handler = 66;
export const XEN_DOMCTL_set_broken_page_p2m = 67;
export const XEN_DOMCTL_setnodeaffinity = 68;
export const XEN_DOMCTL_getnodeaffinity = 69;
export const XEN_DOMCTL_cacheflush = 71;
export const XEN_DOMCTL_get_vcpu_msrs = 72;
export const XEN_DOMCTL_set_vcpu_msrs = 73;
export const XEN_DOMCTL_setvnumainfo = 74;
export const XEN_DOMCTL_psr_cmt_op = 75;
export const XEN_DOMCTL_monitor_op = 77;
export const XEN_DOMCTL_psr_alloc = 78;
export const XEN_DOMCTL_soft_reset = 79;
export const XEN_DOMCTL_vuart_op = 81;
export const XEN_DOMCTL_get_cpu_policy = 82;
export const XEN_DOMCTL_set_cpu_policy = 83;
export const XEN_DOMCTL_get_paging_mempool_size = 85;
export const XEN_DOMCTL_set_paging_mempool_size = 86;
export const XEN_DOMCTL_gdbsx_guestmemio = 1000;
export const XEN_DOMCTL_gdbsx_pausevcpu = 1001;
export const XEN_DOMCTL_gdbsx_unpausevcpu = 1002;
export const XEN_DOMCTL_gdbsx_domstatus = 1003;

/** struct xen_domctl */
export const DOMCTL_SIZE = 144;
export const DOMCTL_CMD = 0;
export const DOMCTL_INTERFACE_VERSION = 4;
export const DOMCTL_DOMAIN = 8;
export const DOMCTL_U = 16;

/** struct xen_domctl_createdomain */
export const DOMCTL_CREATEDOMAIN_SIZE = 64;
export const DOMCTL_CREATEDOMAIN_SSIDREF = 0;
export const DOMCTL_CREATEDOMAIN_HANDLE = 4;
export const DOMCTL_CREATEDOMAIN_FLAGS = 20;
export const DOMCTL_CREATEDOMAIN_IOMMU_OPTS = 24;
export const DOMCTL_CREATEDOMAIN_MAX_VCPUS = 28;
export const DOMCTL_CREATEDOMAIN_MAX_EVTCHN_PORT = 32;
export const DOMCTL_CREATEDOMAIN_MAX_GRANT_FRAMES = 36;
export const DOMCTL_CREATEDOMAIN_MAX_MAPTRACK_FRAMES = 40;
export const DOMCTL_CREATEDOMAIN_GRANT_OPTS = 44;
export const DOMCTL_CREATEDOMAIN_VMTRACE_SIZE = 48;
export const DOMCTL_CREATEDOMAIN_CPUPOOL_ID = 52;
/** @c arch.emulation_flags */
export const DOMCTL_CREATEDOMAIN_EMULATION_FLAGS = 56;
/** @c arch.misc_flags */
export const DOMCTL_CREATEDOMAIN_MISC_FLAGS = 60;

/** Its flags. */
export const XEN_DOMCTL_CDF_hvm = 1;
export const XEN_DOMCTL_CDF_hap = 2;
export const XEN_DOMCTL_CDF_s3_integrity = 4;
export const XEN_DOMCTL_CDF_oos_off = 8;
export const XEN_DOMCTL_CDF_xs_domain = 16;
export const XEN_DOMCTL_CDF_iommu = 32;
export const XEN_DOMCTL_CDF_nested_virt = 64;
export const XEN_DOMCTL_CDF_vpmu = 128;
export const XEN_DOMCTL_CDF_MAX = 128;
export const XEN_DOMCTL_IOMMU_no_sharept = 1;
export const XEN_DOMCTL_IOMMU_MAX = 1;
export const XEN_DOMCTL_GRANT_version_mask = 0xf;

/** struct xen_domctl_getdomaininfo */
export const DOMCTL_GETDOMAININFO_SIZE = 112;
export const DOMCTL_GETDOMAININFO_DOMAIN = 0;
export const DOMCTL_GETDOMAININFO_FLAGS = 4;
export const DOMCTL_GETDOMAININFO_TOT_PAGES = 8;
export const DOMCTL_GETDOMAININFO_MAX_PAGES = 16;
export const DOMCTL_GETDOMAININFO_OUTSTANDING_PAGES = 24;
export const DOMCTL_GETDOMAININFO_SHR_PAGES = 32;
export const DOMCTL_GETDOMAININFO_PAGED_PAGES = 40;
export const DOMCTL_GETDOMAININFO_SHARED_INFO_FRAME = 48;
export const DOMCTL_GETDOMAININFO_CPU_TIME = 56;
export const DOMCTL_GETDOMAININFO_NR_ONLINE_VCPUS = 64;
export const DOMCTL_GETDOMAININFO_MAX_VCPU_ID = 68;
export const DOMCTL_GETDOMAININFO_SSIDREF = 72;
export const DOMCTL_GETDOMAININFO_HANDLE = 76;
export const DOMCTL_GETDOMAININFO_CPUPOOL = 92;
export const DOMCTL_GETDOMAININFO_GPADDR_BITS = 96;
/** @c arch_config.emulation_flags */
export const DOMCTL_GETDOMAININFO_ARCH_CONFIG_EMULATION_FLAGS = 104;
/** @c arch_config.misc_flags */
export const DOMCTL_GETDOMAININFO_ARCH_CONFIG_MISC_FLAGS = 108;

/** Its flags. */
export const XEN_DOMINF_dying = 1;
export const XEN_DOMINF_hvm_guest = 2;
export const XEN_DOMINF_shutdown = 4;
export const XEN_DOMINF_paused = 8;
export const XEN_DOMINF_blocked = 16;
export const XEN_DOMINF_running = 32;
export const XEN_DOMINF_debugged = 64;
export const XEN_DOMINF_xs_domain = 128;
export const XEN_DOMINF_hap = 256;
export const XEN_DOMINF_shutdownmask = 255;
export const XEN_DOMINF_shutdownshift = 16;
export const XEN_INVALID_MAX_VCPU_ID = 0xffffffff;

/** struct xen_domctl_getpageframeinfo3 */
export const DOMCTL_GETPAGEFRAMEINFO3_SIZE = 16;
export const DOMCTL_GETPAGEFRAMEINFO3_NUM = 0;
export const DOMCTL_GETPAGEFRAMEINFO3_ARRAY = 8;

/** What it reports about a frame. */
export const XEN_DOMCTL_PFINFO_LTAB_SHIFT = 28;
export const XEN_DOMCTL_PFINFO_NOTAB = 0;
export const XEN_DOMCTL_PFINFO_L1TAB = 0x10000000;
export const XEN_DOMCTL_PFINFO_L2TAB = 0x20000000;
export const XEN_DOMCTL_PFINFO_L3TAB = 0x30000000;
export const XEN_DOMCTL_PFINFO_L4TAB = 0x40000000;
export const XEN_DOMCTL_PFINFO_LTABTYPE_MASK = 0x70000000;
export const XEN_DOMCTL_PFINFO_LPINTAB = 0x80000000;
export const XEN_DOMCTL_PFINFO_XTAB = 0xf0000000;
export const XEN_DOMCTL_PFINFO_XALLOC = 0xe0000000;
export const XEN_DOMCTL_PFINFO_BROKEN = 0xd0000000;
export const XEN_DOMCTL_PFINFO_LTAB_MASK = 0xf0000000;

/** struct xen_domctl_shadow_op */
export const DOMCTL_SHADOW_OP_SIZE = 40;
export const DOMCTL_SHADOW_OP_OP = 0;
export const DOMCTL_SHADOW_OP_MODE = 4;
export const DOMCTL_SHADOW_OP_MB = 8;
export const DOMCTL_SHADOW_OP_DIRTY_BITMAP = 16;
export const DOMCTL_SHADOW_OP_PAGES = 24;
/** @c stats.fault_count */
export const DOMCTL_SHADOW_OP_STATS_FAULT_COUNT = 32;
/** @c stats.dirty_count */
export const DOMCTL_SHADOW_OP_STATS_DIRTY_COUNT = 36;

/** Its op and mode, and the flags of a log-dirty operation. */
export const XEN_DOMCTL_SHADOW_OP_OFF = 0;
export const XEN_DOMCTL_SHADOW_OP_ENABLE = 32;
export const XEN_DOMCTL_SHADOW_OP_CLEAN = 11;
export const XEN_DOMCTL_SHADOW_OP_PEEK = 12;
export const XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION = 30;
export const XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION = 31;
export const XEN_DOMCTL_SHADOW_OP_ENABLE_TEST = 1;
export const XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY = 2;
export const XEN_DOMCTL_SHADOW_ENABLE_REFCOUNT = 2;
export const XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY = 4;
export const XEN_DOMCTL_SHADOW_ENABLE_TRANSLATE = 8;
export const XEN_DOMCTL_SHADOW_ENABLE_EXTERNAL = 16;
export const XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL = 1;

/** struct xen_domctl_max_mem */
export const DOMCTL_MAX_MEM_SIZE = 8;
export const DOMCTL_MAX_MEM_MAX_MEMKB = 0;

/** struct xen_domctl_vcpucontext */
export const DOMCTL_VCPUCONTEXT_SIZE = 16;
export const DOMCTL_VCPUCONTEXT_VCPU = 0;
export const DOMCTL_VCPUCONTEXT_CTXT = 8;

/** struct xen_domctl_getvcpuinfo */
export const DOMCTL_GETVCPUINFO_SIZE = 24;
export const DOMCTL_GETVCPUINFO_VCPU = 0;
export const DOMCTL_GETVCPUINFO_ONLINE = 4;
export const DOMCTL_GETVCPUINFO_BLOCKED = 5;
export const DOMCTL_GETVCPUINFO_RUNNING = 6;
export const DOMCTL_GETVCPUINFO_CPU_TIME = 8;
export const DOMCTL_GETVCPUINFO_CPU = 16;

/** struct xen_domctl_nodeaffinity */
export const DOMCTL_NODEAFFINITY_SIZE = 16;
export const DOMCTL_NODEAFFINITY_NODEMAP = 0;

/** struct xen_domctl_vcpuaffinity */
export const DOMCTL_VCPUAFFINITY_SIZE = 40;
export const DOMCTL_VCPUAFFINITY_VCPU = 0;
export const DOMCTL_VCPUAFFINITY_FLAGS = 4;
export const DOMCTL_VCPUAFFINITY_CPUMAP_HARD = 8;
export const DOMCTL_VCPUAFFINITY_CPUMAP_SOFT = 24;

/** Its flags. */
export const XEN_VCPUAFFINITY_HARD = 1;
export const XEN_VCPUAFFINITY_SOFT = 2;
export const XEN_VCPUAFFINITY_FORCE = 4;

/** struct xen_domctl_max_vcpus */
export const DOMCTL_MAX_VCPUS_SIZE = 4;
export const DOMCTL_MAX_VCPUS_MAX = 0;

/** struct xen_domctl_scheduler_op */
export const DOMCTL_SCHEDULER_OP_SIZE = 24;
export const DOMCTL_SCHEDULER_OP_SCHED_ID = 0;
export const DOMCTL_SCHEDULER_OP_CMD = 4;
export const DOMCTL_SCHEDULER_OP_U = 8;

/** struct xen_domctl_sched_credit */
export const DOMCTL_SCHED_CREDIT_SIZE = 4;
export const DOMCTL_SCHED_CREDIT_WEIGHT = 0;
export const DOMCTL_SCHED_CREDIT_CAP = 2;

/** The schedulers, and the values of cmd. */
export const XEN_SCHEDULER_CREDIT = 5;
export const XEN_SCHEDULER_CREDIT2 = 6;
export const XEN_SCHEDULER_ARINC653 = 7;
export const XEN_SCHEDULER_RTDS = 8;
export const XEN_SCHEDULER_NULL = 9;
export const XEN_DOMCTL_SCHEDOP_putinfo = 0;
export const XEN_DOMCTL_SCHEDOP_getinfo = 1;
export const XEN_DOMCTL_SCHEDOP_putvcpuinfo = 2;
export const XEN_DOMCTL_SCHEDOP_getvcpuinfo = 3;

/** struct xen_domctl_setdomainhandle */
export const DOMCTL_SETDOMAINHANDLE_SIZE = 16;
export const DOMCTL_SETDOMAINHANDLE_HANDLE = 0;

/** struct xen_domctl_setdebugging */
export const DOMCTL_SETDEBUGGING_SIZE = 1;
export const DOMCTL_SETDEBUGGING_ENABLE = 0;

/** struct xen_domctl_irq_permission */
export const DOMCTL_IRQ_PERMISSION_SIZE = 8;
export const DOMCTL_IRQ_PERMISSION_PIRQ = 0;
export const DOMCTL_IRQ_PERMISSION_ALLOW_ACCESS = 4;

/** struct xen_domctl_iomem_permission */
export const DOMCTL_IOMEM_PERMISSION_SIZE = 24;
export const DOMCTL_IOMEM_PERMISSION_FIRST_MFN = 0;
export const DOMCTL_IOMEM_PERMISSION_NR_MFNS = 8;
export const DOMCTL_IOMEM_PERMISSION_ALLOW_ACCESS = 16;

/** struct xen_domctl_ioport_permission */
export const DOMCTL_IOPORT_PERMISSION_SIZE = 12;
export const DOMCTL_IOPORT_PERMISSION_FIRST_PORT = 0;
export const DOMCTL_IOPORT_PERMISSION_NR_PORTS = 4;
export const DOMCTL_IOPORT_PERMISSION_ALLOW_ACCESS = 8;

/** struct xen_domctl_hypercall_init */
export const DOMCTL_HYPERCALL_INIT_SIZE = 8;
export const DOMCTL_HYPERCALL_INIT_GMFN = 0;

/** struct xen_domctl_settimeoffset */
export const DOMCTL_SETTIMEOFFSET_SIZE = 8;
export const DOMCTL_SETTIMEOFFSET_TIME_OFFSET_SECONDS = 0;

/** struct xen_domctl_hvmcontext */
export const DOMCTL_HVMCONTEXT_SIZE = 16;
/** @c size */
export const DOMCTL_HVMCONTEXT_SIZE_MEMBER = 0;
export const DOMCTL_HVMCONTEXT_BUFFER = 8;

/** struct xen_domctl_hvmcontext_partial */
export const DOMCTL_HVMCONTEXT_PARTIAL_SIZE = 24;
export const DOMCTL_HVMCONTEXT_PARTIAL_TYPE = 0;
export const DOMCTL_HVMCONTEXT_PARTIAL_INSTANCE = 4;
export const DOMCTL_HVMCONTEXT_PARTIAL_BUFSZ = 8;
export const DOMCTL_HVMCONTEXT_PARTIAL_BUFFER = 16;

/** struct xen_domctl_address_size */
export const DOMCTL_ADDRESS_SIZE_SIZE = 4;
/** @c size */
export const DOMCTL_ADDRESS_SIZE_SIZE_MEMBER = 0;

/** struct xen_domctl_sendtrigger */
export const DOMCTL_SENDTRIGGER_SIZE = 8;
export const DOMCTL_SENDTRIGGER_TRIGGER = 0;
export const DOMCTL_SENDTRIGGER_VCPU = 4;

/** Its trigger. */
export const XEN_DOMCTL_SENDTRIGGER_NMI = 0;
export const XEN_DOMCTL_SENDTRIGGER_RESET = 1;
export const XEN_DOMCTL_SENDTRIGGER_INIT = 2;
export const XEN_DOMCTL_SENDTRIGGER_POWER = 3;
export const XEN_DOMCTL_SENDTRIGGER_SLEEP = 4;

/** struct xen_domctl_ext_vcpucontext */
export const DOMCTL_EXT_VCPUCONTEXT_SIZE = 64;
export const DOMCTL_EXT_VCPUCONTEXT_VCPU = 0;
/** @c size */
export const DOMCTL_EXT_VCPUCONTEXT_SIZE_MEMBER = 4;
export const DOMCTL_EXT_VCPUCONTEXT_SYSCALL32_CALLBACK_EIP = 8;
export const DOMCTL_EXT_VCPUCONTEXT_SYSENTER_CALLBACK_EIP = 16;
export const DOMCTL_EXT_VCPUCONTEXT_SYSCALL32_CALLBACK_CS = 24;
export const DOMCTL_EXT_VCPUCONTEXT_SYSENTER_CALLBACK_CS = 26;
export const DOMCTL_EXT_VCPUCONTEXT_SYSCALL32_DISABLES_EVENTS = 28;
export const DOMCTL_EXT_VCPUCONTEXT_SYSENTER_DISABLES_EVENTS = 29;

/** struct xen_domctl_set_target */
export const DOMCTL_SET_TARGET_SIZE = 2;
export const DOMCTL_SET_TARGET_TARGET = 0;

/** struct xen_domctl_cpu_policy */
export const DOMCTL_CPU_POLICY_SIZE = 40;
export const DOMCTL_CPU_POLICY_NR_LEAVES = 0;
export const DOMCTL_CPU_POLICY_NR_MSRS = 4;
export const DOMCTL_CPU_POLICY_LEAVES = 8;
export const DOMCTL_CPU_POLICY_MSRS = 16;
export const DOMCTL_CPU_POLICY_ERR_LEAF = 24;
export const DOMCTL_CPU_POLICY_ERR_SUBLEAF = 28;
export const DOMCTL_CPU_POLICY_ERR_MSR = 32;

/** struct xen_domctl_tsc_info */
export const DOMCTL_TSC_INFO_SIZE = 24;
export const DOMCTL_TSC_INFO_TSC_MODE = 0;
export const DOMCTL_TSC_INFO_GTSC_KHZ = 4;
export const DOMCTL_TSC_INFO_INCARNATION = 8;
export const DOMCTL_TSC_INFO_ELAPSED_NSEC = 16;

/** struct xen_domctl_set_virq_handler */
export const DOMCTL_SET_VIRQ_HANDLER_SIZE = 4;
export const DOMCTL_SET_VIRQ_HANDLER_VIRQ = 0;

/** struct xen_domctl_vcpuextstate */
export const DOMCTL_VCPUEXTSTATE_SIZE = 32;
export const DOMCTL_VCPUEXTSTATE_VCPU = 0;
export const DOMCTL_VCPUEXTSTATE_XFEATURE_MASK = 8;
/** @c size */
export const DOMCTL_VCPUEXTSTATE_SIZE_MEMBER = 16;
export const DOMCTL_VCPUEXTSTATE_BUFFER = 24;

/** struct xen_domctl_vcpu_msr */
export const DOMCTL_VCPU_MSR_SIZE = 16;
export const DOMCTL_VCPU_MSR_INDEX = 0;
export const DOMCTL_VCPU_MSR_VALUE = 8;

/** struct xen_domctl_vcpu_msrs */
export const DOMCTL_VCPU_MSRS_SIZE = 16;
export const DOMCTL_VCPU_MSRS_VCPU = 0;
export const DOMCTL_VCPU_MSRS_MSR_COUNT = 4;
export const DOMCTL_VCPU_MSRS_MSRS = 8;

/** struct xen_domctl_paging_mempool */
export const DOMCTL_PAGING_MEMPOOL_SIZE = 8;
/** @c size */
export const DOMCTL_PAGING_MEMPOOL_SIZE_MEMBER = 0;

/** struct xen_domctl_gdbsx_memio */
export const DOMCTL_GDBSX_MEMIO_SIZE = 40;
export const DOMCTL_GDBSX_MEMIO_PGD3VAL = 0;
export const DOMCTL_GDBSX_MEMIO_GVA = 8;
export const DOMCTL_GDBSX_MEMIO_UVA = 16;
export const DOMCTL_GDBSX_MEMIO_LEN = 24;
export const DOMCTL_GDBSX_MEMIO_GWR = 28;
export const DOMCTL_GDBSX_MEMIO_REMAIN = 32;

/** struct xen_domctl_gdbsx_pauseunp_vcpu */
export const DOMCTL_GDBSX_PAUSEUNP_VCPU_SIZE = 4;
export const DOMCTL_GDBSX_PAUSEUNP_VCPU_VCPU = 0;

/** struct xen_domctl_gdbsx_domstatus */
export const DOMCTL_GDBSX_DOMSTATUS_SIZE = 12;
export const DOMCTL_GDBSX_DOMSTATUS_PAUSED = 0;
export const DOMCTL_GDBSX_DOMSTATUS_VCPU_ID = 4;
export const DOMCTL_GDBSX_DOMSTATUS_VCPU_EV = 8;

/** struct xen_domctl_debug_op */
export const DOMCTL_DEBUG_OP_SIZE = 8;
export const DOMCTL_DEBUG_OP_OP = 0;
export const DOMCTL_DEBUG_OP_VCPU = 4;
