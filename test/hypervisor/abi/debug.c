/* Debug exceptions: TF, breakpoints, and what delays them or drops them. */
#include "abi.h"

SUBJECT(step_rep, "mov $3, %ecx; rep stosb; nop; ud2");
SUBJECT(step_rep_none, "xor %ecx, %ecx; rep stosb; nop; ud2");
SUBJECT(step_mov_ss, "mov %ss, %eax; mov %eax, %ss; nop; nop; ud2");
SUBJECT(step_pop_ss_twice, "mov %ss, %eax; mov %eax, %ss; mov %eax, %ss; nop; nop; ud2");
SUBJECT(step_syscall, "mov $1, %eax; syscall; nop; nop; ud2");
SUBJECT(step_cpuid, "xor %eax, %eax; cpuid; nop; ud2");
SUBJECT(step_int3, "nop; int3; nop; ud2");
SUBJECT(step_pushf, "nop; pushf; pop %rdx; nop; ud2");
SUBJECT(step_popf, "pushf; andl $~0x100, (%rsp); popf; nop; ud2");
SUBJECT(mov_ss_syscall, "mov %ss, %eax; mov %eax, %ss; syscall; nop; ud2");
SUBJECT(mov_ss_ud, "mov %ss, %eax; mov %eax, %ss; ud2");
SUBJECT(execute, "nop; nop; nop; ud2");
SUBJECT(write_rdi, "nop; movb $1, (%rdi); nop; ud2");
SUBJECT(mov_ss_execute, "mov %ss, %eax; mov %eax, %ss; nop; nop; ud2");
SUBJECT(mov_ss_memory, "mov %ss, %eax; mov %ax, (%rdx); mov (%rdx), %ss; nop; nop; ud2");
SUBJECT(mov_ss_memory_syscall, "mov %ss, %eax; mov %ax, (%rdx); mov (%rdx), %ss; syscall; nop; ud2");
SUBJECT(rep_data, "mov $6, %ecx; rep stosb; nop; ud2");
SUBJECT(kernel_hypercall_tf, "pushf; orl $0x100, (%rsp); mov $17, %eax; xor %edi, %edi; xor %esi, %esi; popf; syscall; nop; nop; ud2");
SUBJECT(kernel_tf_rdmsr, "pushf; orl $0x100, (%rsp); mov $0xc0000080, %ecx; popf; rdmsr; nop; ud2");
SUBJECT(in_al, "nop; in $0x80, %al; nop; ud2");
SUBJECT(in_ax, "nop; in $0x80, %ax; nop; ud2");
SUBJECT(out_al, "nop; out %al, $0x80; nop; ud2");
SUBJECT(outsb, "mov $0x80, %edx; mov $3, %ecx; rep outsb; nop; ud2");
SUBJECT(set_de, "mov $0x668, %eax; mov %rax, %cr4");
SUBJECT(clear_de, "mov $0x660, %eax; mov %rax, %cr4");

static char name[64];
static const char *numbered(const char *what, u32 n) {
    u32 i = 0;
    while (*what) name[i++] = *what++;
    name[i++] = ' ';
    if (n > 9) { copy_bytes(name + i, "DR6 ", 4); i += 4; n -= 10; }
    name[i++] = '0' + n;
    name[i] = 0;
    return name;
}
static u64 dr6(void) {
    u64 value = hypercall(HYPERVISOR_get_debugreg, 6, 0, 0, 0);
    hypercall(HYPERVISOR_set_debugreg, 6, 0, 0, 0);
    return value;
}
/* Follows the entries of the kernel from here on, until there is one by #UD, which is the end of the code. */
static void follow(const char *what, const void *start) {
    for (u32 n = 0; n < 9; n++) {
        check_entry(numbered(what, n), start);
        if (seen.kind == 1) {
            u64 conditions = dr6();
            check(numbered(what, n + 10), conditions);
            /* Otherwise a breakpoint on the instruction would be hit again. */
            if (conditions & 15) seen.rflags |= 0x10000;
        }
        if (seen.kind == 6 || seen.kind == NOTHING) return;
        attempt_on(seen.kind == SYSCALL ? 0x100 : 0);
    }
}
static u8 buffer[64] __attribute__((aligned(64)));
static void user(const char *what, void (*code)(u64), u64 rflags) {
    dr6();
    seen.gpr[7] = (u64)buffer; seen.gpr[2] = (u64)(buffer + 32); seen.gpr[6] = (u64)buffer;
    seen.gpr[0] = 0; seen.r11 = 0; seen.rcx = 0;
    seen.rip = (u64)code; seen.cs = KERNEL_CS; seen.rflags = rflags; seen.rsp = (u64)user_stack_top; seen.ss = KERNEL_SS;
    attempt_on(0);
    follow(what, code);
}
static void breakpoint(u64 address, u64 control) {
    hypercall(HYPERVISOR_set_debugreg, 7, 0, 0, 0);
    hypercall(HYPERVISOR_set_debugreg, 0, address, 0, 0);
    hypercall(HYPERVISOR_set_debugreg, 7, control, 0, 0);
}
enum { EXECUTE = 1, WRITE = 1 | 1 << 16, ACCESS = 1 | 3 << 16, WRITE_4 = 1 | 13 << 16, IO = 1 | 2 << 16, IO_4 = 1 | 14 << 16 };

