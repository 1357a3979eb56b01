/**
 * The architectural state of one virtual CPU as the engine sees it: a fixed-layout structure in the host's shared memory, so that any pCPU can run
 * any vCPU by pointing `cpu` at it. The pCPU that runs the vCPU owns it; anybody else may touch it only while the vCPU is not running.
 * Offsets are plain constants because both AssemblyScript (engine, hypervisor) and TypeScript (tests, inspectors) use them. Sizes are in the
 * comments. Everything is little-endian.
 */

/** 16 x u64: RAX RCX RDX RBX RSP RBP RSI RDI R8..R15, in encoding order. */
export const CPU_GPR = 0x000;
/** u64: linear instruction pointer (offset in CS; CS base is 0 in 64-bit mode). */
export const CPU_RIP = 0x080;
/**
 * u64: RFLAGS without the six arithmetic flags, which are lazy (see flags.ts); bit 1 is always set. getRflags() reads the whole register, setRflags()
 * writes it.
 */
export const CPU_RFLAGS = 0x088;
/** Lazy arithmetic flags: u32 kind (operation and size), u64 result, u64 first, u64 second operand. */
export const CPU_FLAG_KIND = 0x090;
export const CPU_FLAG_RESULT = 0x098;
export const CPU_FLAG_A = 0x0a0;
export const CPU_FLAG_B = 0x0a8;

/**
 * 8 segment registers x 24 bytes, order ES CS SS DS FS GS LDTR TR:
 * u64 base, u32 limit (already scaled by G), u16 selector, u16 attributes
 * (descriptor bits 40..47 in bits 0..7, 52..55 in bits 8..11; bit 15: unusable).
 */
export const CPU_SEG = 0x0b0;
export const SEG_SIZE = 24;
export const SEG_BASE = 0;
export const SEG_LIMIT = 8;
export const SEG_SELECTOR = 12;
export const SEG_ATTR = 14;
export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;
export const LDTR = 6;
export const TR = 7;

/** u64 base, u32 limit. */
export const CPU_GDTR_BASE = 0x170;
export const CPU_GDTR_LIMIT = 0x178;
export const CPU_IDTR_BASE = 0x180;
export const CPU_IDTR_LIMIT = 0x188;

/** u64 each. */
export const CPU_CR0 = 0x190;
export const CPU_CR2 = 0x198;
export const CPU_CR3 = 0x1a0;
export const CPU_CR4 = 0x1a8;
export const CPU_EFER = 0x1b0;
/** 8 x u64 debug registers DR0..DR7. */
export const CPU_DR = 0x1b8;
/** u64: swapped in by SWAPGS. */
export const CPU_KERNEL_GS_BASE = 0x1f8;
/** i64: added to the machine's TSC by RDTSC. */
export const CPU_TSC_OFFSET = 0x200;
/** u32: IA32_TSC_AUX, returned by RDTSCP and RDPID. */
export const CPU_TSC_AUX = 0x208;
/** u32: current privilege level, 0..3. */
export const CPU_CPL = 0x20c;
/** u64: XCR0; the engine has bits 0 (x87), 1 (SSE) and 2 (AVX: the upper halves of YMM registers). */
export const CPU_XCR0 = 0x210;
/** u32: interrupt shadow, SHADOW_*: set for the instruction after STI or MOV/POP SS; 0 otherwise. */
export const CPU_SHADOW = 0x218;
export const SHADOW_STI = 1;
/** The instruction after STI or MOV/POP SS is being executed. */
export const SHADOW_RUNNING = 2;
/** MOV/POP SS also holds back debug exceptions until the instruction after it is done (SDM volume 3, 6.8.3). */
export const SHADOW_SS = 3;
/** u32: address-space tag of the current CR3 and mode in this pCPU's TLB; 0 means that none is assigned. */
export const CPU_ASID = 0x21c;
/** u64: instructions retired by this vCPU since it was created. */
export const CPU_RETIRED = 0x220;
/**
 * u32: who owns the privileged state (control registers, descriptor tables, IDT). 1 = the hypervisor: whatever would enter CPL 0 (exceptions, INT n,
 * SYSCALL, SYSENTER), and every privileged instruction, makes run() return with an exit, because the code "in ring 0" is the hypervisor, which is not
 * x86 code. 0 = the guest: the engine executes these and delivers through the guest's own IDT; what belongs to the platform makes run() return
 * (exits.ts).
 */
