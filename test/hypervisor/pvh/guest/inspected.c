/* A vCPU that stands still in a known state: one interrupt is in service, another is requested and waits for it, and the timer is masked. */
#include "pvh.h"

static const char marker[64] = "This stands in the memory of a PVH guest.";

static void keep(struct regs *r)
{
    /* There is no end of interrupt, so the interrupt stays in service. */
    (void)r;
}

void inspected(void)
{
    on_interrupt = keep;
    apic_write(0xf0, 0x1ff);
    apic_write(0x320, 0x30000 | 0x70);
    apic_write(0x300, 0x40000 | 0x61);
    asm volatile("sti; nop; nop; cli" ::: "memory");
    apic_write(0x300, 0x40000 | 0x51);
    apic_write(0x80, 0x20);
    say("INSPECTED %x", (u64)marker);
    for (;;) asm volatile("sti; hlt" ::: "memory");
}

/* Two page-table roots between which the vCPU changes all the time. The first entry of each is the kernel's, the last one names the root itself,
 * and the second one names a table whose entries all name that table. */
static u64 roots[2][512] __attribute__((aligned(4096)));
static u64 circle[512] __attribute__((aligned(4096)));

/* Page tables, stack pointer and frame pointer are different in each turn. The code needs none of them except the first entry. */
void inspected_changing(void)
{
    u64 root;
    asm volatile("mov %%cr3, %0" : "=r"(root));
    for (u32 n = 0; n < 512; n++) circle[n] = (u64)circle | 7;
    for (u32 which = 0; which < 2; which++) {
        roots[which][0] = *(u64 *)root;
        roots[which][1] = (u64)circle | 7;
        roots[which][511] = (u64)roots[which] | 7;
    }
    say("INSPECTED %x", (u64)marker);
    asm volatile("cli; mov $88172645463325252, %%rax\n"
                 "1: mov %%rax, %%rcx; shl $13, %%rcx; xor %%rcx, %%rax; mov %%rax, %%rcx; shr $7, %%rcx; xor %%rcx, %%rax\n"
                 "mov %%rax, %%rcx; shl $17, %%rcx; xor %%rcx, %%rax\n"
                 "mov %%eax, %%ecx; and $0x1000, %%ecx; lea (%%rcx, %0), %%rdx; mov %%eax, %%ecx; and $0x18, %%ecx; or %%rcx, %%rdx; mov %%rdx, %%cr3\n"
                 "mov %%rax, %%rcx; shr $20, %%rcx; and $255, %%ecx; mov %%rax, 16(%0, %%rcx, 8)\n"
                 "mov %%rax, %%rsp; mov %%rsp, %%rbp; rol $9, %%rbp; jmp 1b"
                 :: "r"(roots) : "memory");
    __builtin_unreachable();
}
