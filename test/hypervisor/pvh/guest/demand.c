/* Memory on demand: whoever touches a frame first gets zeroes, and that may also be Xen on behalf of this kernel. What is given back becomes a
 * hole. Memory ends where the target is reached. */
#include "pvh.h"

/* Nobody has touched the guest frames from here on. There is one for each thing that is tried. */
#define UNTOUCHED 0x2000ul
enum { READ, WRITTEN, BUFFER, STACK, GIVEN, GRANTED, TABLE, MAPPED, PORT, SHARED, NMI_STACK, DEBUG_STACK };
static u64 address(u32 which) { return (UNTOUCHED + which) * PAGE; }

static s64 owned(void)
{
    u16 self = SELF;
    return hypercall(MEMORY_OP, 3, (u64)&self, 0, 0);
}
static volatile u32 taken;
static void take(struct regs *r)
{
    (void)r;
    taken++;
    apic_write(0xb0, 0);
}
static s64 reserve(u64 operation, u64 gfn)
{
    struct reservation r = { &gfn, 1, 0, 0, SELF };
    return hypercall(MEMORY_OP, operation, (u64)&r, 0, 0);
}
struct map_grant { u64 host; u32 flags, ref; u16 domid; short status; u32 handle; u64 bus; };

/* NMI and #DB each have a stack of their own, which nobody has touched. */
static u64 descriptors[6];
static u8 task[104] __attribute__((aligned(8)));
static volatile u32 pokes;
static volatile u64 trapped_at;
static void poked(struct regs *r)
{
    if (r->vector == 2) {
        pokes++;
        return;
    }
    trapped_at = r->rip;
    r->rflags &= ~0x100ul;
}
static void own_stacks(void)
{
    extern u64 gdt[];
    struct { u16 limit; u64 base; } __attribute__((packed)) table, interrupts;
    u64 base = (u64)task;
    for (u32 i = 0; i < 4; i++) descriptors[i] = gdt[i];
    descriptors[4] = (sizeof task - 1) | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24 & 0xff) << 56;
    descriptors[5] = base >> 32;
    /* The fields IST1 and IST2. */
    *(u64 *)(task + 36) = address(NMI_STACK) + PAGE;
    *(u64 *)(task + 44) = address(DEBUG_STACK) + PAGE;
    table.limit = sizeof descriptors - 1;
    table.base = (u64)descriptors;
    asm volatile("lgdt %0; ltr %w1" ::"m"(table), "r"(4 * 8));
    asm volatile("sidt %0" : "=m"(interrupts));
    ((volatile u8 *)interrupts.base)[16 * 2 + 4] = 1;
    ((volatile u8 *)interrupts.base)[16 * 1 + 4] = 2;
    on_trap = poked;
}

/* Two vCPUs touch the same frame at the same time, while there is just one frame in reserve: the one that was given back before. */
#define ROUNDS 2000u
/* 24 of 64 MiB. What is touched below this counts towards the target. The frames that are given back lie above this kernel. */
#define TARGET 0x1800ul
#define GIVEN_BACK 0x0c00ul
static volatile u32 round_open, round_done;
static void touch_with(u32 round) { *(volatile u64 *)((UNTOUCHED + round) * PAGE) = round; }
static void touch_along(u32 vcpu)
{
    (void)vcpu;
    for (u32 round = 1;; round++) {
        while (round_open < round) asm volatile("pause");
        touch_with(round);
        round_done = round;
    }
}
static void together(void)
{
    others_work = touch_along;
    start_vcpus(2);
    for (u64 gfn = 0; gfn < TARGET; gfn++) (void)*(volatile u64 *)(gfn * PAGE);
    say("ALL TOUCHED %d", owned());
    for (u32 round = 1; round <= ROUNDS; round++) {
        if (reserve(MEM_DECREASE, GIVEN_BACK + round) != 1) say("NOT GIVEN %d", (u64)round);
        round_open = round;
        touch_with(round);
        while (round_done < round) asm volatile("pause");
    }
    say("TOGETHER %d owned %d", (u64)ROUNDS, owned());
    power_off(0);
}

/* One vCPU gives back the frame that another one touches just then, for the first time: that one writes to memory, or to nothing. */
#define WITHDRAWN 0x1f00u
static void withdrawn(void)
{
    others_work = touch_along;
    start_vcpus(2);
    for (u32 round = 1; round <= WITHDRAWN; round++) {
        round_open = round;
        for (u32 i = 0; i < round % 96; i++) asm volatile("pause");
        reserve(MEM_DECREASE, UNTOUCHED + round);
        while (round_done < round) asm volatile("pause");
    }
    say("WITHDRAWN %d owned %d", (u64)WITHDRAWN, owned());
    power_off(0);
}

