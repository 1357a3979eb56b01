/*
 * Makes one of the calls with a count that a PVH guest can make again and again, with the largest count and endless lists. The second word of the
 * command line says which call. If it comes to an end, its result is printed whenever it changes.
 */
#include "pvh.h"

enum { ENTRIES = 3 * 512, GRANT_FRAMES = 64, EVENT_PAGES = 128 };
/* Guest frames that the kernel does not need: memory that goes and comes, error codes, event words, and a place where nothing is. */
#define MOVED 0x1000ul
#define ERRORS 0x1700ul
#define WORDS 0x1800ul
/* The number of the page-directory entry, of 1 GiB, that shows the lists. */
#define SLOT 8

static u64 repeated[ENTRIES] __attribute__((aligned(4096)));
static u64 l2[512] __attribute__((aligned(4096))), l1[3][512] __attribute__((aligned(4096)));

/* Maps a GiB that shows three pages again and again, for structures of any size up to three pages. */
static u64 endless(void)
{
    u64 root;
    asm("mov %%cr3, %0" : "=r"(root));
    for (u64 t = 0; t < 3; t++)
        for (u64 i = 0; i < 512; i++) l1[t][i] = ((u64)repeated + (512 * t + i) % 3 * PAGE) | 7;
    for (u64 i = 0; i < 512; i++) l2[i] = (u64)l1[i % 3] | 7;
    u64 *directory = (u64 *)(*(u64 *)root & ~0xffful);
    directory[SLOT] = (u64)l2 | 7;
    return (u64)SLOT << 30;
}

static s64 memory_op(u32 operation, void *argument) { return hypercall(MEMORY_OP, operation, (u64)argument, 0, 0); }
static s64 grant_op(u32 operation, void *argument, u64 count) { return hypercall(GRANT_TABLE_OP, operation, (u64)argument, count, 0); }
static s64 event_op(u32 operation, void *argument) { return hypercall(EVENT_CHANNEL_OP, operation, (u64)argument, 0, 0); }

struct multicall { u64 op, result, args[6]; };
static s64 multicall(u64 lists)
{
    for (u32 i = 0; i < ENTRIES / 8; i++) ((struct multicall *)repeated)[i] = (struct multicall){ XEN_VERSION, 0, { 0 } };
    return hypercall(13, lists, 0x0fffffff, 0, 0);
}
static s64 console(u64 lists)
{
    static u32 waited;
    for (u32 i = 0; i < sizeof repeated; i++) ((u8 *)repeated)[i] = '\n';
    /* The lines that were printed before must not be lost among these. */
    while (waited < 30000000) waited++, __builtin_ia32_pause();
    return hypercall(CONSOLE_IO, 0, 0x7fffffff, lists, 0);
}

static s64 grant_map(u64 lists) { return grant_op(0, (void *)lists, 0x7fffffff); }
static s64 grant_unmap(u64 lists) { return grant_op(1, (void *)lists, 0x7fffffff); }
static s64 grant_transfer(u64 lists) { return grant_op(4, (void *)lists, 0x7fffffff); }
static s64 grant_copy(u64 lists) { return grant_op(5, (void *)lists, 0x7fffffff); }
static s64 grant_replace(u64 lists) { return grant_op(7, (void *)lists, 0x7fffffff); }
static s64 grant_swap(u64 lists) { return grant_op(11, (void *)lists, 0x7fffffff); }
static s64 cache_flush(u64 lists) { return grant_op(12, (void *)lists, 0x7fffffff); }

/* Returns the status, which is in the structure, if the call itself succeeded. */
static s64 setup_table_of(u64 lists, u32 count)
{
    struct { u16 domid, pad; u32 count; short status; u64 list; } s = { SELF, 0, count, 1, lists };
    s64 error = grant_op(2, &s, 1);
    return error ? error : s.status;
}
static s64 setup_table_too_large(u64 lists) { return setup_table_of(lists, 0xffffffff); }
static s64 setup_table(u64 lists) { return setup_table_of(lists, GRANT_FRAMES); }
static s64 set_version(u64 lists)
{
    static u32 version = 1;
    if (setup_table(lists)) return -1000;
    version ^= 3;
    u32 wanted = version;
    return grant_op(8, &wanted, 1);
}
static s64 status_frames(u64 lists)
{
    u32 two = 2;
    if (setup_table(lists) || grant_op(8, &two, 1)) return -1000;
    struct { u32 count; u16 domid; short status; u64 list; } s = { GRANT_FRAMES / 8, SELF, 1, lists };
    s64 error = grant_op(9, &s, 1);
    return error ? error : s.status;
}

