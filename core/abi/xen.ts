/** public/xen.h. */

/** The hypercalls, which are `__HYPERVISOR_*` in the header. */
export const HYPERVISOR_set_trap_table = 0;
export const HYPERVISOR_mmu_update = 1;
export const HYPERVISOR_set_gdt = 2;
export const HYPERVISOR_stack_switch = 3;
export const HYPERVISOR_set_callbacks = 4;
export const HYPERVISOR_fpu_taskswitch = 5;
export const HYPERVISOR_sched_op_compat = 6;
export const HYPERVISOR_platform_op = 7;
export const HYPERVISOR_set_debugreg = 8;
export const HYPERVISOR_get_debugreg = 9;
export const HYPERVISOR_update_descriptor = 10;
export const HYPERVISOR_memory_op = 12;
export const HYPERVISOR_multicall = 13;
export const HYPERVISOR_update_va_mapping = 14;
export const HYPERVISOR_set_timer_op = 15;
export const HYPERVISOR_event_channel_op_compat = 16;
export const HYPERVISOR_xen_version = 17;
export const HYPERVISOR_console_io = 18;
export const HYPERVISOR_physdev_op_compat = 19;
export const HYPERVISOR_grant_table_op = 20;
export const HYPERVISOR_vm_assist = 21;
export const HYPERVISOR_update_va_mapping_otherdomain = 22;
export const HYPERVISOR_iret = 23;
export const HYPERVISOR_vcpu_op = 24;
export const HYPERVISOR_set_segment_base = 25;
export const HYPERVISOR_mmuext_op = 26;
export const HYPERVISOR_xsm_op = 27;
export const HYPERVISOR_nmi_op = 28;
export const HYPERVISOR_sched_op = 29;
export const HYPERVISOR_callback_op = 30;
export const HYPERVISOR_xenoprof_op = 31;
export const HYPERVISOR_event_channel_op = 32;
export const HYPERVISOR_physdev_op = 33;
export const HYPERVISOR_hvm_op = 34;
export const HYPERVISOR_sysctl = 35;
export const HYPERVISOR_domctl = 36;
export const HYPERVISOR_kexec_op = 37;
export const HYPERVISOR_tmem_op = 38;
export const HYPERVISOR_argo_op = 39;
export const HYPERVISOR_xenpmu_op = 40;
export const HYPERVISOR_dm_op = 41;
export const HYPERVISOR_hypfs_op = 42;
export const HYPERVISOR_arch_0 = 48;
export const HYPERVISOR_arch_1 = 49;
export const HYPERVISOR_arch_2 = 50;
export const HYPERVISOR_arch_3 = 51;
export const HYPERVISOR_arch_4 = 52;
export const HYPERVISOR_arch_5 = 53;
export const HYPERVISOR_arch_6 = 54;
export const HYPERVISOR_arch_7 = 55;

/** Special domain numbers. */
export const DOMID_FIRST_RESERVED = 0x7ff0;
export const DOMID_SELF = 0x7ff0;
export const DOMID_IO = 0x7ff1;
export const DOMID_XEN = 0x7ff2;
export const DOMID_COW = 0x7ff3;
export const DOMID_INVALID = 0x7ff4;
export const DOMID_IDLE = 0x7fff;
export const DOMID_MASK = 0x7fff;

/** Virtual interrupts. */
export const VIRQ_TIMER = 0;
export const VIRQ_DEBUG = 1;
export const VIRQ_CONSOLE = 2;
export const VIRQ_DOM_EXC = 3;
export const VIRQ_TBUF = 4;
export const VIRQ_DEBUGGER = 6;
export const VIRQ_XENOPROF = 7;
export const VIRQ_CON_RING = 8;
export const VIRQ_PCPU_STATE = 9;
export const VIRQ_MEM_EVENT = 10;
export const VIRQ_ARGO = 11;
export const VIRQ_ENOMEM = 12;
export const VIRQ_XENPMU = 13;
export const VIRQ_ARCH_0 = 16;
export const VIRQ_ARCH_1 = 17;
export const VIRQ_ARCH_2 = 18;
export const VIRQ_ARCH_3 = 19;
export const VIRQ_ARCH_4 = 20;
export const VIRQ_ARCH_5 = 21;
export const VIRQ_ARCH_6 = 22;
export const VIRQ_ARCH_7 = 23;
export const NR_VIRQS = 24;