export const CPU_DEPRIVILEGED = 0x228;

/** Details of the last exit; see exits.ts. u32 vector or port, u32 error code, u64 address, u32 op. */
export const CPU_EXIT_VECTOR = 0x230;
export const CPU_EXIT_ERROR = 0x234;
export const CPU_EXIT_ADDRESS = 0x238;
export const CPU_EXIT_OP = 0x240;

/** 8 x 16 bytes: physical x87 registers R0..R7 (not ST-relative), 80 bits each, 6 bytes of padding. MMX lives in their low 64 bits. */
export const CPU_FPR = 0x250;
/** Offset of the u16 with sign and exponent of one of them, after the u64 of its significand. */
export const FPR_SIGN_EXPONENT = 8;
/** u16 control word, u16 status word (TOP in bits 11..13 is live here), u8 abridged tag (1 = valid), u16 last opcode. */
export const CPU_FCW = 0x2d0;
export const CPU_FSW = 0x2d2;
export const CPU_FTW = 0x2d4;
export const CPU_FOP = 0x2d6;
/** u64 last instruction and operand pointers. */
export const CPU_FIP = 0x2d8;
export const CPU_FDP = 0x2e0;
/** u32. */
export const CPU_MXCSR = 0x2e8;
/** 16 x 16 bytes: XMM0..XMM15, 16-byte aligned. */
export const CPU_XMM = 0x2f0;
/** Offset of the high u64 of one of them. */
export const XMM_HIGH = 8;

/** u64 each: SYSCALL/SYSENTER MSRs. */
export const CPU_STAR = 0x3f0;
export const CPU_LSTAR = 0x3f8;
export const CPU_CSTAR = 0x400;
export const CPU_FMASK = 0x408;
export const CPU_SYSENTER_CS = 0x410;
export const CPU_SYSENTER_ESP = 0x418;
export const CPU_SYSENTER_EIP = 0x420;
/** u64 IA32_PAT. */
export const CPU_PAT = 0x428;

/** u64: always zero. Operands without base, index or segment read it, so that the engine need not branch. */
export const CPU_ZERO = 0x430;
/** u64: RIP of the first byte of the page of the running block. Used by the engine itself while run() runs. */
export const CPU_CODE_BASE = 0x438;

/** u64: the tag that data accesses of translated code compare with; valid while it runs (regions.ts). */
export const CPU_TLB_TAG = 0x440;
/** u32: why translated code returned, BAILED_*; 0 if only because another region or none continues. */
export const CPU_BAILED = 0x448;
/** The instruction at CPU_RIP is left undone, for the interpreter to execute. */
export const BAILED_UNDONE = 1;
/** A deprivileged vCPU's SYSCALL is done: EXIT_SYSCALL. */
export const BAILED_SYSCALL = 2;
/** u64: the significand that x87/fast.ts computed last. Used by the engine itself. */
export const CPU_X87_SIGNIFICAND = 0x450;

/** u64: machine address of the root of the second stage of translation, 4 levels; 0 = none, so that page tables hold machine addresses. */
export const CPU_SECOND_ROOT = 0x458;
/** u32: identifies the second stage in every cache key: 0 = none, otherwise one number for each second stage. */
export const CPU_SPACE_ID = 0x460;
/** u32: 1 = run() is to return with EXIT_WINDOW as soon as an interrupt could be delivered. */
export const CPU_WINDOW = 0x464;
/** u32: 1 = NMIs wait, because one was delivered and no IRET has been executed since. */
export const CPU_NMI_BLOCKED = 0x468;
/** u64: page faults delivered to the guest's own handler since the vCPU was created. A deprivileged vCPU's leave run() instead. */
export const CPU_PAGE_FAULTS = 0x470;
/**
 * u32 each: bits of XCR0 and of CR4 that exist in the engine and not in this vCPU, because CPUID does not report their features: setting one raises #GP
 * (as on a processor without it). Deprivileged vCPUs have no CR4 of their own here.
 */
export const CPU_XCR0_REFUSED = 0x478;
export const CPU_CR4_REFUSED = 0x47c;

/** 16 x 16 bytes: bits 128..255 of YMM0..YMM15, whose low halves are XMM0..XMM15. */
export const CPU_YMM_HIGH = 0x480;

/** Bytes of the whole structure, a multiple of 64; structures are 64-byte aligned. */
export const CPU_SIZE = 0x580;
