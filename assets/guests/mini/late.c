/* How late timers and IPIs reach a vCPU that only computes. This measures, from inside, how often a pCPU looks for them. */
#include "xen.h"

volatile u64 woken_at[MAX_VCPUS];

static volatile u64 awaited[MAX_VCPUS], ticked_at[MAX_VCPUS];

/* Counts the first one from the time that is waited for, because the periodic tick may come in the same round. */
void ticked(void) {
    if (ticked_at[vcpu_id()] < awaited[vcpu_id()]) ticked_at[vcpu_id()] = now();
}

struct lateness { u64 sum, most, n; };

static void add(struct lateness *l, u64 late) {
    l->sum += late;
    l->n++;
    if (late > l->most) l->most = late;
}

static void tell(const char *what, const struct lateness *l) {
    u64 mean = l->sum / l->n;
    print("%u %s: %u.%03u us late, at most %u.%03u\n", l->n, what, mean / 1000, mean % 1000, l->most / 1000, l->most % 1000);
}

/* A loop without memory accesses or calls, which only the engine itself can interrupt early. */
static void compute(u32 turns) {
    u64 x = turns | 1;
    for (u32 i = 0; i < turns; i++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; }
    asm volatile("" :: "r"(x));
}

static struct lateness timers(u64 n) {
    struct lateness l = {0, 0, 0};
    for (u64 i = 0; i < n; i++) {
        u64 deadline = now() + 200000 + i * 7919 % 300000;
        /* The time may be that of another host, from before a restore. */
        ticked_at[0] = 0;
        awaited[0] = deadline;
        hypercall(HYPERVISOR_set_timer_op, deadline, 0, 0, 0);
        do compute(2000000); while (ticked_at[0] < deadline);
        add(&l, ticked_at[0] - deadline);
    }
    return l;
}

static struct lateness ipis(u64 n) {
    struct lateness l = {0, 0, 0};
    u32 load = load_vcpus;
    set_load(2);
    for (u64 end = now() + 2000000; now() < end;) compute(1000);
    for (u64 i = 0; i < n; i++) {
        u64 sent = now();
        woken_at[1] = 0;
        wake(1);
        while (!woken_at[1]) compute(100);
        add(&l, woken_at[1] > sent ? woken_at[1] - sent : 0);
    }
    set_load(load);
    return l;
}

/* Printing wakes the console's backend and its reader, so it is done only after everything has been measured. */
void late(u64 n) {
    struct lateness t = timers(n), i = {0, 0, 0};
    if (is_online(1)) i = ipis(n);
    tell("timers", &t);
    if (i.n) tell("IPIs to vCPU 1", &i);
}
