/** public/hvm/hvm_vcpu.h. */

/** struct vcpu_hvm_context */
export const VCPU_HVM_CONTEXT_SIZE = 128;
export const VCPU_HVM_CONTEXT_MODE = 0;
export const VCPU_HVM_CONTEXT_CPU_REGS = 8;

/** Its mode. */
export const VCPU_HVM_MODE_32B = 0;
export const VCPU_HVM_MODE_64B = 1;

/** struct vcpu_hvm_x86_32 */
export const VCPU_HVM_X86_32_SIZE = 120;
export const VCPU_HVM_X86_32_EAX = 0;
export const VCPU_HVM_X86_32_ECX = 4;
export const VCPU_HVM_X86_32_EDX = 8;
export const VCPU_HVM_X86_32_EBX = 12;
export const VCPU_HVM_X86_32_ESP = 16;
export const VCPU_HVM_X86_32_EBP = 20;
export const VCPU_HVM_X86_32_ESI = 24;
export const VCPU_HVM_X86_32_EDI = 28;
export const VCPU_HVM_X86_32_EIP = 32;
export const VCPU_HVM_X86_32_EFLAGS = 36;
export const VCPU_HVM_X86_32_CR0 = 40;
export const VCPU_HVM_X86_32_CR3 = 44;
export const VCPU_HVM_X86_32_CR4 = 48;
export const VCPU_HVM_X86_32_EFER = 56;
export const VCPU_HVM_X86_32_CS_BASE = 64;
export const VCPU_HVM_X86_32_DS_BASE = 68;
export const VCPU_HVM_X86_32_SS_BASE = 72;
export const VCPU_HVM_X86_32_ES_BASE = 76;
export const VCPU_HVM_X86_32_TR_BASE = 80;
export const VCPU_HVM_X86_32_CS_LIMIT = 84;
export const VCPU_HVM_X86_32_DS_LIMIT = 88;
export const VCPU_HVM_X86_32_SS_LIMIT = 92;
export const VCPU_HVM_X86_32_ES_LIMIT = 96;
export const VCPU_HVM_X86_32_TR_LIMIT = 100;
export const VCPU_HVM_X86_32_CS_AR = 104;
export const VCPU_HVM_X86_32_DS_AR = 106;
export const VCPU_HVM_X86_32_SS_AR = 108;
export const VCPU_HVM_X86_32_ES_AR = 110;
export const VCPU_HVM_X86_32_TR_AR = 112;

/** struct vcpu_hvm_x86_64 */
export const VCPU_HVM_X86_64_SIZE = 112;
export const VCPU_HVM_X86_64_RAX = 0;
export const VCPU_HVM_X86_64_RCX = 8;
export const VCPU_HVM_X86_64_RDX = 16;
export const VCPU_HVM_X86_64_RBX = 24;
export const VCPU_HVM_X86_64_RSP = 32;
export const VCPU_HVM_X86_64_RBP = 40;
export const VCPU_HVM_X86_64_RSI = 48;
export const VCPU_HVM_X86_64_RDI = 56;
export const VCPU_HVM_X86_64_RIP = 64;
export const VCPU_HVM_X86_64_RFLAGS = 72;
export const VCPU_HVM_X86_64_CR0 = 80;
export const VCPU_HVM_X86_64_CR3 = 88;
export const VCPU_HVM_X86_64_CR4 = 96;
export const VCPU_HVM_X86_64_EFER = 104;
