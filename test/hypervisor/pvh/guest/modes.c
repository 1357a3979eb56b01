/* After it was saved and restored, a vCPU must have what it had before: in long mode with all its registers, asleep with a timer, and in the modes
 * before long mode. */
#include "pvh.h"

asm(".text\n.code16\n"
    "real_start: cli; xorw %ax, %ax; movw %ax, %ds; movw $0x5678, %ax; movw %ax, %es; movl $0x89abcdef, %ecx; movl $0xfedcba98, %esp\n"
    "movw $1, 0xaff0\n1: cmpw $2, 0xaff0; jne 1b\n"
    "movl %ecx, 0xaff4; movw %es, 0xaff8; movw %cs, 0xaffa; smsww 0xaffc; movl %esp, 0xafe8; movw $3, 0xaff0\n2: hlt; jmp 2b\nreal_end:\n"
    ".macro flat to\n cli; movw %cs, %ax; movw %ax, %ds; lgdtl 99f - 98b; movl %cr0, %eax; orl $1, %eax; movl %eax, %cr0; ljmpl $24, $\\to\n"
    "99: .word 31; .long gdt\n.endm\n"
    "flat_start: 98: flat flat32\nflat_end:\npaged_start: 98: flat paged32\npaged_end:\n"
    ".code32\n.macro spins at\n movl $1, \\at + 0xff0\n1: cmpl $2, \\at + 0xff0; jne 1b\n"
    "movl %ecx, \\at + 0xff4; movl %cr0, %eax; movl %eax, \\at + 0xff8; movl %cr4, %eax; movl %eax, \\at + 0xffc; movl $3, \\at + 0xff0\n2: hlt; jmp 2b\n.endm\n"
    "flat32: movw $16, %ax; movw %ax, %ds; movw %ax, %ss; movl $0x13579bdf, %ecx; spins 0xb000\n"
    "paged32: movw $16, %ax; movw %ax, %ds; movw %ax, %ss; movl $0x10, %eax; movl %eax, %cr4; movl $0xd000, %eax; movl %eax, %cr3\n"
    "movl %cr0, %eax; orl $0x80000000, %eax; movl %eax, %cr0; movl $0x2468ace0, %ecx; spins 0xc000\n.code64\n");
extern char real_start[], real_end[], flat_start[], flat_end[], paged_start[], paged_end[];

static volatile u32 *word(u64 page, u32 at) { return (volatile u32 *)(page + at); }
static void start_at(u32 vcpu, u64 page, const char *from, const char *to)
{
    for (u64 i = 0; i < (u64)(to - from); i++) ((u8 *)page)[i] = from[i];
    *word(page, 0xff0) = 0;
    apic_write(0x310, vcpu * 2 << 24);
    apic_write(0x300, 0x4500);
    apic_write(0x310, vcpu * 2 << 24);
    apic_write(0x300, 0x4600 | page >> 12);
    while (*word(page, 0xff0) != 1) asm volatile("pause");
}

static u64 tsc(void)
{
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (u64)high << 32;
}

