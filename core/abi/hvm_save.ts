/** public/hvm/save.h and public/arch-x86/hvm/save.h. */

/** struct hvm_save_descriptor */
export const HVM_SAVE_DESCRIPTOR_SIZE = 8;
export const HVM_SAVE_DESCRIPTOR_TYPECODE = 0;
export const HVM_SAVE_DESCRIPTOR_INSTANCE = 2;
export const HVM_SAVE_DESCRIPTOR_LENGTH = 4;

/** Type codes. */
/** @c HVM_SAVE_CODE(HEADER) */
export const HVM_SAVE_CODE_HEADER = 1;
/** @c HVM_SAVE_CODE(CPU) */
export const HVM_SAVE_CODE_CPU = 2;
/** @c HVM_SAVE_CODE(LAPIC) */
export const HVM_SAVE_CODE_LAPIC = 5;
/** @c HVM_SAVE_CODE(LAPIC_REGS) */
export const HVM_SAVE_CODE_LAPIC_REGS = 6;
/** @c HVM_SAVE_CODE(MTRR) */
export const HVM_SAVE_CODE_MTRR = 14;
export const CPU_XSAVE_CODE = 16;
/** @c HVM_SAVE_CODE(TSC_ADJUST) */
export const HVM_SAVE_CODE_TSC_ADJUST = 19;
export const CPU_MSR_CODE = 20;
/** @c HVM_SAVE_CODE(END) */
export const HVM_SAVE_CODE_END = 0;

/** struct hvm_save_header */
export const HVM_SAVE_HEADER_SIZE = 24;
export const HVM_SAVE_HEADER_MAGIC = 0;
export const HVM_SAVE_HEADER_VERSION = 4;

/** Its values. */
export const HVM_FILE_MAGIC = 0x54381286;
export const HVM_FILE_VERSION = 1;

/** struct hvm_hw_cpu */
export const HVM_HW_CPU_SIZE = 1032;
export const HVM_HW_CPU_FPU_REGS = 0;
export const HVM_HW_CPU_RAX = 512;
export const HVM_HW_CPU_RBX = 520;
export const HVM_HW_CPU_RCX = 528;
export const HVM_HW_CPU_RDX = 536;
export const HVM_HW_CPU_RBP = 544;
export const HVM_HW_CPU_RSI = 552;
export const HVM_HW_CPU_RDI = 560;
export const HVM_HW_CPU_RSP = 568;
export const HVM_HW_CPU_R8 = 576;
export const HVM_HW_CPU_R9 = 584;
export const HVM_HW_CPU_R10 = 592;
export const HVM_HW_CPU_R11 = 600;
export const HVM_HW_CPU_R12 = 608;
export const HVM_HW_CPU_R13 = 616;
export const HVM_HW_CPU_R14 = 624;
export const HVM_HW_CPU_R15 = 632;
export const HVM_HW_CPU_RIP = 640;
export const HVM_HW_CPU_RFLAGS = 648;
export const HVM_HW_CPU_CR0 = 656;
export const HVM_HW_CPU_CR2 = 664;
export const HVM_HW_CPU_CR3 = 672;
export const HVM_HW_CPU_CR4 = 680;
export const HVM_HW_CPU_DR0 = 688;
export const HVM_HW_CPU_DR1 = 696;
export const HVM_HW_CPU_DR2 = 704;
export const HVM_HW_CPU_DR3 = 712;
export const HVM_HW_CPU_DR6 = 720;
export const HVM_HW_CPU_DR7 = 728;
export const HVM_HW_CPU_CS_SEL = 736;
export const HVM_HW_CPU_DS_SEL = 740;
export const HVM_HW_CPU_ES_SEL = 744;
export const HVM_HW_CPU_FS_SEL = 748;
export const HVM_HW_CPU_GS_SEL = 752;
export const HVM_HW_CPU_SS_SEL = 756;
export const HVM_HW_CPU_TR_SEL = 760;
export const HVM_HW_CPU_LDTR_SEL = 764;
export const HVM_HW_CPU_CS_LIMIT = 768;
export const HVM_HW_CPU_DS_LIMIT = 772;
export const HVM_HW_CPU_ES_LIMIT = 776;
export const HVM_HW_CPU_FS_LIMIT = 780;
export const HVM_HW_CPU_GS_LIMIT = 784;
export const HVM_HW_CPU_SS_LIMIT = 788;
export const HVM_HW_CPU_TR_LIMIT = 792;
export const HVM_HW_CPU_LDTR_LIMIT = 796;
export const HVM_HW_CPU_IDTR_LIMIT = 800;
export const HVM_HW_CPU_GDTR_LIMIT = 804;
export const HVM_HW_CPU_CS_BASE = 808;
export const HVM_HW_CPU_DS_BASE = 816;
export const HVM_HW_CPU_ES_BASE = 824;
export const HVM_HW_CPU_FS_BASE = 832;
export const HVM_HW_CPU_GS_BASE = 840;
export const HVM_HW_CPU_SS_BASE = 848;
export const HVM_HW_CPU_TR_BASE = 856;
export const HVM_HW_CPU_LDTR_BASE = 864;
export const HVM_HW_CPU_IDTR_BASE = 872;
export const HVM_HW_CPU_GDTR_BASE = 880;
export const HVM_HW_CPU_CS_ARBYTES = 888;
export const HVM_HW_CPU_DS_ARBYTES = 892;
export const HVM_HW_CPU_ES_ARBYTES = 896;
export const HVM_HW_CPU_FS_ARBYTES = 900;
export const HVM_HW_CPU_GS_ARBYTES = 904;
export const HVM_HW_CPU_SS_ARBYTES = 908;
export const HVM_HW_CPU_TR_ARBYTES = 912;
export const HVM_HW_CPU_LDTR_ARBYTES = 916;
export const HVM_HW_CPU_SYSENTER_CS = 920;
export const HVM_HW_CPU_SYSENTER_ESP = 928;
export const HVM_HW_CPU_SYSENTER_EIP = 936;
export const HVM_HW_CPU_SHADOW_GS = 944;
export const HVM_HW_CPU_MSR_LSTAR = 960;
export const HVM_HW_CPU_MSR_STAR = 968;
export const HVM_HW_CPU_MSR_CSTAR = 976;
export const HVM_HW_CPU_MSR_SYSCALL_MASK = 984;
export const HVM_HW_CPU_MSR_EFER = 992;
export const HVM_HW_CPU_MSR_TSC_AUX = 1000;
export const HVM_HW_CPU_TSC = 1008;
export const HVM_HW_CPU_PENDING_EVENT = 1016;
export const HVM_HW_CPU_ERROR_CODE = 1020;
export const HVM_HW_CPU_FLAGS = 1024;

