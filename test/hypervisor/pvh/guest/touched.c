/*
 * How long it takes to write to 64 MiB that copies share, a word in each page, in order and then in an order that is none. It suspends when something is
 * typed, and whoever goes on, this domain or a copy, waits until something is typed again. Another vCPU does nothing but compute, or, with the word
 * beside, read what is shared.
 */
#include "pvh.h"

#define REGION 0x1000ul
#define PAGES 16384ul
#define CONSOLE_PFN 17
#define IN_PROD 3076
#define SUSPEND 2

static volatile u32 *typed;
static void wait_for_typing(void)
{
    for (u32 before = *typed; *typed == before;) asm volatile("pause");
}
static u64 tsc(void)
{
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (u64)high << 32;
}
static volatile u64 *page(u64 i) { return (volatile u64 *)((REGION + i) * PAGE); }

static volatile u64 sum;
static void beside(u32 vcpu)
{
    int reads = has_word("beside");
    for (u64 i = vcpu;; i++) sum += reads ? page(i % PAGES)[1] : i;
}

void touched(void)
{
    struct { u16 domid; u32 index; u64 value; } p = { SELF, CONSOLE_PFN, 0 };
    hypercall(HVM_OP, 1, (u64)&p, 0, 0);
    typed = (volatile u32 *)(p.value * PAGE + IN_PROD);
    int scattered = has_word("scattered");
    for (u64 i = 0; i < PAGES; i++) page(i)[0] = i;
    if (has_word("two")) others_work = beside, start_vcpus(2);
    for (u64 round = 1;; round++) {
        say("READY %d", round);
        wait_for_typing();
        u32 reason = SUSPEND;
        s64 original = hypercall(SCHED_OP, 2, (u64)&reason, 0, 0);
        say("BACK %d original %d", round, original);
        wait_for_typing();
        u64 began = tsc(), wrong = 0;
        for (u64 i = 0; i < PAGES; i++) {
            u64 n = scattered ? i * 7919 % PAGES : i;
            if (page(n)[0] != n + round - 1) wrong++;
            page(n)[0] = n + round;
        }
        say("TOUCHED %d original %d in %d ns, %d wrong", round, original, tsc() - began, wrong);
    }
}