/* Every MSR that a guest may write and that belongs to this vCPU alone. */
static const struct { u32 number; u64 value; } msrs[] = {
    { 0xc0000081, 0x0023001000000000 }, { 0xc0000082, 0xffffffff81000123 }, { 0xc0000083, 0xffff800000000456 },
    { 0xc0000084, 0x47700 },            { 0xc0000100, 0x7f0012345678 },     { 0xc0000101, 0xffff888012345000 },
    { 0xc0000102, 0x7fffffffe000 },     { 0xc0000103, 0x55667788 },         { 0x174, 0x10 },
    { 0x175, 0xffffffff82000000 },      { 0x176, 0xffffffff82000abc },      { 0x277, 0x0007010600070106 },
    { 0x2ff, 0xc06 },                   { 0x200, 0x80000006 },              { 0x201, 0xff80000800 },
    { 0x250, 0x0606060606060606 },      { 0x26f, 0x0505050505050505 },
};
enum { MSRS = sizeof(msrs) / sizeof(*msrs), APICS = 0x40 };
struct state {
    u64 msr[MSRS], cr[5], dr[6];
    u32 apic[APICS];
    struct { u16 limit; u64 base; } __attribute__((packed)) gdt, idt;
    u16 tr, ldt, ds, es, fs, gs, ss, cs;
    u8 fx[512] __attribute__((aligned(16)));
};
static void look(struct state *s)
{
    for (u32 i = 0; i < MSRS; i++) s->msr[i] = rdmsr(msrs[i].number);
    asm volatile("mov %%cr0, %0; mov %%cr2, %1; mov %%cr3, %2; mov %%cr4, %3; mov %%cr8, %4"
                 : "=r"(s->cr[0]), "=r"(s->cr[1]), "=r"(s->cr[2]), "=r"(s->cr[3]), "=r"(s->cr[4]));
    asm volatile("mov %%dr0, %0; mov %%dr1, %1; mov %%dr2, %2; mov %%dr3, %3; mov %%dr6, %4; mov %%dr7, %5"
                 : "=r"(s->dr[0]), "=r"(s->dr[1]), "=r"(s->dr[2]), "=r"(s->dr[3]), "=r"(s->dr[4]), "=r"(s->dr[5]));
    for (u32 i = 2; i < APICS; i++)
        s->apic[i] = i == 0x39 || (i >= 0x3 && i < 0x8) || (i > 0x8 && i < 0xd) ? 0 : apic_read(i * 16);
    asm volatile("sgdt %0; sidt %1; str %2; sldt %3" : "=m"(s->gdt), "=m"(s->idt), "=m"(s->tr), "=m"(s->ldt));
    asm volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3; mov %%ss, %4; mov %%cs, %5"
                 : "=m"(s->ds), "=m"(s->es), "=m"(s->fs), "=m"(s->gs), "=m"(s->ss), "=m"(s->cs));
    asm volatile("fxsave64 %0" : "=m"(s->fx));
}

static volatile u32 woken, slept;
static void sleeper(u32 vcpu)
{
    (void)vcpu;
    apic_write(0x320, 0x40000 | 0x72);
    u64 at = tsc() + 500000000ul;
    wrmsr(0x6e0, at);
    slept = 1;
    while (!woken) asm volatile("sti; hlt; cli" ::: "memory");
    woken = tsc() >= at ? 2 : 3;
    for (;;) asm volatile("hlt");
}

static volatile u32 came[4];
static volatile u32 coming;
static void comes(struct regs *r)
{
    if (r->vector == 0x72) woken = 1;
    else if (coming < 4) came[coming++] = r->vector;
    if (r->vector != 0x61 || coming > 1) apic_write(0xb0, 0);
}