/* What this kernel leaves all zero is memory for what it touches next: it writes to each of 64 MiB and clears it again, twice, with 24 MiB. A frame
 * that is granted stays where it is, all zero or not. */
static void fill(u64 gfn, u64 value)
{
    volatile u64 *words = (volatile u64 *)(gfn * PAGE);
    for (u32 i = 0; i < 512; i += 73) {
        if (words[i]) say("NOT ZERO %x", gfn);
        words[i] = value + i;
    }
}
static void clear(u64 gfn, u64 value)
{
    volatile u64 *words = (volatile u64 *)(gfn * PAGE);
    for (u32 i = 0; i < 512; i += 73) {
        if (words[i] != value + i) say("LOST %x", gfn);
        words[i] = 0;
    }
}
#define ABOVE_TARGET (UNTOUCHED + 0x100)
#define ALL_FRAMES 0x4000ul
/* Grants a frame that nobody has touched to this domain itself, which maps it at MAPPED. Returns GNTST_*. */
static s64 grant_to_itself(void)
{
    u32 a, b, domid, d;
    cpuid(0x40000004, 0, &a, &b, &domid, &d);
    add_to_physmap(SPACE_GRANT_TABLE, 0, UNTOUCHED + TABLE);
    volatile u32 *entry = (volatile u32 *)address(TABLE) + 2 * 8;
    entry[1] = UNTOUCHED + GRANTED;
    entry[0] = 1 | domid << 16;
    struct map_grant m = { address(MAPPED), 2, 8, domid, 0, 0, 0 };
    hypercall(GRANT_TABLE_OP, 0, (u64)&m, 1, 0);
    return m.status;
}

static void zeros(void)
{
    s64 status = grant_to_itself();
    for (u32 turn = 0; turn < 2; turn++)
        for (u64 gfn = ABOVE_TARGET; gfn < ALL_FRAMES; gfn++) {
            fill(gfn, gfn);
            clear(gfn, gfn);
        }
    say("CLEARED owned %d", owned());
    *(volatile u64 *)address(MAPPED) = 77;
    say("GRANT %d %d", status, *(volatile u64 *)address(GRANTED));
    if (has_word("then")) {
        /* Now nothing stays zero. */
        for (u64 gfn = ABOVE_TARGET; gfn < ALL_FRAMES; gfn++) fill(gfn, gfn);
        say("ALL");
    }
    power_off(0);
}
/* The other vCPU makes frames zero for a moment, again and again, while this one uses up the reserve. Nothing that either has written may be lost. */
#define MOMENTS 64u
static volatile u64 moments;
static volatile u32 stopping;
static void make_moments(u32 vcpu)
{
    (void)vcpu;
    while (!stopping) {
        for (u64 gfn = UNTOUCHED; gfn < UNTOUCHED + MOMENTS; gfn++) fill(gfn, moments + gfn);
        for (u64 gfn = UNTOUCHED; gfn < UNTOUCHED + MOMENTS; gfn++) clear(gfn, moments + gfn);
        moments++;
    }
    stopping = 2;
    for (;;) asm volatile("pause");
}
static void zeros_together(void)
{
    others_work = make_moments;
    start_vcpus(2);
    for (u32 turn = 0; turn < 6; turn++)
        for (u64 gfn = ABOVE_TARGET; gfn < ALL_FRAMES; gfn++) {
            fill(gfn, gfn);
            clear(gfn, gfn);
        }
    stopping = 1;
    while (stopping != 2) asm volatile("pause");
    say("MOMENTS %d", (u64)(moments > 10));
    power_off(0);
}

/* Nothing is zero but one frame at a time, which lies anywhere among all that this kernel has filled, so that whoever looks for it mostly has to look far:
 * Xen for a hypercall, and for the stack of an interrupt. */
