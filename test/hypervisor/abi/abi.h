/*
 * What the files of this kernel have in common: how the result of a check is reported, and how code that may trap is tried. Every check prints one
 * line, "CHECK name: value". abi.test.ts compares it with what real Xen printed.
 */
#ifndef ABI_H
#define ABI_H
#include "xen.h"

enum {
    HYPERVISOR_mmu_update = 1, HYPERVISOR_set_gdt = 2, HYPERVISOR_stack_switch = 3, HYPERVISOR_fpu_taskswitch = 5,
    HYPERVISOR_set_debugreg = 8, HYPERVISOR_get_debugreg = 9, HYPERVISOR_update_descriptor = 10, HYPERVISOR_multicall = 13,
    HYPERVISOR_console_io = 18, HYPERVISOR_grant_table_op = 20, HYPERVISOR_vm_assist = 21, HYPERVISOR_iret = 23,
    HYPERVISOR_set_segment_base = 25, HYPERVISOR_mmuext_op = 26, HYPERVISOR_callback_op = 30, HYPERVISOR_physdev_op = 33,
};
enum { MMUEXT_NEW_USER_BASEPTR = 15, MMUEXT_TLB_FLUSH_MULTI = 8, MMUEXT_INVLPG_MULTI = 9, MMUEXT_SET_LDT = 13 };

enum { SIF_INITDOMAIN = 2 };

/* Where the guest was entered. Vectors are below 32. */
enum { NOTHING = 0xff, FAILSAFE = 0x20, SYSCALL = 0x21, SYSENTER = 0x22, SYSCALL32 = 0x23, SOFTWARE = 0x24 };

/* The entry that trap.S has seen: the registers in the order of their encoding, then Xen's frame, taken apart. */
struct seen {
    u64 kind, at, gpr[16];
    u64 rcx, r11, ds, es, fs, gs, error, rip, cs, rflags, rsp, ss;
};
extern struct seen seen;

/* Calls code(argument). Returns NOTHING if that came back, or else the kind of entry that ended it, whose details are in `seen`. */
u64 attempt(void (*code)(u64), u64 argument);
/* Runs a user program at `code` with a stack of its own and with the given rflags. */
u64 attempt_user(void (*code)(void), u64 rflags);
u64 attempt_user_with(void (*code)(void), u64 rflags, u64 cs, u64 ss, u64 flags);

void check(const char *name, u64 value);
/* Prints a line that is no check: "what name: value". */
void report(const char *what, const char *name, u64 value);
/* Prints, under `name`, the kind of the entry, its error code, the distance of RIP from `start`, CS, the flags except the arithmetic ones, and SS. */
void check_entry(const char *name, const void *start);
/* Prints the same, and the distance of RSP from `stack`. */
void check_stack(const char *name, u64 stack);
void install_traps(void);
extern u8 user_stack_top[];

struct iret_context { u64 rax, r11, rcx, flags, rip, cs, rflags, rsp, ss; };
void do_iret(u64 context);
/* Lets the code that `seen` describes go on. `flags` are those of the iret context. What comes next is in `seen` afterwards. */
u64 attempt_on(u64 flags);
/* Machine code with a name, which a check can be about. */
#define SUBJECT(name, text) \
    asm(".text\n.globl s_" #name "\ns_" #name ": " text "\n ret\n"); \
    extern void s_##name(u64)
#define USER(name) ((void (*)(void))s_##name)

struct multicall_entry { u64 op; s64 result; u64 args[6]; };
struct mmuext_op { u32 cmd, pad; u64 arg1, arg2; };
static inline s64 mmuext(u32 cmd, u64 arg1, u64 arg2) {
    struct mmuext_op op = {cmd, 0, arg1, arg2};
    return hypercall(HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}
extern u8 spare_pages[8][PAGE];
/* Maps a page of the kernel again with these flags (bit 1: writable). */
void remap(void *page, u64 flags);

/* Copies the code of a check to LOW, where 32-bit code can run. */
#define LOW 0x10000ul
void low_code(void (*code)(u64));

void check_errno(void);
void check_grant(void);
void check_iret(void);
void check_debug(void);
void check_registers(void);
void check_descriptors(void);
void check_io(void);
void check_time(void);
void say_wall_clock(void);
#endif