/** The command in the low bits of `mmu_update.ptr`. */
export const MMU_NORMAL_PT_UPDATE = 0;
export const MMU_MACHPHYS_UPDATE = 1;
export const MMU_PT_UPDATE_PRESERVE_AD = 2;
export const MMU_PT_UPDATE_NO_TRANSLATE = 3;

/** struct mmu_update */
export const MMU_UPDATE_SIZE = 16;
export const MMU_UPDATE_PTR = 0;
export const MMU_UPDATE_VAL = 8;

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
export const MMUEXT_OP_SIZE = 24;
export const MMUEXT_OP_SIZE_32 = 12;
export const MMUEXT_OP_CMD = 0;
export const MMUEXT_OP_ARG1 = 8;
export const MMUEXT_OP_ARG1_32 = 4;
export const MMUEXT_OP_ARG2 = 16;
export const MMUEXT_OP_ARG2_32 = 8;

/** The flags of update_va_mapping. With UVMF_MULTI and without UVMF_ALL, the other bits hold the address of a bitmap of vCPUs. */
export const UVMF_NONE = 0;
export const UVMF_TLB_FLUSH = 1;
export const UVMF_INVLPG = 2;
export const UVMF_FLUSHTYPE_MASK = 3;
export const UVMF_MULTI = 0;
export const UVMF_LOCAL = 0;
export const UVMF_ALL = 4;

export const CONSOLEIO_write = 0;
export const CONSOLEIO_read = 1;

export const VMASST_CMD_enable = 0;
export const VMASST_CMD_disable = 1;
export const VMASST_TYPE_4gb_segments = 0;
export const VMASST_TYPE_4gb_segments_notify = 1;
export const VMASST_TYPE_writable_pagetables = 2;
export const VMASST_TYPE_pae_extended_cr3 = 3;
export const VMASST_TYPE_architectural_iopl = 4;
export const VMASST_TYPE_runstate_update_flag = 5;
export const VMASST_TYPE_m2p_strict = 32;

/** struct multicall_entry */
export const MULTICALL_ENTRY_SIZE = 64;
export const MULTICALL_ENTRY_SIZE_32 = 32;
export const MULTICALL_ENTRY_OP = 0;
export const MULTICALL_ENTRY_RESULT = 8;
export const MULTICALL_ENTRY_RESULT_32 = 4;
export const MULTICALL_ENTRY_ARGS = 16;
export const MULTICALL_ENTRY_ARGS_32 = 8;

/** struct vcpu_time_info */
export const VCPU_TIME_INFO_SIZE = 32;
export const VCPU_TIME_INFO_VERSION = 0;
export const VCPU_TIME_INFO_TSC_TIMESTAMP = 8;
export const VCPU_TIME_INFO_SYSTEM_TIME = 16;
export const VCPU_TIME_INFO_TSC_TO_SYSTEM_MUL = 24;
export const VCPU_TIME_INFO_TSC_SHIFT = 28;
export const VCPU_TIME_INFO_FLAGS = 29;

/** Bits of its flags. */
export const XEN_PVCLOCK_TSC_STABLE_BIT = 1;
export const XEN_PVCLOCK_GUEST_STOPPED = 2;

/** struct vcpu_info */
export const VCPU_INFO_SIZE = 64;
export const VCPU_INFO_EVTCHN_UPCALL_PENDING = 0;
export const VCPU_INFO_EVTCHN_UPCALL_MASK = 1;
export const VCPU_INFO_EVTCHN_PENDING_SEL = 8;
export const VCPU_INFO_EVTCHN_PENDING_SEL_32 = 4;
/** @c arch.cr2 */
export const VCPU_INFO_CR2 = 16;
export const VCPU_INFO_CR2_32 = 8;
export const VCPU_INFO_TIME = 32;

