/*
 * A guest that does what it can to its console (spoiler), one that gives its page away before it is saved (giver), and one that behaves (echo). The ring is spoiled first, in its indices and bytes, while its
 * page is where the toolstack has put it; it must be possible to mend it by indices that can be. Then its page, its grant and its event channel are.
 */
#include "pvh.h"

enum { CONSOLE_PFN = 17, CONSOLE_EVTCHN = 18, EVTCHN_CLOSE = 3, EVTCHN_SEND = 4, EVTCHN_ALLOC_UNBOUND = 6 };
/* Of struct xencons_interface. */
enum { IN = 0, OUT = 1024, IN_CONS = 3072, IN_PROD = 3076, OUT_CONS = 3080, OUT_PROD = 3084, BEHIND = 3088 };
/* Guest frames: of memory that nobody may touch, of memory that is put where the console was, and of the grant table. */
#define KEPT 0x1000ul
#define KEPT_PAGES 64ul
#define SPARE 0x1800ul
#define SPARE_PAGES 16ul
#define TABLE 0x9000ul

static u64 gfn, seed = 88172645463325252ul;
static u32 port;
static volatile u8 *ring;

static u64 dice(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}
static volatile u32 *word(u32 at) { return (volatile u32 *)(ring + at); }
static u64 parameter(u32 index)
{
    struct { u16 domid; u32 index; u64 value; } p = { SELF, index, 0 };
    hypercall(HVM_OP, 1, (u64)&p, 0, 0);
    return p.value;
}
static s64 set_parameter(u32 index, u64 value)
{
    struct { u16 domid; u32 index; u64 value; } p = { SELF, index, value };
    return hypercall(HVM_OP, 0, (u64)&p, 0, 0);
}
static s64 notify(void)
{
    return hypercall(EVENT_CHANNEL_OP, EVTCHN_SEND, (u64)&port, 0, 0);
}
static void find_console(void)
{
    gfn = parameter(CONSOLE_PFN);
    port = parameter(CONSOLE_EVTCHN);
    ring = (volatile u8 *)(gfn * PAGE);
}
static void write_text(const char *text)
{
    u32 at = *word(OUT_PROD);
    for (; *text; text++) ring[OUT + at++ % 2048] = *text;
    __atomic_store_n(word(OUT_PROD), at, __ATOMIC_SEQ_CST);
    notify();
}

/* Writes back what is typed, until that is a q. */
static void echo(void)
{
    for (;;) {
        u32 from = *word(IN_CONS), to = __atomic_load_n(word(IN_PROD), __ATOMIC_SEQ_CST), at = *word(OUT_PROD);
        int is_last = 0;
        if (from == to) {
            asm volatile("pause");
            continue;
        }
        for (; from != to && at - __atomic_load_n(word(OUT_CONS), __ATOMIC_SEQ_CST) < 2048; from++) {
            u8 byte = ring[IN + from % 1024];
            if (byte == 'q') is_last = 1;
            ring[OUT + at++ % 2048] = byte;
        }
        __atomic_store_n(word(IN_CONS), from, __ATOMIC_SEQ_CST);
        __atomic_store_n(word(OUT_PROD), at, __ATOMIC_SEQ_CST);
        notify();
        if (is_last) return;
    }
}

static u32 any(void)
{
    static const u32 special[] = { 0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 4096, 1u << 31, ~0u, -2048u, -2049u };
    return dice() % 2 ? special[dice() % (sizeof(special) / sizeof(*special))] : dice();
}
static void spoil_ring(void)
{
    static const int forward[] = { 1, 2047, 2048, 2049, -1, -2048 }, back[] = { 0, 1, 1023, 1024, 1025, -1, -1024 };
    switch (dice() % 9) {
    case 0: *word(OUT_PROD) = any(); break;
    case 1: *word(OUT_CONS) = any(); break;
    case 2: *word(IN_PROD) = any(); break;
    case 3: *word(IN_CONS) = any(); break;
    /* Forward, back, as far as the ring is and one byte farther, from wherever it is. */
    case 4: *word(OUT_PROD) = *word(OUT_CONS) + forward[dice() % 6]; break;
    case 5: *word(IN_CONS) = *word(IN_PROD) - back[dice() % 7]; break;
    case 6: *word(OUT_CONS) -= dice() % 4096; break;
    case 7: *word(IN_PROD) += dice() % 4096; break;
    default: ring[dice() % IN_CONS] = dice(); break;
    }
}