#define FULL 0x4000ul
#define SOUGHT 48u
#define KERNEL 0x100000ul
static int is_zero(u64 gfn)
{
    volatile u64 *words = (volatile u64 *)(gfn * PAGE);
    for (u32 i = 0; i < 512; i++)
        if (words[i]) return 0;
    return 1;
}
static void sought(void)
{
    u64 zeros = 0, untouched = FULL, answered = 0, arrived = 0;
    on_interrupt = take;
    apic_write(0xf0, 0x1ff);
    for (u64 gfn = 0; gfn < FULL; gfn++) {
        if (!is_zero(gfn)) continue;
        if (gfn * PAGE >= KERNEL && gfn * PAGE < (u64)end) zeros++;
        else *(volatile u64 *)(gfn * PAGE) = gfn + 1;
    }
    say("FULL owned %d", owned());
    /* What this kernel itself has left zero goes first. */
    while (zeros--) fill(untouched++, 1);
    for (u32 turn = 0; turn < SOUGHT; turn++, untouched++) {
        u64 gfn = 0x1000 + turn * 2731 % (FULL - 0x1000);
        *(volatile u64 *)(gfn * PAGE) = 0;
        if (turn & 1) {
            u32 before = taken;
            apic_write(0x300, 0x40000 | 0x61);
            asm volatile("movq %%rsp, %%rbx; movq %0, %%rsp; sti; nop; nop; cli; movq %%rbx, %%rsp" ::"r"((untouched + 1) * PAGE)
                         : "rbx", "memory");
            arrived += taken - before;
        } else if (hypercall(XEN_VERSION, 1, untouched * PAGE, 0, 0) == 0) answered++;
        *(volatile u64 *)(untouched * PAGE) = 1;
    }
    say("SOUGHT %d answered, %d arrived", answered, arrived);
    /* Soon nothing is zero any more. */
    while (hypercall(XEN_VERSION, 1, untouched * PAGE, 0, 0) == 0) *(volatile u64 *)(untouched++ * PAGE) = 1;
    say("REFUSED");
    power_off(0);
}

/* The frame that Xen, which goes on where it has stopped, comes to last is the only one that is zero. */
#define LARGE_FULL 0x14000ul
#define LATE 12u
static void late(void)
{
    u64 zeros = 0, untouched = LARGE_FULL;
    for (u64 gfn = 0; gfn < LARGE_FULL; gfn++) {
        volatile u64 *last = (volatile u64 *)((gfn + 1) * PAGE - 8);
        if (*last || !is_zero(gfn)) continue;
        if (gfn * PAGE >= KERNEL && gfn * PAGE < (u64)end) zeros++;
        else *last = 1;
    }
    while (zeros--) fill(untouched++, 1);
    for (u32 turn = 0; turn < LATE; turn++, untouched++) {
        *(volatile u64 *)((0x1000ul - turn) * PAGE + PAGE - 8) = 0;
        say("LATE %d", hypercall(XEN_VERSION, 1, untouched * PAGE, 0, 0));
        *(volatile u64 *)(untouched * PAGE + PAGE - 8) = 1;
    }
    power_off(0);
}

/* The steps that the control domain asks for by NMIs, one after the other. */
#define SUSPEND 2
static u64 touched_so_far, touched_from = 0x3e00;
static void suspend(void)
{
    u32 reason = SUSPEND;
    hypercall(SCHED_OP, 2, (u64)&reason, 0, 0);
    say("BACK owned %d", owned());
}
/* Touches frames, beginning with the last ones that there are, which a look at all frames reaches last. */
static void touch_some(void)
{
    for (u32 i = 0; i < 64; i++) *(volatile u64 *)((touched_from + touched_so_far++) * PAGE) = 1;
    say("ALIVE %d", touched_so_far);
}
/* Gives back all but 16 MiB. Frames that the tour has touched stay, among them the stacks of this kernel. */
static void balloon(void)
{
    for (u64 gfn = 0xf00; gfn < 0x4000; gfn++)
        if (gfn < UNTOUCHED || gfn >= UNTOUCHED + 0x100) reserve(MEM_DECREASE, gfn);
    touched_from = 0x800;
    say("BALLOONED owned %d", owned());
}
static void obey(void)
{
    static void (*const orders[])(void) = { suspend, touch_some, balloon, suspend, touch_some };
    u32 seen = pokes;
    for (u32 i = 0; i < sizeof orders / sizeof *orders; i++, seen++) {
        say("WAITS %d", (u64)i);
        while (pokes == seen) asm volatile("pause");
        orders[i]();
    }
    power_off(0);
}