/** struct shared_info */
export const SHARED_INFO_SIZE = 3136;
export const SHARED_INFO_SIZE_32 = 2344;
export const SHARED_INFO_VCPU_INFO = 0;
export const SHARED_INFO_EVTCHN_PENDING = 2048;
export const SHARED_INFO_EVTCHN_MASK = 2560;
export const SHARED_INFO_EVTCHN_MASK_32 = 2176;
export const SHARED_INFO_WC_VERSION = 3072;
export const SHARED_INFO_WC_VERSION_32 = 2304;
export const SHARED_INFO_WC_SEC = 3076;
export const SHARED_INFO_WC_SEC_32 = 2308;
export const SHARED_INFO_WC_NSEC = 3080;
export const SHARED_INFO_WC_NSEC_32 = 2312;
export const SHARED_INFO_WC_SEC_HI = 3084;
/** @c arch.wc_sec_hi */
export const SHARED_INFO_WC_SEC_HI_32 = 2340;
/** @c arch.max_pfn */
export const SHARED_INFO_MAX_PFN = 3088;
export const SHARED_INFO_MAX_PFN_32 = 2316;
/** @c arch.pfn_to_mfn_frame_list_list */
export const SHARED_INFO_PFN_TO_MFN_FRAME_LIST_LIST = 3096;
export const SHARED_INFO_PFN_TO_MFN_FRAME_LIST_LIST_32 = 2320;
/** @c arch.nmi_reason */
export const SHARED_INFO_NMI_REASON = 3104;
export const SHARED_INFO_NMI_REASON_32 = 2324;
/** @c arch.p2m_cr3 */
export const SHARED_INFO_P2M_CR3 = 3112;
export const SHARED_INFO_P2M_CR3_32 = 2328;
/** @c arch.p2m_vaddr */
export const SHARED_INFO_P2M_VADDR = 3120;
export const SHARED_INFO_P2M_VADDR_32 = 2332;
/** @c arch.p2m_generation */
export const SHARED_INFO_P2M_GENERATION = 3128;
export const SHARED_INFO_P2M_GENERATION_32 = 2336;

/** The longest command line of a kernel, with its terminating zero. */
export const MAX_GUEST_CMDLINE = 1024;

/** struct start_info */
export const START_INFO_SIZE = 1168;
export const START_INFO_SIZE_32 = 1112;
export const START_INFO_MAGIC = 0;
export const START_INFO_NR_PAGES = 32;
export const START_INFO_SHARED_INFO = 40;
export const START_INFO_SHARED_INFO_32 = 36;
export const START_INFO_FLAGS = 48;
export const START_INFO_FLAGS_32 = 40;
export const START_INFO_STORE_MFN = 56;
export const START_INFO_STORE_MFN_32 = 44;
export const START_INFO_STORE_EVTCHN = 64;
export const START_INFO_STORE_EVTCHN_32 = 48;
/** @c console.domU.mfn */
export const START_INFO_CONSOLE_MFN = 72;
export const START_INFO_CONSOLE_MFN_32 = 52;
/** @c console.domU.evtchn */
export const START_INFO_CONSOLE_EVTCHN = 80;
export const START_INFO_CONSOLE_EVTCHN_32 = 56;
/** @c console.dom0.info_off */
export const START_INFO_CONSOLE_INFO_OFF = 72;
export const START_INFO_CONSOLE_INFO_OFF_32 = 52;
/** @c console.dom0.info_size */
export const START_INFO_CONSOLE_INFO_SIZE = 76;
export const START_INFO_CONSOLE_INFO_SIZE_32 = 56;
export const START_INFO_PT_BASE = 88;
export const START_INFO_PT_BASE_32 = 60;
export const START_INFO_NR_PT_FRAMES = 96;
export const START_INFO_NR_PT_FRAMES_32 = 64;
export const START_INFO_MFN_LIST = 104;
export const START_INFO_MFN_LIST_32 = 68;
export const START_INFO_MOD_START = 112;
export const START_INFO_MOD_START_32 = 72;
export const START_INFO_MOD_LEN = 120;
export const START_INFO_MOD_LEN_32 = 76;
export const START_INFO_CMD_LINE = 128;
export const START_INFO_CMD_LINE_32 = 80;
export const START_INFO_FIRST_P2M_PFN = 1152;
export const START_INFO_FIRST_P2M_PFN_32 = 1104;
export const START_INFO_NR_P2M_FRAMES = 1160;
export const START_INFO_NR_P2M_FRAMES_32 = 1108;

