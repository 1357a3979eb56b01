/* What a vCPU keeps while it is saved and restored: the settings of its APIC's timer, which goes on counting, and the offset of its TSC. */
#include "pvh.h"

enum { TIMER = 0x320, INITIAL = 0x380, DIVIDE = 0x3e0, PERIODIC = 0x20000, TSC_DEADLINE = 0x40000, BY_2 = 0 };
enum { TSC = 0x10, TSC_ADJUST = 0x3b, DEADLINE = 0x6e0 };
#define VECTOR 0x70u
/* HVM_PARAM_CONSOLE_PFN, and the place in the console's ring that says how much has been typed. */
#define CONSOLE_PFN 17
#define IN_PROD 3076
#define SUSPEND 2

static volatile u32 ticks;
static void tick(struct regs *r)
{
    if (r->vector == VECTOR) ticks++;
    apic_write(0xb0, 0);
}
static u64 tsc(void)
{
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (u64)high << 32;
}
static void sleep_for(u32 count)
{
    ticks = 0;
    while (ticks < count) asm volatile("sti; hlt; cli" ::: "memory");
}
static void suspend(void)
{
    struct { u16 domid; u32 index; u64 value; } p = { SELF, CONSOLE_PFN, 0 };
    hypercall(HVM_OP, 1, (u64)&p, 0, 0);
    volatile u32 *typed = (volatile u32 *)(p.value * PAGE + IN_PROD);
    u32 before = *typed;
    say("READY");
    while (*typed == before) asm volatile("pause");
    u32 reason = SUSPEND;
    hypercall(SCHED_OP, 2, (u64)&reason, 0, 0);
}

void kept(void)
{
    on_interrupt = tick;
    apic_write(0xf0, 0x1ff);
    u64 before = tsc();
    wrmsr(TSC_ADJUST, 1ul << 40);
    say("ADJUST %x moved %d", rdmsr(TSC_ADJUST), (tsc() - before) >> 40);
    wrmsr(TSC, tsc() + (1ul << 41));
    say("TSC moved %d", (rdmsr(TSC_ADJUST) + (1ul << 30)) >> 40);
    u64 adjusted = rdmsr(TSC_ADJUST);
    int deadline = has_word("deadline");
    apic_write(DIVIDE, BY_2);
    apic_write(TIMER, (deadline ? TSC_DEADLINE : PERIODIC) | VECTOR);
    u64 due = tsc() + 3000000000ul;
    if (deadline) wrmsr(DEADLINE, due);
    else apic_write(INITIAL, 500000);
    if (!deadline) sleep_for(2);
    u64 last = tsc();
    suspend();
    say("ON adjust %d tsc %d divide %x timer %x", (u64)(rdmsr(TSC_ADJUST) == adjusted), (u64)(tsc() >= last),
        (u64)apic_read(DIVIDE), (u64)apic_read(TIMER));
    sleep_for(deadline ? 1 : 3);
    say("TICKS early %d", (u64)(deadline && tsc() < due));
    say("END");
    power_off(0);
}
