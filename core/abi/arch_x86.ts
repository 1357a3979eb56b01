/** public/arch-x86/xen.h and arch-x86/xen-x86_64.h. */

/** The number of virtual CPUs whose vcpu_info is in `struct shared_info`. */
export const XEN_LEGACY_MAX_VCPUS = 32;

/** The number of GDT pages that belong to the guest. The next one is Xen's. */
export const FIRST_RESERVED_GDT_PAGE = 14;
export const FIRST_RESERVED_GDT_BYTE = 57344;
export const FIRST_RESERVED_GDT_ENTRY = 7168;

/** The selectors of Xen's descriptors in that page. */
export const FLAT_RING3_CS32 = 0xe023;
export const FLAT_RING3_CS64 = 0xe033;
export const FLAT_RING3_DS32 = 0xe02b;
export const FLAT_RING3_DS64 = 0;
export const FLAT_RING3_SS32 = 0xe02b;
export const FLAT_RING3_SS64 = 0xe02b;
export const FLAT_RING1_CS_32 = 0xe019;
export const FLAT_RING1_DS_32 = 0xe021;
export const FLAT_RING1_SS_32 = 0xe021;
export const FLAT_RING3_CS_32 = 0xe02b;
export const FLAT_RING3_DS_32 = 0xe033;
export const FLAT_RING3_SS_32 = 0xe033;
export const FLAT_KERNEL_DS64 = 0;
export const FLAT_KERNEL_DS32 = 0xe02b;
export const FLAT_KERNEL_CS64 = 0xe033;
export const FLAT_KERNEL_CS32 = 0xe023;
export const FLAT_KERNEL_SS64 = 0xe02b;
export const FLAT_KERNEL_SS32 = 0xe02b;
export const FLAT_USER_DS64 = 0;
export const FLAT_USER_DS32 = 0xe02b;
export const FLAT_USER_CS64 = 0xe033;
export const FLAT_USER_CS32 = 0xe023;
export const FLAT_USER_SS64 = 0xe02b;
export const FLAT_USER_SS32 = 0xe02b;

/** struct trap_info */
export const TRAP_INFO_SIZE = 16;
export const TRAP_INFO_SIZE_32 = 8;
export const TRAP_INFO_VECTOR = 0;
export const TRAP_INFO_FLAGS = 1;
export const TRAP_INFO_CS = 2;
export const TRAP_INFO_ADDRESS = 8;
export const TRAP_INFO_ADDRESS_32 = 4;

/** struct cpu_user_regs, with the lower halves of the registers in the 32-bit layout */
export const CPU_USER_REGS_SIZE = 200;
export const CPU_USER_REGS_SIZE_32 = 68;
export const CPU_USER_REGS_R15 = 0;
export const CPU_USER_REGS_R14 = 8;
export const CPU_USER_REGS_R13 = 16;
export const CPU_USER_REGS_R12 = 24;
export const CPU_USER_REGS_RBP = 32;
/** @c ebp */
export const CPU_USER_REGS_RBP_32 = 20;
export const CPU_USER_REGS_RBX = 40;
/** @c ebx */
export const CPU_USER_REGS_RBX_32 = 0;
export const CPU_USER_REGS_R11 = 48;
export const CPU_USER_REGS_R10 = 56;
export const CPU_USER_REGS_R9 = 64;
export const CPU_USER_REGS_R8 = 72;
export const CPU_USER_REGS_RAX = 80;
/** @c eax */
export const CPU_USER_REGS_RAX_32 = 24;
export const CPU_USER_REGS_RCX = 88;
/** @c ecx */
export const CPU_USER_REGS_RCX_32 = 4;
export const CPU_USER_REGS_RDX = 96;
/** @c edx */
export const CPU_USER_REGS_RDX_32 = 8;
export const CPU_USER_REGS_RSI = 104;
/** @c esi */
export const CPU_USER_REGS_RSI_32 = 12;
export const CPU_USER_REGS_RDI = 112;
/** @c edi */
export const CPU_USER_REGS_RDI_32 = 16;
export const CPU_USER_REGS_ERROR_CODE = 120;
export const CPU_USER_REGS_ERROR_CODE_32 = 28;
export const CPU_USER_REGS_ENTRY_VECTOR = 124;
export const CPU_USER_REGS_ENTRY_VECTOR_32 = 30;
export const CPU_USER_REGS_RIP = 128;
/** @c eip */
export const CPU_USER_REGS_RIP_32 = 32;
export const CPU_USER_REGS_CS = 136;
export const CPU_USER_REGS_CS_32 = 36;
export const CPU_USER_REGS_SAVED_UPCALL_MASK = 140;
export const CPU_USER_REGS_SAVED_UPCALL_MASK_32 = 38;
export const CPU_USER_REGS_RFLAGS = 144;
/** @c eflags */
export const CPU_USER_REGS_RFLAGS_32 = 40;
export const CPU_USER_REGS_RSP = 152;
/** @c esp */
export const CPU_USER_REGS_RSP_32 = 44;
export const CPU_USER_REGS_SS = 160;
export const CPU_USER_REGS_SS_32 = 48;
export const CPU_USER_REGS_ES = 168;
export const CPU_USER_REGS_ES_32 = 52;
export const CPU_USER_REGS_DS = 176;
export const CPU_USER_REGS_DS_32 = 56;
export const CPU_USER_REGS_FS = 184;
export const CPU_USER_REGS_FS_32 = 60;
export const CPU_USER_REGS_GS = 192;
export const CPU_USER_REGS_GS_32 = 64;