void check_debug(void) {
    user("TF rep", s_step_rep, 0x302);
    user("TF rep of nothing", s_step_rep_none, 0x302);
    user("TF mov ss", s_step_mov_ss, 0x302);
    user("TF mov ss twice", s_step_pop_ss_twice, 0x302);
    user("TF syscall", s_step_syscall, 0x302);
    user("TF cpuid", s_step_cpuid, 0x302);
    user("TF int3", s_step_int3, 0x302);
    user("TF pushf", s_step_pushf, 0x302);
    check("TF pushed", seen.gpr[2] & 0x100);
    user("TF popf", s_step_popf, 0x302);
    user("TF mov ss syscall", s_mov_ss_syscall, 0x302);
    user("TF mov ss ud", s_mov_ss_ud, 0x302);
    breakpoint((u64)s_execute + 1, EXECUTE);
    user("execute", s_execute, 0x202);
    user("execute with RF", s_execute, 0x10202);
    breakpoint((u64)s_execute, EXECUTE);
    user("execute first with RF", s_execute, 0x10202);
    breakpoint((u64)buffer, WRITE);
    user("write", s_write_rdi, 0x202);
    breakpoint((u64)buffer + 2, WRITE);
    user("rep write", s_rep_data, 0x202);
    breakpoint((u64)s_mov_ss_execute + 4, EXECUTE);
    user("execute after mov ss", s_mov_ss_execute, 0x202);
    breakpoint((u64)s_mov_ss_execute + 5, EXECUTE);
    user("execute after that", s_mov_ss_execute, 0x202);
    *(u16 *)(buffer + 32) = 0;
    breakpoint((u64)buffer + 32, ACCESS);
    user("mov ss of watched memory", s_mov_ss_memory, 0x202);
    user("mov ss of watched memory, syscall", s_mov_ss_memory_syscall, 0x202);
    breakpoint(0, 0);
    attempt(s_kernel_hypercall_tf, 0);
    check_entry("kernel TF over a hypercall", s_kernel_hypercall_tf);
    check("kernel TF over a hypercall, DR6", dr6());
    attempt(s_kernel_tf_rdmsr, 0);
    check_entry("kernel TF over rdmsr", s_kernel_tf_rdmsr);
    check("kernel TF over rdmsr, DR6", dr6());

    u32 iopl = 3;
    hypercall(HYPERVISOR_physdev_op, 6, (u64)&iopl, 0, 0);
    attempt(s_set_de, 0);
    check("I/O breakpoint", hypercall(HYPERVISOR_set_debugreg, 0, 0x80, 0, 0));
    check("I/O breakpoint's control", hypercall(HYPERVISOR_set_debugreg, 7, IO, 0, 0));
    check("DR7 with it", hypercall(HYPERVISOR_get_debugreg, 7, 0, 0, 0));
    user("in of a watched port", s_in_al, 0x202);
    user("in of two ports", s_in_ax, 0x202);
    user("out to a watched port", s_out_al, 0x202);
    user("TF out to a watched port", s_out_al, 0x302);
    user("outs to a watched port", s_outsb, 0x202);
    breakpoint(0x82, IO_4);
    user("in of four watched ports", s_in_al, 0x202);
    breakpoint(0x82, IO);
    user("in of a port that is not watched", s_in_al, 0x202);
    user("TF outs", s_outsb, 0x302);
    attempt(s_clear_de, 0);
    breakpoint(0, 0);
    check("I/O breakpoint without DE", hypercall(HYPERVISOR_set_debugreg, 7, IO, 0, 0));
    check("I/O breakpoint not enabled", hypercall(HYPERVISOR_set_debugreg, 7, 2 << 16, 0, 0));
    check("DR7 with that", hypercall(HYPERVISOR_get_debugreg, 7, 0, 0, 0));
    breakpoint(0, 0);
    iopl = 0;
    hypercall(HYPERVISOR_physdev_op, 6, (u64)&iopl, 0, 0);
}
