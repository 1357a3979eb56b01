/** Why the engine's run() came back. The numbers are shared with tests; details stand in the CPU_EXIT_* fields. */

/** The pending word was set or the instruction budget is used up; RIP is the next instruction. */
export const EXIT_POLL = 0;
/**
 * An exception, INT n, INT3, INTO or INT1. VECTOR, ERROR (0 if the vector has none), ADDRESS (CR2 for #PF; not
 * written to CPU_CR2). For faults RIP is the faulting instruction, for traps and software interrupts the next one.
 */
export const EXIT_EXCEPTION = 1;
/** SYSCALL: RCX and R11 hold return RIP and RFLAGS as on silicon; RIP is the next instruction; nothing else changed. */
export const EXIT_SYSCALL = 2;
/** SYSENTER, likewise without RCX/R11. */
export const EXIT_SYSENTER = 3;
/**
 * An instruction that silicon would refuse with #GP(0) or #UD at this CPL, or that a hypervisor wants to see
 * (CPUID; RDTSC(P) with CR4.TSD; IN/OUT without I/O permission; CLI/STI at CPL > IOPL; HLT, MOV CR/DR, RD/WRMSR,
 * LGDT, LIDT, LMSW, CLTS, INVLPG, INVD, WBINVD, XSETBV, SWAPGS, SYSRET, ...). EXIT_OP points at the decoded
 * operation, RIP is that instruction, nothing has been executed. ERROR holds the vector silicon would raise.
 */
export const EXIT_PRIVILEGED = 4;
/** HLT at CPL 0 of a guest that owns its privileged state. RIP is the next instruction. */
export const EXIT_HALT = 5;
/** INT n by software, deprivileged, through a gate: VECTOR. RIP is the next instruction. */
export const EXIT_SOFTWARE_INTERRUPT = 6;

// What follows comes from guests that own their privileged state only. Theirs too is EXIT_PRIVILEGED, for what is the platform's:
// CPUID, RDMSR and WRMSR of a register that the engine has not, RDPMC, IN, OUT, INS, OUTS (where they are allowed), MOV CR8, MONITOR.

/** VMCALL or VMMCALL, at any CPL. RIP is that instruction, EXIT_OP points at it. */
export const EXIT_VMCALL = 7;
/**
 * The second stage does not let an access through: ADDRESS is the guest-physical one, ERROR is ACCESS_* (paging/format.ts). RIP is the
 * instruction, EXIT_OP points at it (0 if it is not known); nothing has been executed. VECTOR is 0, or 1 if it was the delivery of #DB that did not get
 * through: of a trap RIP is the next instruction, and the owner injects #DB when there is something at the address.
 */
export const EXIT_OUTSIDE = 8;
/** CPU_WINDOW was set, and an interrupt can be delivered now. */
export const EXIT_WINDOW = 9;
/** A fault while a double fault was delivered. RIP is the instruction that began it. */
export const EXIT_SHUTDOWN = 10;
