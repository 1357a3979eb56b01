/*
 * Memory that copies of a running domain share with it until one of them writes. It suspends when something is typed, and whoever goes on, this domain
 * or a copy, finds what it had, writes to it in every way that there is, and reads only what it has written itself. Another vCPU writes all the time.
 */
#include "pvh.h"

/* Frames that every copy begins with and writes to; those of the other vCPU; and single ones. */
#define REGION 0x800ul
#define PAGES 256ul
#define BUSY 0xc00ul
#define BUSY_PAGES 16ul
enum { CODE = 0xd00, STACK, TABLE, GIVEN, GRANTED, MOVED };
/* Where dom0 maps something for a moment when it makes a domain, if nothing is there. */
#define PASSING 0xfeff7ul
/* Where nothing is yet. */
#define GRANT_TABLE_AT 0x9000ul
#define MAPPED 0xa000ul
#define WAYS 8ul

struct map_grant { u64 host; u32 flags, ref; u16 domid; short status; u32 handle; u64 bus; };
struct unmap_grant { u64 host, bus; u32 handle; short status; };

static volatile u64 *page(u64 gfn) { return (volatile u64 *)(gfn * PAGE); }
static u32 own_domid(void)
{
    u32 a, b, c, d;
    cpuid(0x40000004, 0, &a, &b, &c, &d);
    return c;
}
static u64 expected(u64 i, u64 round, u64 who) { return (i + 1) * 0x9e3779b97f4a7c15ul ^ round << 32 ^ who; }

/* ---- the other vCPU ---- */

static volatile u32 foreign;
static volatile u64 turns;
static void busy(u32 vcpu)
{
    (void)vcpu;
    u64 value = 0;
    for (;;) {
        for (u64 i = 0; i < BUSY_PAGES; i++) {
            volatile u64 *words = page(BUSY + i);
            if (words[0] != value || words[511] != ~value) foreign++;
        }
        value++;
        for (u64 i = 0; i < BUSY_PAGES; i++) {
            page(BUSY + i)[0] = value;
            __atomic_exchange_n(page(BUSY + i) + 511, ~value, __ATOMIC_SEQ_CST);
        }
        turns = value;
    }
}

/* ---- what is typed ---- */

#define CONSOLE_PFN 17
#define IN_PROD 3076
#define SUSPEND 2
static s64 suspend(u64 round)
{
    struct { u16 domid; u32 index; u64 value; } p = { SELF, CONSOLE_PFN, 0 };
    hypercall(HVM_OP, 1, (u64)&p, 0, 0);
    volatile u32 *typed = (volatile u32 *)(p.value * PAGE + IN_PROD);
    u32 before = *typed;
    say("READY %d", round);
    while (*typed == before) asm volatile("pause");
    u32 reason = SUSPEND;
    return hypercall(SCHED_OP, 2, (u64)&reason, 0, 0);
}

/* ---- code that was executed, and is another then ---- */

static void code_is(u32 value)
{
    volatile u8 *at = (volatile u8 *)page(CODE);
    at[0] = 0xb8;
    at[5] = 0xc3;
    *(volatile u32 *)(at + 1) = value;
}
static u32 run_code(void) { return ((u32 (*)(void))page(CODE))(); }

/* ---- tables that processors mark ---- */

#define ACCESSED 0x20ul
#define DIRTY 0x40ul
static void table_is(void)
{
    extern u64 pdpt[];
    for (u64 i = 0; i < 512; i++) page(TABLE)[i] = (i << 21) | 0x87;
    pdpt[5] = (u64)page(TABLE) | 7;
    asm volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" ::: "rax", "memory");
}
/* Whether it is marked for one's own accesses, and for no others. */
static int table_marked(void)
{
    u64 before = page(TABLE)[4];
    *(volatile u64 *)((5ul << 30) + (REGION * PAGE) + 8 * 40) = 1;
    u64 after = page(TABLE)[4];
    return !(before & (ACCESSED | DIRTY)) && (after & (ACCESSED | DIRTY)) == (ACCESSED | DIRTY);
}

/* ---- an interrupt's frame ---- */

static volatile u32 taken;
static void take(struct regs *r)
{
    (void)r;
    taken++;
    apic_write(0xb0, 0);
}
static void interrupt_on_stack(void)
{
    on_interrupt = take;
    apic_write(0xf0, 0x1ff);
    apic_write(0x310, 0);
    apic_write(0x300, 0x40000 | 0x61);
    asm volatile("movq %%rsp, %%rbx; movq %0, %%rsp; sti; nop; nop; cli; movq %%rbx, %%rsp" ::"r"(page(STACK) + 512)
                 : "rbx", "memory");
}

/* ---- the region, by all kinds of stores ---- */