/* The registers as they were loaded and as they were found: RCX to R15, and the flags. */
static u64 loaded[16], found[16], stack_before;
static u32 reason = 2;
static s64 suspend(void)
{
    s64 result;
    for (u32 i = 1; i < 16; i++) loaded[i] = 0x0123456789abcdeful * (i + 3) ^ (u64)i << 59;
    loaded[0] = 0x240cd7;
    asm volatile(
        "push %%rbp; push %%rbx; mov %%rsp, %[stack]\n"
        "push %[l]; popq %%rax; pushq (%%rax); popfq\n"
        "mov 8(%%rax), %%rcx; mov 16(%%rax), %%rdx; mov 24(%%rax), %%rbx; mov 40(%%rax), %%rbp\n"
        "mov 80(%%rax), %%r10; mov 88(%%rax), %%r11; mov 96(%%rax), %%r12; mov 104(%%rax), %%r13; mov 112(%%rax), %%r14; mov 120(%%rax), %%r15\n"
        "mov 64(%%rax), %%r8; mov 72(%%rax), %%r9\n"
        "mov $2, %%edi; lea %[reason], %%rsi; mov $29, %%eax; vmcall\n"
        "mov %%rcx, found + 8; mov %%rdx, found + 16; mov %%rbx, found + 24; mov %%rbp, found + 40\n"
        "mov %%r10, found + 80; mov %%r11, found + 88; mov %%r12, found + 96; mov %%r13, found + 104; mov %%r14, found + 112; mov %%r15, found + 120\n"
        "mov %%r8, found + 64; mov %%r9, found + 72; pushfq; popq found; cld; push $2; popfq\n"
        "cmp %%rsp, %[stack]; je 1f; movq $1, found + 32\n1: pop %%rbx; pop %%rbp"
        : "=a"(result), [stack] "+m"(stack_before), [reason] "+m"(reason)
        : [l] "i"(loaded)
        : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    return result;
}

static void compare(const char *what, const void *a, const void *b, u64 bytes)
{
    for (u64 i = 0; i < bytes; i += 4)
        if (*(const u32 *)((const u8 *)a + i) != *(const u32 *)((const u8 *)b + i))
            say("DIFFERS %s at %d: %x then %x", what, i, (u64)*(const u32 *)((const u8 *)a + i), (u64)*(const u32 *)((const u8 *)b + i));
}

void modes(void)
{
    static struct state before, after;
    u32 *large = (u32 *)0xd000;
    for (u32 i = 0; i < 1024; i++) large[i] = i << 22 | 0x83;
    on_interrupt = comes;
    apic_write(0xf0, 0x1ff);
    others_work = sleeper;
    vcpus_up = 1;
    start_vcpus(2);
    start_at(2, 0xa000, real_start, real_end);
    start_at(3, 0xb000, flat_start, flat_end);
    start_at(4, 0xc000, paged_start, paged_end);
    while (!slept) asm volatile("pause");
    for (u32 i = 0; i < MSRS; i++) wrmsr(msrs[i].number, msrs[i].value);
    asm volatile("mov %0, %%cr2; mov %1, %%dr0; mov %2, %%dr1; mov %3, %%dr7"
                 :: "r"(0xffff888000001234ul), "r"(0x30000000ul), "r"(0xffffffff81abcdeful), "r"(0xd0401ul));
    static const u32 mxcsr = 0x7f80;
    asm volatile("fninit; fldpi; fldl2e; fld1; ldmxcsr %0; pcmpeqd %%xmm0, %%xmm0; psrlq $3, %%xmm0; movdqa %%xmm0, %%xmm9; paddd %%xmm9, %%xmm15"
                 :: "m"(mxcsr));
    /* One interrupt is in service, another is requested and waits for it, and a timer waits for its time. */
    coming = 0;
    apic_write(0x300, 0x40000 | 0x61);
    asm volatile("sti; nop; nop; cli" ::: "memory");
    apic_write(0x300, 0x40000 | 0x51);
    apic_write(0x80, 0x20);
    apic_write(0x320, 0x40000 | 0x71);
    u64 at = tsc() + 1000000000ul;
    wrmsr(0x6e0, at);
    look(&before);
    u64 stopped = tsc();
    say("KEEP %d", (u64)coming);
    s64 result = suspend();
    u64 now = tsc();
    u64 deadline = rdmsr(0x6e0);
    look(&after);
    say("GOES ON %d forward %d deadline %d", result, (u64)(now > stopped && now - stopped < 600000000000ul), (u64)(deadline == at || !deadline));
    found[6] = loaded[6], found[7] = loaded[7];
    /* The stack's own place is left out, and IF, which was off. */
    loaded[4] = 0, loaded[0] = (loaded[0] & ~0x200ul) | 2;
    found[0] &= ~0x200ul;
    compare("registers", loaded, found, sizeof(loaded));
    compare("state", &before, &after, sizeof(before) - 512);
    compare("vectors", before.fx, after.fx, 416);
    for (u64 page = 0xa000; page < 0xd000; page += 0x1000) {
        *word(page, 0xff0) = 2;
        while (*(volatile u16 *)(page + 0xff0) != 3) asm volatile("pause");
        say("MODE %x: %x %x %x", page, (u64)*word(page, 0xff4), (u64)*word(page, 0xff8), (u64)*word(page, 0xffc));
    }
    say("REAL esp %x", (u64)*word(0xa000, 0xfe8));
    /* The interrupt in service ends. The requested one must arrive, and the timer at its time. */
    apic_write(0x80, 0);
    apic_write(0xb0, 0);
    while (coming < 3) asm volatile("sti; hlt; cli" ::: "memory");
    say("CAME %x %x %x", (u64)came[0], (u64)came[1], (u64)came[2]);
    say("TIMER early %d", (u64)(tsc() < at));
    while (woken < 2) asm volatile("pause");
    say("SLEEPER %d", (u64)woken);
    say("END");
    power_off(0);
}
