/* HYPERVISOR_iret: what becomes of a return that fails and of one inside a multicall, and what SYSCALL and SYSENTER leave behind. */
#include "abi.h"

SUBJECT(target, "ud2");
SUBJECT(user_syscall, "nop; syscall");
SUBJECT(user_sysenter, "nop; sysenter");
SUBJECT(user_int80, "int $0x80");
SUBJECT(user_int3, "int3");
SUBJECT(user_int_1, "int $1");
SUBJECT(user_int_0x21, "int $0x21");
SUBJECT(multicall_iret, "mov %rdi, %rsp; mov $13, %eax; lea multicall_list(%rip), %rdi; mov $3, %esi; syscall; ud2");

struct multicall_entry multicall_list[4];
static u64 table[512] __attribute__((aligned(4096), section(".bss.page")));

static u64 code(u64 flags) { return flags << 40 | 0x00000000ffffull | 0xful << 48; }
static void set_table(void) {
    /* The bits of the access byte are P 80, DPL 3 60, S 10, code 08, conforming 04, read/write 02. The flags of the upper half are L 2, D 4, G 8. */
    table[1] = code(0xa0 << 8 | 0x7a);  /* 64-bit code, not present */
    table[2] = code(0xc0 << 8 | 0xf2);  /* data */
    table[3] = code(0xc0 << 8 | 0x72);  /* data, not present */
    table[4] = code(0xc0 << 8 | 0xfa);  /* 32-bit code */
    table[5] = code(0xa0 << 8 | 0xfa);  /* 64-bit code */
    table[6] = code(0xa0 << 8 | 0xfe);  /* 64-bit code, conforming */
    table[7] = code(0xc0 << 8 | 0xf0);  /* data, read-only */
    table[8] = code(0xc0 << 8 | 0xf6);  /* data, expand down */
    table[9] = code(0xa0 << 8 | 0xf8);  /* 64-bit code, execute only */
}

static struct iret_context context;
static const struct { const char *name; u16 cs, ss; } returns[] = {
    {"null CS", 0, KERNEL_SS}, {"null CS of ring 3", 3, KERNEL_SS}, {"CS 0xfff8", 0xfff8, KERNEL_SS}, {"CS beyond the table", 0x800, KERNEL_SS},
    {"CS empty", 0x58, KERNEL_SS}, {"CS not present", 8, KERNEL_SS}, {"CS data", 0x10, KERNEL_SS}, {"CS in no LDT", 0x24, KERNEL_SS},
    {"CS 32-bit code", 0x20, KERNEL_SS}, {"CS 64-bit code", 0x28, KERNEL_SS}, {"CS conforming", 0x30, KERNEL_SS}, {"CS execute only", 0x48, KERNEL_SS},
    {"SS null", KERNEL_CS, 0}, {"SS null of ring 3", KERNEL_CS, 3}, {"SS not present", KERNEL_CS, 0x18}, {"SS data", KERNEL_CS, 0x10},
    {"SS code", KERNEL_CS, 0x28}, {"SS read-only", KERNEL_CS, 0x38}, {"SS expand down", KERNEL_CS, 0x40}, {"SS beyond the table", KERNEL_CS, 0x800},
    {"SS in no LDT", KERNEL_CS, 0x14}, {"both bad", 0x10, 0x28}, {"CS of Xen", 0xe008, KERNEL_SS}, {"SS of Xen", KERNEL_CS, 0xe010},
    {"compat CS", 0xe023, 0xe02b},
};

static char name[80];
static const char *joined(const char *a, const char *b) {
    u32 n = 0;
    while (*a) name[n++] = *a++;
    while (*b) name[n++] = *b++;
    name[n] = 0;
    return name;
}

static u64 own_stack[512] __attribute__((aligned(16)));
static void try_return(const char *what, u16 cs, u16 ss, u64 flags, u64 rip, u64 rflags) {
    context = (struct iret_context){0x5a, 0x11, 0xcc, flags, rip, cs, rflags, (u64)(own_stack + 512), ss};
    attempt(do_iret, (u64)&context);
    check_entry(what, s_target);
}

static void try_return_to(u64 rip, const char *what, u64 flags) {
    context = (struct iret_context){0x5a, 0x11, 0xcc, flags, rip, KERNEL_CS, 0x202, (u64)(own_stack + 512), KERNEL_SS};
    attempt(do_iret, (u64)&context);
    check_entry(what, (void *)rip);
}