static void store(u64 i, u64 value)
{
    volatile u64 *at = page(REGION + i);
    u64 count = 512;
    void *to = (void *)at;
    u64 source[512 / 8];
    switch (i % WAYS) {
    case 0: at[8] = value; break;
    case 1: __atomic_fetch_add(at + 8, value - at[8], __ATOMIC_SEQ_CST); break;
    case 2: asm volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(value) : "memory"); break;
    case 3:
        for (u64 n = 0; n < 64; n++) source[n] = value;
        u64 *from = source;
        count = sizeof source;
        asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
        break;
    case 4: {
        u64 top = (u64)(at + 9);
        asm volatile("movq %%rsp, %%rbx; movq %0, %%rsp; pushq %1; movq %%rbx, %%rsp" ::"r"(top), "r"(value) : "rbx", "memory");
        break;
    }
    case 5: {
        u64 old = at[8];
        __atomic_compare_exchange_n(at + 8, &old, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        break;
    }
    case 6:
        /* xen_version(XENVER_extraversion): Xen writes to it first. */
        hypercall(XEN_VERSION, 1, (u64)at, 0, 0);
        at[8] = value;
        break;
    default:
        /* Across the end of the page before. */
        *(volatile u64 *)((u64)at - 4) = value;
        at[8] = value;
    }
}
static u64 wrong(u64 round, u64 who)
{
    u64 count = 0;
    for (u64 i = 0; i < PAGES; i++) {
        volatile u64 *at = page(REGION + i);
        u64 value = expected(i, round, who);
        if (at[8] != value) count++;
        if (round && i % WAYS == 7 && *(volatile u64 *)((u64)at - 4) != value) count++;
    }
    return count;
}

static s64 reserve(u64 operation, u64 gfn)
{
    struct reservation r = { &gfn, 1, 0, 0, SELF };
    return hypercall(MEMORY_OP, operation, (u64)&r, 0, 0);
}
/* A frame that it shares is granted to itself: what is written by the grant is read where it was. */
static int granted(u64 value)
{
    volatile u32 *entry = (volatile u32 *)page(GRANT_TABLE_AT) + 2 * 8;
    u32 domid = own_domid();
    entry[1] = GRANTED;
    entry[0] = 1 | domid << 16;
    struct map_grant m = { MAPPED * PAGE, 2, 8, domid, 0, 0, 0 };
    hypercall(GRANT_TABLE_OP, 0, (u64)&m, 1, 0);
    if (m.status) return 0;
    *page(MAPPED) = value;
    int ok = *page(GRANTED) == value;
    struct unmap_grant u = { m.host, 0, m.handle, 0 };
    hypercall(GRANT_TABLE_OP, 1, (u64)&u, 1, 0);
    return ok && !u.status && *page(GRANTED) == value;
}

void shared(void)
{
    u64 looks = number_of("looks", 2);
    for (u64 i = 0; i < PAGES; i++) page(REGION + i)[8] = expected(i, 0, 0);
    for (u64 i = 0; i < BUSY_PAGES; i++) page(BUSY + i)[511] = ~0ul;
    others_work = busy;
    start_vcpus(2);
    u64 who = 0;
    for (u64 round = 0;; round++) {
        code_is(round);
        for (u32 n = 0; n < 5000; n++)
            if (run_code() != (u32)round) say("CODE is not %d", round);
        table_is();
        *page(GIVEN) = round + 1;
        *page(GRANTED) = round + 1;
        if (!round) {
            *page(MOVED) = MOVED;
            add_to_physmap(SPACE_GMFN, MOVED, PASSING);
        }
        s64 result = suspend(round);
        u64 before = wrong(round, who), me = own_domid();
        say("ON %d domain %d result %d wrong %d", round, me, result, before);
        code_is(me);
        u32 code = run_code();
        u64 marked = table_marked();
        u32 was = taken;
        interrupt_on_stack();
        s64 given = reserve(MEM_DECREASE, GIVEN);
        s64 got = reserve(MEM_POPULATE, GIVEN);
        add_to_physmap(SPACE_GRANT_TABLE, 0, GRANT_TABLE_AT);
        u64 grant = granted(me + 1000);
        say("WAYS code %d marked %d interrupts %d given %d %d reads %d granted %d moved %d", (u64)(code == me), marked, (u64)(taken - was),
            given, got, *page(GIVEN), grant, (u64)(*page(PASSING) == MOVED));
        u64 others = 0;
        for (u64 look = 1; look <= looks; look++) {
            for (u64 i = 0; i < PAGES; i++) store(i, expected(i, round + 1, me));
            others += wrong(round + 1, me);
        }
        u64 turn = turns;
        while (turns == turn) asm volatile("pause");
        others += wrong(round + 1, me);
        who = me;
        say("OWN %d wrong %d foreign %d", round, others, (u64)foreign);
        if (has_word("once")) break;
    }
    say("END");
    power_off(0);
}
