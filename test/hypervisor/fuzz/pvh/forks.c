/*
 * This domain is forked while it runs. dom0 asks for it on the console; vCPU 0 suspends the domain wherever the others are just then, and whoever goes
 * on, this domain or a copy, has the memory of that moment, and then what it writes itself. A copy has no grants and no ports.
 */
#include "fuzz.h"

enum { CONSOLE_PFN = 17, GET_PARAM = 1, SUSPEND = 2, RING = 1024, IN_CONS = 3072, IN_PROD = 3076, CODE_BYTES = 6 };

/* How many forks have begun, and of how many every vCPU can tell by now whether it is in the copy. */
static volatile u32 begun, done;
static u64 console;
static u64 number;

u32 own_domid(void)
{
    u32 a, b, c, d;
    cpuid(0x40000004, 0, &a, &b, &c, &d);
    return c;
}

void forks_init(void)
{
    struct { u16 domid; u32 index; u64 value; } p = { SELF, CONSOLE_PFN, 0 };
    hypercall(HVM_OP, GET_PARAM, (u64)&p, 0, 0);
    console = p.value * PAGE;
}

static void fork(void)
{
    u32 reason = SUSPEND, before = own_domid();
    begun++;
    hypercall(SCHED_OP, 2, (u64)&reason, 0, 0);
    /* Who is here again is this domain or a copy. The copy's peer is where it comes from. */
    if (own_domid() != before) peers[0] = before;
    done = begun;
}
/* What dom0 types: s for a fork, and a number with p after it for a domain that is a peer from now on. */
static void typed(void)
{
    volatile u32 *taken = (volatile u32 *)(console + IN_CONS), *there = (volatile u32 *)(console + IN_PROD);
    /* A copy's ring begins anew. */
    u32 at = *taken;
    if (at == *there) return;
    u8 c = ((volatile u8 *)console)[at % RING];
    *taken = at + 1;
    if (c >= '0' && c <= '9') number = number * 10 + c - '0';
    else {
        if (c == 'p') peers[1] = number;
        number = 0;
    }
    if (c == 's') fork();
}

void forks_look(struct lane *l)
{
    if (l->id == 0) typed();
    if (l->forks == done && begun == done) return;
    u32 now = done, domid = own_domid();
    int other = domid != l->domid, first = l->forks != now;
    l->forks = now;
    l->domid = domid;
    if (other) {
        grants_lost(l);
        for (u32 i = 0; i < 8; i++) l->ports[i] = 0;
    }
    if (first || other) rush_play(l);
}

/* Of each page, what a vCPU has written last to its word; nobody else writes there. */
static u64 word_of(struct lane *l, u64 rush, u64 i) { return rush ? (rush << 32 | i << 8 | l->id) * 0x9e3779b97f4a7c15ul : 0; }
void rush_play(struct lane *l)
{
    /* One that a trap has ended is taken up where it was. */
    if (l->rushed == RUSH_PAGES || !l->rush) l->rush++, l->rushed = 0;
    for (; l->rushed < RUSH_PAGES; l->rushed++) {
        u64 i = l->rushed;
        volatile u64 *at = (volatile u64 *)((RUSH_PLACE + i) * PAGE) + (i + l->id * 64) % 512;
        if (!wild_permille && *at != word_of(l, l->rush - 1, i)) broken("word of a vCPU's own", i, *at);
        *at = word_of(l, l->rush, i);
    }
}

/* A function that this vCPU writes itself, in a frame that may be shared: mov $tag, %eax; ret */
static void code_is(struct lane *l, u32 place, u32 value)
{
    volatile u8 *at = (volatile u8 *)(gfn_of(l, place) * PAGE) + 64 * (place % 8);
    at[0] = 0xb8;
    at[5] = 0xc3;
    *(volatile u32 *)(at + 1) = value;
    l->places[place].tag = value;
}
static u32 run_code(struct lane *l, u32 place)
{
    void *at = (void *)(gfn_of(l, place) * PAGE + 64 * (place % 8));
    u64 result;
    asm volatile("call *%1" : "=a"(result) : "r"(at) : "memory", "cc");
    return result;
}
void own_code_play(struct lane *l)
{
    /* Code that changes again and again is slow. Where nobody forks, nothing is shared. */
    if (wild_permille || !begun) return;
    s32 place = place_in(l, CODE, 1);
    l->calls++;
    if (place < 0 || once_in(l, 4)) {
        place = place_in(l, DATA, 1);
        if (place < 0) return;
        code_is(l, place, random64(l));
        l->places[place].state = CODE;
    }
    for (u32 n = below(l, 64), i = 0; i <= n; i++) {
        u32 found = run_code(l, place);
        if (found != (u32)l->places[place].tag) {
            broken("code of a vCPU's own", gfn_of(l, place), found);
            break;
        }
        if (once_in(l, 4)) code_is(l, place, random64(l));
    }
    if (once_in(l, 8)) l->places[place].state = DATA;
}

/* Breakpoints in places, so that accesses there are looked at one by one, or trap, which ends the operation. */
void debug_play(struct lane *l)
{
    /* A vCPU with breakpoints is slow: each of its accesses is looked at. Where nobody forks it makes its calls without them. */
    if (!begun) return;
    u32 place = below(l, PLACES);
    /* A trap in the middle of a function that a vCPU writes would leave half of it. */
    if (is_private(place)) place++;
    u64 at = gfn_of(&lanes[below(l, lane_count)], place) * PAGE + below(l, 512) * 8;
    l->calls++;
    switch (below(l, 4)) {
    case 0: asm volatile("movq %0, %%dr0" :: "r"(at)); break;
    case 1: asm volatile("movq %0, %%dr1" :: "r"(at)); break;
    /* Writes, or reads too, of 1 or 8 bytes. */
    case 2: asm volatile("movq %0, %%dr7" :: "r"(0x40ful | (u64)(1 + 2 * below(l, 2)) << 16 | 2ul << 18 | (u64)(1 + 2 * below(l, 2)) << 20)); break;
    default: asm volatile("movq %0, %%dr7" :: "r"(0x400ul));
    }
}