/* Memory goes on at 4 GiB. Its first and its last word are kept, everything else but the first 33 MiB is given back, and the domain is saved. */
#define KEPT_FRAMES 0x2200ul
#define LARGE 512ul
static u64 tables_above[LARGE] __attribute__((aligned(4096)));
static void give_back(u64 first, u64 end)
{
    static u64 extents[64];
    u64 count = 0;
    for (u64 gfn = first; gfn < end;) {
        u64 order = gfn % LARGE || gfn + LARGE > end ? 0 : 9;
        extents[count++] = gfn;
        gfn += 1ul << order;
        u64 next = gfn % LARGE || gfn + LARGE > end ? 0 : 9;
        if (count < 64 && gfn < end && next == order) continue;
        struct reservation r = { extents, count, order, 0, SELF };
        if (hypercall(MEMORY_OP, MEM_DECREASE, (u64)&r, 0, 0) != (s64)count) say("NOT GIVEN BACK before %x", gfn);
        count = 0;
    }
}
static void above(void)
{
    extern u64 pdpt[];
    struct memmap_entry *map = (struct memmap_entry *)info->memmap;
    u64 end = 0;
    for (u32 i = 0; i < info->memmap_entries; i++) {
        say("MAP %x %x type %d", map[i].address, map[i].size, (u64)map[i].type);
        if (map[i].address == 4ul << 30) end = map[i].address + map[i].size;
        else if (map[i].address == 0) give_back(KEPT_FRAMES, map[i].size / PAGE);
    }
    for (u64 i = 0; i < LARGE; i++) tables_above[i] = ((4ul << 30) + (i << 21)) | 0x87;
    pdpt[4] = (u64)tables_above | 7;
    volatile u64 *first = (volatile u64 *)(4ul << 30), *last = (volatile u64 *)end - 1;
    say("ABOVE reads %x %x, behind it %x", *first, *last, last[1]);
    *first = 0x1111;
    *last = 0x2222;
    give_back((4ul << 30) / PAGE + 1, end / PAGE - 1);
    own_stacks();
    say("WAITS owned %d", owned());
    while (!pokes) asm volatile("pause");
    suspend();
    say("KEPT %x %x", *first, *last);
    power_off(0);
}

void demand(void)
{
    if (has_word("together")) together();
    if (has_word("withdrawn")) withdrawn();
    if (has_word("above")) above();
    if (has_word("cleared")) zeros();
    if (has_word("moments")) zeros_together();
    if (has_word("sought")) sought();
    if (has_word("late")) late();
    say("OWNED %d", owned());
    volatile u64 *words = (volatile u64 *)address(READ);
    say("READ %x %x", words[0], words[511]);
    *(volatile u64 *)address(WRITTEN) = 0x1234567;
    say("WRITTEN %x", *(volatile u64 *)address(WRITTEN));
    /* xen_version(XENVER_extraversion) into a frame that Xen is the first to write to. */
    s64 result = hypercall(XEN_VERSION, 1, address(BUFFER), 0, 0);
    say("BUFFER %d %d", result, (u64) * (volatile u8 *)address(BUFFER));
    /* The frame of an interrupt is the first thing that is written to this stack. */
    on_interrupt = take;
    apic_write(0xf0, 0x1ff);
    apic_write(0x300, 0x40000 | 0x61);
    asm volatile("movq %%rsp, %%rbx; movq %0, %%rsp; sti; nop; nop; cli; movq %%rbx, %%rsp" ::"r"(address(STACK) + PAGE)
                 : "rbx", "memory");
    say("STACK %d", (u64)taken);
    /* The same holds for the stack of an NMI, and of a trap after an instruction that is not executed again. */
    own_stacks();
    apic_write(0x300, 0x40000 | 0x400);
    while (!pokes) asm volatile("pause");
    say("NMI %d", (u64)pokes);
    u64 expected;
    asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; 1: nop; nop; nop; leaq 1b(%%rip), %0" : "=r"(expected)::"memory", "cc");
    say("TRAPPED %d", trapped_at - expected);
    /* The frame is read by OUTSB and written by INSB. */
    u64 at = address(PORT);
    asm volatile("outsb" : "+S"(at) : "d"(0x1234) : "memory");
    say("PORT %d", at - address(PORT));
    result = reserve(MEM_DECREASE, UNTOUCHED + GIVEN);
    say("GIVEN %d reads %x", result, *(volatile u64 *)address(GIVEN));
    say("AGAIN %d", reserve(MEM_DECREASE, UNTOUCHED + GIVEN));
    /* A frame that nobody has touched is granted to this domain itself. */
    s64 status = grant_to_itself();
    *(volatile u64 *)address(MAPPED) = 77;
    say("GRANT %d %d", status, *(volatile u64 *)address(GRANTED));
    say("SHARED %d", add_to_physmap(SPACE_SHARED_INFO, 0, UNTOUCHED + SHARED));
    /* The domain itself may not ask for more memory on demand. */
    struct reservation more = { &(u64){ 0x30000 }, 1, 0, 1u << 16, SELF };
    say("ITSELF %d", hypercall(MEMORY_OP, MEM_POPULATE, (u64)&more, 0, 0));
    say("OWNED %d", owned());
    if (has_word("wait")) obey();
    /* The domain was promised 24 MiB of these 64. */
    u64 touched = 0;
    for (u64 gfn = 0x2100; gfn < 0x4000; gfn++) {
        *(volatile u64 *)(gfn * PAGE) = gfn;
        if (!(++touched & 1023)) say("TOUCHED %d", touched);
    }
    say("ALL");
    power_off(0);
}
