/**
 * Numbers and offsets of Xen 4.17's public headers (x86-64 layouts) that a control domain uses. Offsets were printed by
 * a C program over /usr/include/xen; sizes and offsets are bytes. Structures are named as in the headers.
 */

// public/xen.h
export const HYPERVISOR_mmu_update = 1;
export const HYPERVISOR_memory_op = 12;
export const HYPERVISOR_xen_version = 17;
export const HYPERVISOR_console_io = 18;
export const HYPERVISOR_grant_table_op = 20;
export const HYPERVISOR_mmuext_op = 26;
export const HYPERVISOR_sched_op = 29;
export const HYPERVISOR_event_channel_op = 32;
export const HYPERVISOR_sysctl = 35;
export const HYPERVISOR_domctl = 36;

export const DOMID_SELF = 0x7ff0;
export const VIRQ_CONSOLE = 2;
export const VIRQ_DOM_EXC = 3;

export const SHARED_INFO_EVTCHN_PENDING = 2048;
export const SHARED_INFO_EVTCHN_MASK = 2560;
export const SHARED_INFO_SIZE = 3136;
/** struct arch_shared_info inside struct shared_info: how many pfns, and the frame of the list of frames of lists of the P2M's frames. */
export const SHARED_INFO_MAX_PFN = 3088;
export const SHARED_INFO_FRAME_LIST_LIST = 3096;
/** struct shared_info begins with this many struct vcpu_info. */
export const LEGACY_MAX_VCPUS = 32;
export const VCPU_INFO_SIZE = 64;
export const VCPU_INFO_UPCALL_PENDING = 0;
export const VCPU_INFO_UPCALL_MASK = 1;
export const VCPU_INFO_PENDING_SEL = 8;
/** 2-level event channels of a 64-bit domain. */
export const EVTCHN_2L_PORTS = 4096;

export const START_INFO_MAGIC = "xen-3.0-x86_64";
export const START_INFO_SIZE = 1168;
export const START_INFO = {
  magic: 0,
  nr_pages: 32,
  shared_info: 40,
  flags: 48,
  store_mfn: 56,
  store_evtchn: 64,
  console_mfn: 72,
  console_evtchn: 80,
  pt_base: 88,
  nr_pt_frames: 96,
  mfn_list: 104,
  mod_start: 112,
  mod_len: 120,
  cmd_line: 128,
  first_p2m_pfn: 1152,
  nr_p2m_frames: 1160,
} as const;
/** MAX_GUEST_CMDLINE, with its terminating zero. */
export const MAX_GUEST_CMDLINE = 1024;
export const SIF_MOD_START_PFN = 1 << 3;

/** And of the levels above: 1 to 3. */
export const MMUEXT_PIN_L1_TABLE = 0;
export const MMUEXT_UNPIN_TABLE = 4;
export const MMUEXT_OP_SIZE = 24;
export const MMU_NORMAL_PT_UPDATE = 0;
export const MMU_MACHPHYS_UPDATE = 1;

// public/memory.h
export const XENMEM_increase_reservation = 0;
export const XENMEM_decrease_reservation = 1;
export const XENMEM_maximum_ram_page = 2;
export const XENMEM_current_reservation = 3;
export const XENMEM_maximum_reservation = 4;
export const XENMEM_populate_physmap = 6;
export const XENMEM_set_memory_map = 13;
/** struct e820entry's type of RAM. */
export const E820_RAM = 1;
export const MEMORY_RESERVATION_SIZE = 32;