/** struct vcpu_guest_context */
export const VCPU_GUEST_CONTEXT_SIZE = 5168;
export const VCPU_GUEST_CONTEXT_SIZE_32 = 2800;
export const VCPU_GUEST_CONTEXT_FPU_CTXT = 0;
export const VCPU_GUEST_CONTEXT_FLAGS = 512;
export const VCPU_GUEST_CONTEXT_USER_REGS = 520;
export const VCPU_GUEST_CONTEXT_USER_REGS_32 = 516;
export const VCPU_GUEST_CONTEXT_TRAP_CTXT = 720;
export const VCPU_GUEST_CONTEXT_TRAP_CTXT_32 = 584;
export const VCPU_GUEST_CONTEXT_LDT_BASE = 4816;
export const VCPU_GUEST_CONTEXT_LDT_BASE_32 = 2632;
export const VCPU_GUEST_CONTEXT_LDT_ENTS = 4824;
export const VCPU_GUEST_CONTEXT_LDT_ENTS_32 = 2636;
export const VCPU_GUEST_CONTEXT_GDT_FRAMES = 4832;
export const VCPU_GUEST_CONTEXT_GDT_FRAMES_32 = 2640;
export const VCPU_GUEST_CONTEXT_GDT_ENTS = 4960;
export const VCPU_GUEST_CONTEXT_GDT_ENTS_32 = 2704;
export const VCPU_GUEST_CONTEXT_KERNEL_SS = 4968;
export const VCPU_GUEST_CONTEXT_KERNEL_SS_32 = 2708;
export const VCPU_GUEST_CONTEXT_KERNEL_SP = 4976;
export const VCPU_GUEST_CONTEXT_KERNEL_SP_32 = 2712;
export const VCPU_GUEST_CONTEXT_CTRLREG = 4984;
export const VCPU_GUEST_CONTEXT_CTRLREG_32 = 2716;
export const VCPU_GUEST_CONTEXT_DEBUGREG = 5048;
export const VCPU_GUEST_CONTEXT_DEBUGREG_32 = 2748;
export const VCPU_GUEST_CONTEXT_EVENT_CALLBACK_EIP = 5112;
export const VCPU_GUEST_CONTEXT_EVENT_CALLBACK_EIP_32 = 2784;
export const VCPU_GUEST_CONTEXT_FAILSAFE_CALLBACK_EIP = 5120;
export const VCPU_GUEST_CONTEXT_FAILSAFE_CALLBACK_EIP_32 = 2792;
export const VCPU_GUEST_CONTEXT_SYSCALL_CALLBACK_EIP = 5128;
export const VCPU_GUEST_CONTEXT_VM_ASSIST = 5136;
export const VCPU_GUEST_CONTEXT_VM_ASSIST_32 = 2796;
export const VCPU_GUEST_CONTEXT_FS_BASE = 5144;
export const VCPU_GUEST_CONTEXT_GS_BASE_KERNEL = 5152;
export const VCPU_GUEST_CONTEXT_GS_BASE_USER = 5160;