/** Its flags. */
export const XEN_X86_FPU_INITIALISED = 1;

/** struct hvm_hw_lapic */
export const HVM_HW_LAPIC_SIZE = 24;
export const HVM_HW_LAPIC_APIC_BASE_MSR = 0;
export const HVM_HW_LAPIC_DISABLED = 8;
export const HVM_HW_LAPIC_TIMER_DIVISOR = 12;
export const HVM_HW_LAPIC_TDT_MSR = 16;

/** struct hvm_hw_lapic_regs */
export const HVM_HW_LAPIC_REGS_SIZE = 1024;
export const HVM_HW_LAPIC_REGS_DATA = 0;

/** struct hvm_hw_mtrr */
export const HVM_HW_MTRR_SIZE = 240;
export const HVM_HW_MTRR_MSR_PAT_CR = 0;
export const HVM_HW_MTRR_MSR_MTRR_VAR = 8;
export const HVM_HW_MTRR_MSR_MTRR_FIXED = 136;
export const HVM_HW_MTRR_MSR_MTRR_CAP = 224;
export const HVM_HW_MTRR_MSR_MTRR_DEF_TYPE = 232;

/** struct hvm_hw_cpu_xsave */
export const HVM_HW_CPU_XSAVE_SIZE = 600;
export const HVM_HW_CPU_XSAVE_XFEATURE_MASK = 0;
export const HVM_HW_CPU_XSAVE_XCR0 = 8;
export const HVM_HW_CPU_XSAVE_XCR0_ACCUM = 16;
export const HVM_HW_CPU_XSAVE_SAVE_AREA = 24;

/** struct hvm_tsc_adjust */
export const HVM_TSC_ADJUST_SIZE = 8;
export const HVM_TSC_ADJUST_TSC_ADJUST = 0;

/** struct hvm_msr */
export const HVM_MSR_SIZE = 8;
export const HVM_MSR_SIZE_32 = 4;
export const HVM_MSR_COUNT = 0;
export const HVM_MSR_MSR = 8;
export const HVM_MSR_MSR_32 = 4;

/** struct hvm_one_msr */
export const HVM_ONE_MSR_SIZE = 16;
export const HVM_ONE_MSR_INDEX = 0;
/** @c _rsvd */
export const HVM_ONE_MSR_RSVD = 4;
export const HVM_ONE_MSR_VAL = 8;