void check_iret(void) {
    set_table();
    remap(table, 0);
    u64 frame = mfn_of(table);
    check("set_gdt", hypercall(HYPERVISOR_set_gdt, (u64)&frame, 512, 0, 0));
    for (u32 i = 0; i < sizeof returns / sizeof *returns; i++) {
        u16 cs = returns[i].cs, ss = returns[i].ss;
        try_return(joined("iret user ", returns[i].name), cs | 3, ss, 0, (u64)s_target, 0x202);
        /* 32-bit code would lose the upper half of the address of the kernel's stack. */
        if (cs != 3 && cs != 0x20 && cs != 0xe023) try_return(joined("iret kernel ", returns[i].name), cs & ~3, ss, 0, (u64)s_target, 0x202);
    }
    check("rax of a failed iret", seen.gpr[0]);
    check("rcx of a failed iret", seen.rcx);
    check("r11 of a failed iret", seen.r11);
    try_return_to(0x900000000000, "iret not canonical", 0);
    try_return("iret user flags", KERNEL_CS, KERNEL_SS, 0, (u64)s_target, 0x247fd7);
    try_return("iret kernel flags", KERNEL_CS & ~3, KERNEL_SS, 0, (u64)s_target, 0x247ed7);
    try_return("iret in_syscall selectors", 0x33, 0x2b, 0x100, (u64)s_target, 0x202);
    check("rcx after in_syscall", seen.rcx == (u64)s_target);
    check("r11 after in_syscall", seen.r11);
    try_return("iret in_syscall flags", KERNEL_CS, KERNEL_SS, 0x100, (u64)s_target, 0x247ed7);
    try_return("iret in_syscall compat", 0xe023, 0xe02b, 0x100, (u64)s_target, 0x202);
    try_return_to(0x900000000000, "iret in_syscall not canonical", 0x100);

    attempt_user(USER(user_syscall), 0x202); check_entry("user syscall", s_user_syscall);
    attempt_user_with(USER(user_syscall), 0x202, 0x2b, 0x13, 0); check_entry("user syscall other selectors", s_user_syscall);
    low_code(s_user_syscall);
    void (*low)(void) = (void (*)(void))LOW;
    attempt_user_with(low, 0x202, 0x23, 0x13, 0); check_entry("user syscall 32-bit code", (void *)LOW);
    attempt_user_with(low, 0x202, 0xe023, 0xe02b, 0); check_entry("user syscall compat", (void *)LOW);
    low_code(s_user_int80);
    attempt_user_with(low, 0x202, 0xe023, 0xe02b, 0); check_entry("user int 0x80 compat", (void *)LOW);
    attempt_user(USER(user_syscall), 0x602); check_entry("user syscall DF", s_user_syscall);
    /* When this kernel is dom0 of real Xen in QEMU, SYSENTER ends in a double fault of Xen itself, because its stack for SYSENTER is not mapped on
     * the first processor. */
    if (!(start_info->flags & SIF_INITDOMAIN)) {
        attempt_user(USER(user_sysenter), 0x202); check_entry("user sysenter", (void *)0);
        check_stack("user sysenter rsp", 0);
        attempt_user_with(USER(user_sysenter), 0x202, 0x2b, 0x13, 0); check_entry("user sysenter other selectors", (void *)0);
        low_code(s_user_sysenter);
        attempt_user_with(low, 0x202, 0xe023, 0xe02b, 0); check_entry("user sysenter compat", (void *)0);
    }
    attempt_user(USER(user_int80), 0x202); check_entry("user int 0x80", s_user_int80);
    attempt_user(USER(user_int3), 0x202); check_entry("user int3", s_user_int3);
    attempt_user(USER(user_int_1), 0x202); check_entry("user int 1", s_user_int_1);
    attempt_user(USER(user_int_0x21), 0x202); check_entry("user int 0x21", s_user_int_0x21);

    multicall_list[0] = (struct multicall_entry){HYPERVISOR_xen_version, 0, {0}};
    multicall_list[1] = (struct multicall_entry){HYPERVISOR_multicall, 0, {0}};
    multicall_list[2] = (struct multicall_entry){HYPERVISOR_sched_op, 7, {99}};
    check("multicall", hypercall(HYPERVISOR_multicall, (u64)multicall_list, 3, 0, 0));
    check("multicall's call", multicall_list[0].result);
    check("nested multicall", multicall_list[1].result);
    check("call after it", multicall_list[2].result);
    multicall_list[1] = (struct multicall_entry){HYPERVISOR_iret, 0x77, {0}};
    multicall_list[2].result = 0x77;
    context = (struct iret_context){0x5a, 0x11, 0xcc, 0, (u64)s_target, KERNEL_CS, 0x202, (u64)(own_stack + 512), KERNEL_SS};
    attempt(s_multicall_iret, (u64)&context); check_entry("iret in a multicall", s_target);
    check("rax after it", seen.gpr[0]);
    check("its result", multicall_list[1].result);
    check("the call behind it", multicall_list[2].result);
    context.rsp = (u64)(own_stack + 512); context.cs = KERNEL_CS & ~3ul;
    attempt(s_multicall_iret, (u64)&context); check_entry("iret to the kernel in a multicall", s_target);
    frame = 0;
    hypercall(HYPERVISOR_set_gdt, (u64)&frame, 0, 0, 0);
    remap(table, 2);
}