// public/domctl.h
export const XEN_DOMCTL_INTERFACE_VERSION = 0x15;
export const DOMCTL_SIZE = 144;
export const DOMCTL_U = 16;
export const XEN_DOMCTL_createdomain = 1;
export const XEN_X86_MSR_RELAXED = 1;
export const XEN_DOMCTL_destroydomain = 2;
export const XEN_DOMCTL_pausedomain = 3;
export const XEN_DOMCTL_unpausedomain = 4;
export const XEN_DOMCTL_getdomaininfo = 5;
export const XEN_DOMCTL_setvcpuaffinity = 9;
export const XEN_DOMCTL_max_mem = 11;
export const XEN_DOMCTL_setvcpucontext = 12;
export const XEN_DOMCTL_getvcpucontext = 13;
export const XEN_DOMCTL_getvcpuinfo = 14;
export const XEN_DOMCTL_max_vcpus = 15;
export const XEN_DOMCTL_scheduler_op = 16;
export const XEN_DOMCTL_setdomainhandle = 17;
export const XEN_DOMCTL_hypercall_init = 22;
export const XEN_DOMCTL_getvcpuaffinity = 25;
export const XEN_DOMCTL_resumedomain = 27;
export const XEN_DOMCTL_getpageframeinfo3 = 61;
export const XEN_DOMCTL_set_ext_vcpucontext = 42;
export const XEN_DOMCTL_get_ext_vcpucontext = 43;
/** struct xen_domctl_ext_vcpucontext. */
export const EXT_VCPUCONTEXT_SIZE = 64;
export const XEN_DOMCTL_gettscinfo = 59;
export const XEN_DOMCTL_settscinfo = 60;
export const XEN_DOMCTL_set_virq_handler = 66;
export const XEN_DOMCTL_SCHEDOP_putinfo = 0;
export const XEN_DOMCTL_SCHEDOP_getinfo = 1;
export const XEN_SCHEDULER_CREDIT = 5;
export const XEN_DOMCTL_sendtrigger = 28;
export const XEN_DOMCTL_SENDTRIGGER_NMI = 0;
export const XEN_VCPUAFFINITY_HARD = 1;
export const XEN_VCPUAFFINITY_SOFT = 2;
export const XEN_VCPUAFFINITY_FORCE = 4;
/** XEN_DOMCTL_PFINFO_*, in the highest bits of a u32: a page table's level, pinned, none of the domain's frames. */
export const PFINFO_LTAB_SHIFT = 28;
export const PFINFO_LPINTAB = 8;
export const PFINFO_XTAB = 15;
/** Frames that one getpageframeinfo3 may ask about. */
export const PFINFO_MOST = 1024;
export const GETDOMAININFO_SIZE = 112;
export const XEN_DOMINF_dying = 1 << 0;
export const XEN_DOMINF_shutdown = 1 << 2;
export const XEN_DOMINF_paused = 1 << 3;
export const XEN_DOMINF_blocked = 1 << 4;
export const XEN_DOMINF_running = 1 << 5;
export const XEN_DOMINF_shutdownshift = 16;
/** public/sched.h, SHUTDOWN_*. */
export const SHUTDOWN_poweroff = 0;
export const SHUTDOWN_reboot = 1;
export const SHUTDOWN_suspend = 2;
export const SHUTDOWN_crash = 3;
export const SHUTDOWN_watchdog = 4;
export const SHUTDOWN_soft_reset = 5;

// public/arch-x86/xen.h, struct vcpu_guest_context
export const VCPU_GUEST_CONTEXT_SIZE = 5168;
export const VCPU_GUEST_CONTEXT = {
  fpu_ctxt: 0,
  flags: 512,
  user_regs: 520,
  rdx: 616,
  rsi: 624,
  rip: 648,
  cs: 656,
  rflags: 664,
  rsp: 672,
  ss: 680,
  es: 688,
  ds: 696,
  fs: 704,
  gs: 712,
  trap_ctxt: 720,
  gdt_frames: 4832,
  gdt_ents: 4960,
  kernel_ss: 4968,
  kernel_sp: 4976,
  ctrlreg: 4984,
} as const;
export const VGCF_i387_valid = 1 << 0;
export const VGCF_in_kernel = 1 << 2;
export const VGCF_online = 1 << 5;
export const FLAT_KERNEL_CS64 = 0xe033;
export const FLAT_KERNEL_SS64 = 0xe02b;

// public/sysctl.h
export const XEN_SYSCTL_INTERFACE_VERSION = 0x15;
export const SYSCTL_SIZE = 136;
export const SYSCTL_U = 8;
export const XEN_SYSCTL_readconsole = 1;
export const XEN_SYSCTL_physinfo = 3;
export const XEN_SYSCTL_sched_id = 4;
export const XEN_SYSCTL_getdomaininfolist = 6;
export const XEN_SYSCTL_debug_keys = 7;
export const XEN_SYSCTL_getcpuinfo = 8;
export const XEN_SYSCTL_scheduler_op = 19;
export const XEN_SYSCTL_SCHEDOP_getinfo = 1;

// public/event_channel.h
export const EVTCHNOP_bind_interdomain = 0;
export const EVTCHNOP_bind_virq = 1;
export const EVTCHNOP_close = 3;
export const EVTCHNOP_send = 4;
export const EVTCHNOP_status = 5;
export const EVTCHNOP_alloc_unbound = 6;
export const EVTCHNOP_unmask = 9;

// public/grant_table.h
export const GNTTABOP_map_grant_ref = 0;
export const GNTTABOP_unmap_grant_ref = 1;
export const GNTTABOP_setup_table = 2;
export const GNTTABOP_query_size = 6;
export const GNTTABOP_get_version = 10;
export const GNTMAP_device_map = 1;
export const GNTMAP_host_map = 2;
export const GNTMAP_readonly = 4;
export const GRANT_MAP_SIZE = 32;
export const GRANT_UNMAP_SIZE = 24;
export const GTF_permit_access = 1;
export const GTF_type_mask = 3;
export const GTF_readonly = 4;
export const GTF_reading = 8;
export const GTF_writing = 16;
/** Bytes of a grant_entry_v1 and _v2: flags, domid, frame at 4 or at 8. */
export const GRANT_ENTRY_SIZES = [8, 16] as const;
export const GNTTAB_RESERVED_CONSOLE = 0;
export const GNTTAB_RESERVED_XENSTORE = 1;

// public/version.h
export const XENVER_version = 0;
export const XENVER_extraversion = 1;
export const XENVER_compile_info = 2;
export const XENVER_capabilities = 3;
export const XENVER_changeset = 4;
export const XENVER_platform_parameters = 5;
export const XENVER_pagesize = 7;
export const XENVER_commandline = 9;

// public/sched.h
export const SCHEDOP_shutdown = 2;