/** Its flags. */
export const VGCF_i387_valid = 1;
export const VGCF_in_kernel = 4;
export const VGCF_failsafe_disables_events = 8;
export const VGCF_syscall_disables_events = 16;
export const VGCF_online = 32;
export const VGCF_in_syscall = 256;

/** struct iret_context */
export const IRET_CONTEXT_SIZE = 72;
export const IRET_CONTEXT_RAX = 0;
export const IRET_CONTEXT_R11 = 8;
export const IRET_CONTEXT_RCX = 16;
export const IRET_CONTEXT_FLAGS = 24;
export const IRET_CONTEXT_RIP = 32;
export const IRET_CONTEXT_CS = 40;
export const IRET_CONTEXT_RFLAGS = 48;
export const IRET_CONTEXT_RSP = 56;
export const IRET_CONTEXT_SS = 64;

/** struct arch_vcpu_info */
export const ARCH_VCPU_INFO_SIZE = 16;
export const ARCH_VCPU_INFO_SIZE_32 = 24;
export const ARCH_VCPU_INFO_CR2 = 0;

/** struct arch_shared_info */
export const ARCH_SHARED_INFO_SIZE = 48;
export const ARCH_SHARED_INFO_SIZE_32 = 28;
export const ARCH_SHARED_INFO_MAX_PFN = 0;
export const ARCH_SHARED_INFO_PFN_TO_MFN_FRAME_LIST_LIST = 8;
export const ARCH_SHARED_INFO_PFN_TO_MFN_FRAME_LIST_LIST_32 = 4;
export const ARCH_SHARED_INFO_NMI_REASON = 16;
export const ARCH_SHARED_INFO_NMI_REASON_32 = 8;
export const ARCH_SHARED_INFO_P2M_CR3 = 24;
export const ARCH_SHARED_INFO_P2M_CR3_32 = 12;
export const ARCH_SHARED_INFO_P2M_VADDR = 32;
export const ARCH_SHARED_INFO_P2M_VADDR_32 = 16;
export const ARCH_SHARED_INFO_P2M_GENERATION = 40;
export const ARCH_SHARED_INFO_P2M_GENERATION_32 = 20;

/** HYPERVISOR_set_segment_base. */
export const SEGBASE_FS = 0;
export const SEGBASE_GS_USER = 1;
export const SEGBASE_GS_KERNEL = 2;
export const SEGBASE_GS_USER_SEL = 3;

/** struct xen_arch_domainconfig */
export const ARCH_DOMAINCONFIG_SIZE = 8;
export const ARCH_DOMAINCONFIG_EMULATION_FLAGS = 0;
export const ARCH_DOMAINCONFIG_MISC_FLAGS = 4;

/** Bits of its emulation_flags and misc_flags. */
export const XEN_X86_EMU_LAPIC = 1;
export const XEN_X86_EMU_HPET = 2;
export const XEN_X86_EMU_PM = 4;
export const XEN_X86_EMU_RTC = 8;
export const XEN_X86_EMU_IOAPIC = 16;
export const XEN_X86_EMU_PIC = 32;
export const XEN_X86_EMU_VGA = 64;
export const XEN_X86_EMU_IOMMU = 128;
export const XEN_X86_EMU_PIT = 256;
export const XEN_X86_EMU_USE_PIRQ = 512;
export const XEN_X86_EMU_VPCI = 1024;
export const XEN_X86_EMU_ALL = 2047;
export const XEN_X86_MSR_RELAXED = 1;
export const XEN_X86_MISC_FLAGS_MAX = 1;

/** struct xen_cpuid_leaf */
export const CPUID_LEAF_SIZE = 24;
export const CPUID_LEAF_LEAF = 0;
export const CPUID_LEAF_SUBLEAF = 4;
export const CPUID_LEAF_A = 8;
export const CPUID_LEAF_B = 12;
export const CPUID_LEAF_C = 16;
export const CPUID_LEAF_D = 20;

export const XEN_CPUID_NO_SUBLEAF = 0xffffffff;

/** struct xen_msr_entry */
export const MSR_ENTRY_SIZE = 16;
export const MSR_ENTRY_IDX = 0;
export const MSR_ENTRY_FLAGS = 4;
export const MSR_ENTRY_VAL = 8;