/** Its flags. */
export const SIF_PRIVILEGED = 1;
export const SIF_INITDOMAIN = 2;
export const SIF_MULTIBOOT_MOD = 4;
export const SIF_MOD_START_PFN = 8;
export const SIF_VIRT_P2M_4TOOLS = 16;
export const SIF_PM_MASK = 0xff00;

/** struct xen_multiboot_mod_list */
export const MULTIBOOT_MOD_LIST_SIZE = 16;
export const MULTIBOOT_MOD_LIST_MOD_START = 0;
export const MULTIBOOT_MOD_LIST_MOD_END = 4;
export const MULTIBOOT_MOD_LIST_CMDLINE = 8;

/** struct dom0_vga_console_info */
export const DOM0_VGA_CONSOLE_INFO_SIZE = 40;
export const DOM0_VGA_CONSOLE_INFO_VIDEO_TYPE = 0;
/** @c u.text_mode_3.font_height */
export const DOM0_VGA_CONSOLE_INFO_TEXT_MODE_3_FONT_HEIGHT = 4;
/** @c u.text_mode_3.cursor_x */
export const DOM0_VGA_CONSOLE_INFO_TEXT_MODE_3_CURSOR_X = 6;
/** @c u.text_mode_3.cursor_y */
export const DOM0_VGA_CONSOLE_INFO_TEXT_MODE_3_CURSOR_Y = 8;
/** @c u.text_mode_3.rows */
export const DOM0_VGA_CONSOLE_INFO_TEXT_MODE_3_ROWS = 10;
/** @c u.text_mode_3.columns */
export const DOM0_VGA_CONSOLE_INFO_TEXT_MODE_3_COLUMNS = 12;
/** @c u.vesa_lfb.width */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_WIDTH = 4;
/** @c u.vesa_lfb.height */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_HEIGHT = 6;
/** @c u.vesa_lfb.bytes_per_line */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_BYTES_PER_LINE = 8;
/** @c u.vesa_lfb.bits_per_pixel */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_BITS_PER_PIXEL = 10;
/** @c u.vesa_lfb.lfb_base */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_LFB_BASE = 12;
/** @c u.vesa_lfb.lfb_size */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_LFB_SIZE = 16;
/** @c u.vesa_lfb.red_pos */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_RED_POS = 20;
/** @c u.vesa_lfb.red_size */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_RED_SIZE = 21;
/** @c u.vesa_lfb.green_pos */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_GREEN_POS = 22;
/** @c u.vesa_lfb.green_size */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_GREEN_SIZE = 23;
/** @c u.vesa_lfb.blue_pos */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_BLUE_POS = 24;
/** @c u.vesa_lfb.blue_size */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_BLUE_SIZE = 25;
/** @c u.vesa_lfb.gbl_caps */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_GBL_CAPS = 28;
/** @c u.vesa_lfb.mode_attrs */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_MODE_ATTRS = 32;
/** @c u.vesa_lfb.ext_lfb_base */
export const DOM0_VGA_CONSOLE_INFO_VESA_LFB_EXT_LFB_BASE = 36;

/** Its video_type. */
export const XEN_VGATYPE_TEXT_MODE_3 = 3;
export const XEN_VGATYPE_VESA_LFB = 0x23;
export const XEN_VGATYPE_EFI_LFB = 0x70;

/** struct xenctl_bitmap */
export const XENCTL_BITMAP_SIZE = 16;
export const XENCTL_BITMAP_BITMAP = 0;
export const XENCTL_BITMAP_NR_BITS = 8;
