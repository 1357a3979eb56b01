/** Why the engine's run() returned. The numbers are shared with tests; details are in the CPU_EXIT_* fields. */

/** The pending word was set, or the instruction budget is used up. RIP is the next instruction. */
export const EXIT_POLL = 0;
/**
 * An exception, INT n, INT3, INTO or INT1. Sets VECTOR, ERROR (0 if the vector has none), and ADDRESS (CR2 for #PF, which is not written to CPU_CR2).
 * For faults RIP is the faulting instruction, for traps and software interrupts the next one.
 */
export const EXIT_EXCEPTION = 1;
/** SYSCALL: RCX and R11 hold the return RIP and RFLAGS as on silicon. RIP is the next instruction; nothing else has changed. */
export const EXIT_SYSCALL = 2;
/** SYSENTER, likewise without RCX/R11. */
export const EXIT_SYSENTER = 3;
/**
 * An instruction that silicon would refuse with #GP(0) or #UD at this CPL, or that a hypervisor wants to see (CPUID; RDTSC(P) with CR4.TSD; IN/OUT
 * without I/O permission; CLI/STI at CPL > IOPL; HLT, MOV CR/DR, RD/WRMSR, LGDT, LIDT, LMSW, CLTS, INVLPG, INVD, WBINVD, XSETBV, SWAPGS, SYSRET,
 * ...). EXIT_OP points at the decoded operation and RIP at that instruction, of which nothing has been executed. ERROR holds the vector that silicon
 * would raise.
 */
export const EXIT_PRIVILEGED = 4;
/** HLT at CPL 0 of a guest that owns its privileged state. RIP is the next instruction. */
export const EXIT_HALT = 5;
/** INT n of a deprivileged vCPU, through a gate. Sets VECTOR. RIP is the next instruction. */
export const EXIT_SOFTWARE_INTERRUPT = 6;

// The following exits come only from guests that own their privileged state. These guests also cause EXIT_PRIVILEGED, for what belongs to the
// platform: CPUID, RDMSR and WRMSR of a register that the engine does not have, RDPMC, IN, OUT, INS, OUTS (where they are allowed), MOV CR8, MONITOR.

/** VMCALL or VMMCALL, at any CPL. RIP is that instruction, EXIT_OP points at it. */
export const EXIT_VMCALL = 7;
/**
 * The second stage does not allow an access. ADDRESS is the guest-physical address, ERROR is ACCESS_* (paging/format.ts). RIP is the instruction and
 * EXIT_OP points at it (0 if it is not known); nothing has been executed. VECTOR is 0, or 1 if it was the delivery of #DB that was not allowed: after
 * a trap RIP is the next instruction, and the owner injects #DB when there is something at the address.
 */
export const EXIT_OUTSIDE = 8;
/** CPU_WINDOW was set, and an interrupt can be delivered now. */
export const EXIT_WINDOW = 9;
/** A fault during the delivery of a double fault. RIP is the instruction that began it. */
export const EXIT_SHUTDOWN = 10;