static s64 reserve(u64 operation)
{
    struct reservation r = { &gfn, 1, 0, 0, SELF };
    return hypercall(MEMORY_OP, operation, (u64)&r, 0, 0);
}
static void spoil_page(void)
{
    struct { u16 domid; u64 gfn; } removed = { SELF, gfn };
    struct { u16 domid, remote; u32 port; } made = { SELF, 0, 0 };
    volatile u32 *grant = (volatile u32 *)(TABLE * PAGE);
    switch (dice() % 11) {
    case 0: hypercall(MEMORY_OP, MEM_REMOVE_FROM_PHYSMAP, (u64)&removed, 0, 0); break;
    case 1: reserve(MEM_DECREASE); break;
    case 2: case 3: reserve(MEM_POPULATE); break;
    case 4: add_to_physmap(SPACE_GMFN, SPARE + dice() % SPARE_PAGES, gfn); break;
    case 5: add_to_physmap(SPACE_SHARED_INFO, 0, gfn); break;
    case 6: add_to_physmap(SPACE_GRANT_TABLE, dice() % 2, gfn); break;
    /* The grant of the console: another frame of its own, one that is nobody's, or a frame of the machine; to dom0, to itself or to nobody. */
    case 7:
        grant[1] = dice() % 3 ? KEPT + dice() % KEPT_PAGES : dice() % 2 ? gfn : dice();
        grant[0] = dice() % 8 | (dice() % 2 ? 0 : dice() % 0x8000) << 16;
        break;
    case 8: hypercall(EVENT_CHANNEL_OP, EVTCHN_CLOSE, (u64)&port, 0, 0); break;
    case 9:
        if (!hypercall(EVENT_CHANNEL_OP, EVTCHN_ALLOC_UNBOUND, (u64)&made, 0, 0) && dice() % 4)
            hypercall(EVENT_CHANNEL_OP, EVTCHN_CLOSE, (u64)&made.port, 0, 0);
        break;
    default: set_parameter(CONSOLE_EVTCHN, any()); break;
    }
}

static void spoiler(void)
{
    u64 count = number_of("mutations", 50000), notified = 0, kept = 1, behind = 1;
    seed += number_of("seed", 1) << 32;
    for (u64 i = 0; i < KEPT_PAGES * PAGE / 8; i++) ((volatile u64 *)(KEPT * PAGE))[i] = i * 0x9e3779b97f4a7c15ul;
    for (u32 at = BEHIND; at < PAGE; at++) ring[at] = 0xa5;
    for (u64 i = 0; i < count * 3 / 5; i++) {
        spoil_ring();
        if (dice() % 8 == 0 && !notify()) notified++;
    }
    for (u32 at = BEHIND; at < PAGE; at++) if (ring[at] != 0xa5) behind = 0;
    *word(IN_CONS) = *word(IN_PROD) = *word(OUT_CONS) = *word(OUT_PROD) = ~0u - 2;
    write_text("mended");
    while (*word(OUT_CONS) != 3) asm volatile("pause");
    say("MENDED behind %d notified %s", behind, notified > count / 20 ? "often" : "seldom");
    say("TABLE %d", add_to_physmap(SPACE_GRANT_TABLE, 0, TABLE));
    say("OWN console page %d", set_parameter(CONSOLE_PFN, KEPT));
    for (u64 i = 0; i < count * 2 / 5; i++) {
        if (dice() % 8) spoil_ring();
        else spoil_page();
        if (dice() % 8 == 0) notify();
    }
    for (u64 i = 0; i < KEPT_PAGES * PAGE / 8; i++)
        if (((volatile u64 *)(KEPT * PAGE))[i] != i * 0x9e3779b97f4a7c15ul) kept = 0;
    say("SPOILED kept %d", kept);
}

/* Suspends when something is typed, without the page of its console. */
static void giver(void)
{
    u32 before = *word(IN_PROD), reason = 2;
    struct { u16 domid; u64 gfn; } removed = { SELF, gfn };
    say("READY");
    while (__atomic_load_n(word(IN_PROD), __ATOMIC_SEQ_CST) == before) asm volatile("pause");
    say("GIVEN %d", hypercall(MEMORY_OP, MEM_REMOVE_FROM_PHYSMAP, (u64)&removed, 0, 0));
    say("BACK %d", hypercall(SCHED_OP, 2, (u64)&reason, 0, 0));
}

void own_console(void)
{
    find_console();
    say("CONSOLE %x", gfn);
    if (has_word("echo")) echo();
    if (has_word("spoiler")) spoiler();
    if (has_word("giver")) giver();
    say("END");
    power_off(0);
}