static s64 reserve(u32 operation, u64 lists)
{
    struct reservation r = { (u64 *)lists, 0x3ffffff, 0, 0, SELF };
    return memory_op(operation, &r);
}
/* Gives back as many frames as the lists have entries, after the domain has taken all it may have, which is a little more than it began with. */
static void make_room(u64 lists)
{
    struct reservation all = { 0, 0x3ffffff, 0, 0, SELF };
    memory_op(0, &all);
    for (u32 i = 0; i < ENTRIES; i++) repeated[i] = MOVED + i;
    reserve(MEM_DECREASE, lists);
}
/* When the list comes to its first frame again, that one is there already and gets other memory. The memory that was there still belongs to the
 * domain. */
static s64 populate(u64 lists)
{
    make_room(lists);
    return reserve(MEM_POPULATE, lists);
}
/* These frames are at no place, so nobody can name them to give them back. From the second time on no more can be had. */
static s64 increase(u64 lists)
{
    static s64 got = -1;
    if (got < 0) {
        make_room(lists);
        return got = reserve(0, lists);
    }
    s64 more = reserve(0, lists);
    return more ? more : got;
}

/* Moves each frame to the place where it is already. */
static s64 add_to_physmap_range(u64 lists)
{
    (void)lists;
    struct add_to_physmap a = { SELF, 65535, 3, 0, 0 };
    return memory_op(MEM_ADD_TO_PHYSMAP, &a);
}
static s64 add_to_physmap_batch(u64 lists)
{
    struct { u16 domid, space, size, extra; u64 indices, gfns, errors; } b = { SELF, SPACE_GMFN, 65535, 0, lists, lists, ERRORS * PAGE };
    for (u32 i = 0; i < ENTRIES; i++) repeated[i] = MOVED + i % 256;
    return memory_op(23, &b);
}
static s64 acquire_resource(u64 lists)
{
    u32 a, b, domid, d;
    cpuid(0x40000004, 0, &a, &b, &domid, &d);
    struct { u16 domid, type; u32 id, count, pad; u64 frame, list; } r = { domid, 1, 0, 0xffffff, 0, 0, lists };
    return memory_op(28, &r);
}
static s64 memory_map(u64 lists)
{
    struct { u32 entries, pad; u64 buffer; } m = { 0xffffffff, 0, lists };
    return memory_op(9, &m);
}

static s64 poll(u64 lists)
{
    struct { u32 vcpu, port; } ipi = { 0, 0 };
    event_op(7, &ipi);
    for (u32 i = 0; i < ENTRIES; i++) repeated[i] = (u64)ipi.port << 32 | ipi.port;
    struct { u64 ports; u32 count; u64 timeout; } p = { lists, 0x7fffffff, 0 };
    s64 error = hypercall(SCHED_OP, 3, (u64)&p, 0, 0);
    event_op(3, &ipi.port);
    return error;
}
/* Makes as many ports as there can be, with words of the FIFO ABI for all of them. Returns the number of the last one. */
static s64 reset_fifo(u64 lists)
{
    (void)lists;
    struct { u64 frame; u32 offset, vcpu; u8 bits, pad[7]; } control = { WORDS + EVENT_PAGES, 0, 0, 0, { 0 } };
    if (event_op(11, &control)) return -1000;
    for (u64 i = 0; i < EVENT_PAGES; i++) {
        u64 words = WORDS + i;
        if (event_op(12, &words)) return -1001;
    }
    struct { u16 domid, remote; u32 port; } unbound = { SELF, SELF, 0 };
    while (!event_op(6, &unbound));
    u16 domid = SELF;
    s64 error = event_op(10, &domid);
    return error ? error : unbound.port;
}

static const struct { const char *name; s64 (*make)(u64 lists); } calls[] = {
    { "multicall", multicall }, { "console", console }, { "grant_map", grant_map }, { "grant_unmap", grant_unmap },
    { "grant_transfer", grant_transfer }, { "grant_copy", grant_copy }, { "grant_replace", grant_replace }, { "grant_swap", grant_swap },
    { "cache_flush", cache_flush }, { "setup_table_too_large", setup_table_too_large }, { "setup_table", setup_table },
    { "set_version", set_version }, { "status_frames", status_frames }, { "populate", populate }, { "increase", increase },
    { "add_to_physmap_range", add_to_physmap_range }, { "add_to_physmap_batch", add_to_physmap_batch },
    { "acquire_resource", acquire_resource }, { "memory_map", memory_map }, { "poll", poll }, { "reset_fifo", reset_fifo },
};

void endless_calls(void)
{
    u64 lists = endless();
    for (u32 i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (!has_word(calls[i].name)) continue;
        say("BEGIN");
        s64 before = 0;
        for (u64 round = 0;; round++) {
            s64 result = calls[i].make(lists);
            if (!round || result != before) say("ENDED %d", result);
            before = result;
        }
    }
    say("END no such call");
    power_off(3);
}
