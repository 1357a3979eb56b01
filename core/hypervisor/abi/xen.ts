/** Numbers of public/xen.h and public/arch-x86/xen.h that no subsystem has for itself. */

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
export const HYPERVISOR_arch_7 = 55;
/** Hypercall numbers are below this; per-domain counters have as many entries. */
export const NR_HYPERCALLS = 64;

export const DOMID_FIRST_RESERVED = 0x7ff0;
export const DOMID_SELF = 0x7ff0;

export const VIRQ_TIMER = 0;
export const VIRQ_DEBUG = 1;
export const VIRQ_CONSOLE = 2;
export const VIRQ_DOM_EXC = 3;
export const VIRQ_CON_RING = 8;
export const NR_VIRQS = 24;

/** struct shared_info and struct vcpu_info. */
export const LEGACY_MAX_VCPUS = 32;
export const VCPU_INFO_SIZE = 64;
export const VCPU_INFO_UPCALL_PENDING = 0;
export const VCPU_INFO_UPCALL_MASK = 1;
export const VCPU_INFO_PENDING_SEL = 8;
export const VCPU_INFO_CR2 = 16;
export const VCPU_INFO_TIME = 32;
export const SHARED_INFO_EVTCHN_PENDING = 2048;
export const SHARED_INFO_EVTCHN_MASK = 2560;
export const SHARED_INFO_WC_VERSION = 3072;
export const SHARED_INFO_WC_SEC = 3076;
export const SHARED_INFO_WC_NSEC = 3080;
export const SHARED_INFO_WC_SEC_HI = 3084;
export const SHARED_INFO_MAX_PFN = 3088;
export const SHARED_INFO_SIZE = 3136;

export const VMASST_TYPE_4gb_segments = 0;
export const VMASST_TYPE_4gb_segments_notify = 1;
export const VMASST_TYPE_writable_pagetables = 2;
export const VMASST_TYPE_pae_extended_cr3 = 3;
export const VMASST_TYPE_architectural_iopl = 4;
export const VMASST_TYPE_runstate_update_flag = 5;
export const VMASST_TYPE_m2p_strict = 32;
export const VMASST_CMD_enable = 0;
export const VMASST_CMD_disable = 1;

/** struct start_info. */
export const START_INFO_SIZE = 1168;
export const START_INFO_MAGIC = 0;
export const START_INFO_NR_PAGES = 32;
export const START_INFO_SHARED_INFO = 40;
export const START_INFO_FLAGS = 48;
export const START_INFO_CMD_LINE = 128;
export const SIF_PRIVILEGED = 1;
export const SIF_INITDOMAIN = 2;

/** struct multicall_entry: op, result, args[6]. */
export const MULTICALL_ENTRY_SIZE = 64;
export const MULTICALL_OP = 0;
export const MULTICALL_RESULT = 8;
export const MULTICALL_ARGS = 16;

export const CONSOLEIO_write = 0;
export const CONSOLEIO_read = 1;

/** struct vcpu_guest_context of a 64-bit domain. */
export const VCPU_GUEST_CONTEXT_SIZE = 5168;
