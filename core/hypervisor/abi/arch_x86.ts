/** Numbers of public/arch-x86/xen.h, xen-x86_64.h, callback.h and nmi.h that only PV guests meet. */

/** Selectors of Xen's descriptors on the reserved GDT page. */
export const FLAT_RING3_CS32 = 0xe023;
export const FLAT_RING3_SS32 = 0xe02b;
export const FLAT_RING3_CS64 = 0xe033;
export const FLAT_RING3_SS64 = 0xe02b;
/** Descriptors a guest may have: 14 pages. */
export const FIRST_RESERVED_GDT_ENTRY = 7168;
/** Limit of the whole table, the reserved page included. */
export const LAST_RESERVED_GDT_BYTE = 0xefff;

/** struct vcpu_guest_context: offsets. The first 512 bytes are an FXSAVE image. */
export const VGC_FPU = 0;
export const VGC_FLAGS = 512;
export const VGC_USER_REGS = 520;
export const VGC_TRAPS = 720;
export const VGC_LDT_BASE = 4816;
export const VGC_LDT_ENTRIES = 4824;
export const VGC_GDT_FRAMES = 4832;
export const VGC_GDT_ENTRIES = 4960;
export const VGC_KERNEL_SS = 4968;
export const VGC_KERNEL_SP = 4976;
export const VGC_CTRLREG = 4984;
export const VGC_DEBUGREG = 5048;
export const VGC_EVENT_CALLBACK = 5112;
export const VGC_FAILSAFE_CALLBACK = 5120;
export const VGC_SYSCALL_CALLBACK = 5128;
export const VGC_VM_ASSIST = 5136;
export const VGC_FS_BASE = 5144;
export const VGC_GS_BASE_KERNEL = 5152;
export const VGC_GS_BASE_USER = 5160;
/** Its flags. */
export const VGCF_i387_valid = 1;
export const VGCF_in_kernel = 4;
export const VGCF_failsafe_disables_events = 8;
export const VGCF_syscall_disables_events = 16;
export const VGCF_online = 32;

/** struct cpu_user_regs: offsets. */
export const UREGS_R15 = 0;
export const UREGS_R14 = 8;
export const UREGS_R13 = 16;
export const UREGS_R12 = 24;
export const UREGS_RBP = 32;
export const UREGS_RBX = 40;
export const UREGS_R11 = 48;
export const UREGS_R10 = 56;
export const UREGS_R9 = 64;
export const UREGS_R8 = 72;
export const UREGS_RAX = 80;
export const UREGS_RCX = 88;
export const UREGS_RDX = 96;
export const UREGS_RSI = 104;
export const UREGS_RDI = 112;
export const UREGS_RIP = 128;
export const UREGS_CS = 136;
export const UREGS_UPCALL_MASK = 140;
export const UREGS_RFLAGS = 144;
export const UREGS_RSP = 152;
export const UREGS_SS = 160;
export const UREGS_ES = 168;
export const UREGS_DS = 176;
export const UREGS_FS = 184;
export const UREGS_GS = 192;

/** struct trap_info: 16 bytes, u8 vector, u8 flags, u16 cs, u64 address at 8. */
export const TRAP_INFO_SIZE = 16;
/** Its flags: DPL of a software interrupt, and whether events are masked on entry. */
export const TI_DPL = 3;
export const TI_IF = 4;

/** struct iret_context on the guest's stack: rax r11 rcx flags rip cs rflags rsp ss. */
export const IRET_SIZE = 72;
export const IRET_RAX = 0;
export const IRET_R11 = 8;
export const IRET_RCX = 16;
export const IRET_FLAGS = 24;
export const IRET_RIP = 32;
export const IRET_CS = 40;
export const IRET_RFLAGS = 48;
export const IRET_RSP = 56;
export const IRET_SS = 64;
export const VGCF_in_syscall = 256;

/** HYPERVISOR_set_segment_base. */
export const SEGBASE_FS = 0;
export const SEGBASE_GS_USER = 1;
export const SEGBASE_GS_KERNEL = 2;
export const SEGBASE_GS_USER_SEL = 3;

/** HYPERVISOR_callback_op: struct callback_register is u16 type, u16 flags, u64 address at 8. */
export const CALLBACKOP_register = 0;
export const CALLBACKOP_unregister = 1;
export const CALLBACKTYPE_event = 0;
export const CALLBACKTYPE_failsafe = 1;
export const CALLBACKTYPE_syscall = 2;
export const CALLBACKTYPE_sysenter_deprecated = 3;
export const CALLBACKTYPE_nmi = 4;
export const CALLBACKTYPE_sysenter = 5;
export const CALLBACKTYPE_syscall32 = 7;
export const CALLBACKF_mask_events = 1;
/** HYPERVISOR_nmi_op. */
export const XENNMI_register_callback = 0;
export const XENNMI_unregister_callback = 1;

/** struct vcpu_time_info: offsets. */
export const TIME_VERSION = 0;
export const TIME_TSC_TIMESTAMP = 8;
export const TIME_SYSTEM_TIME = 16;
export const TIME_TSC_TO_SYSTEM_MUL = 24;
export const TIME_TSC_SHIFT = 28;
export const TIME_FLAGS = 29;
export const TIME_INFO_SIZE = 32;
export const XEN_PVCLOCK_TSC_STABLE_BIT = 1;
