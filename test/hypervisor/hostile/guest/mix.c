/*
 * Attacks on event channels: one vCPU gives the FIFO ABI its pages and resets all channels again and again. The others bind, send, unmask and close
 * whatever ports there are, and stop and start one vCPU, which is itself one that events are for.
 */
#include "attack.h"

enum { ALLOC_UNBOUND = 6, BIND_IPI = 7, BIND_VCPU = 8, UNMASK = 9, RESET = 10, INIT_CONTROL = 11, EXPAND = 12, PRIORITY = 13, INTERDOMAIN = 0 };
enum { PORTS = 96 };
static volatile u64 sent, bound, downs, pages;
/* A round in which nobody binds a port: the reset leaves none, so the pages of the FIFO go away. */
static volatile u32 unbound_round;

static s64 op(u32 cmd, void *argument) { return hypercall(HYPERVISOR_event_channel_op, cmd, (u64)argument, 0, 0); }

static void give_pages(u32 vcpu, u32 n) {
    struct { u64 frame; u32 offset, vcpu; u8 bits, pad[7]; } control = {mfn_of(pool[vcpu]), 0, vcpu, 0, {0}};
    u64 words = mfn_of(pool[16 + n]);
    pages += !op(INIT_CONTROL, &control);
    pages += !op(EXPAND, &words);
}

static void play(u32 me) {
    u64 seed = me * 0x9e3779b97f4a7c15ul + 1;
    u32 victim = vcpus_online - 1;
    while (!stop) {
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        u32 r = seed >> 33, port = 1 + r % PORTS;
        struct { u16 domid, remote; u32 port; } unbound = {DOMID_SELF, DOMID_SELF, 0};
        struct { u32 a, b, c; } x = {port, (r >> 8) % vcpus_online, 0};
        u32 what = (r >> 12) % 16;
        if (unbound_round && what < 4) what = 9;
        switch (what) {
        case 0: case 1: bound += !op(ALLOC_UNBOUND, &unbound); break;
        case 2: x.a = x.b; bound += !op(BIND_IPI, &x); break;
        case 3: x.a = DOMID_SELF, x.b = port; bound += !op(INTERDOMAIN, &x); break;
        case 4: op(EVTCHNOP_close, &port); break;
        case 5: op(BIND_VCPU, &x); break;
        case 6: op(UNMASK, &port); break;
        case 7: x.b = (r >> 8) % 16; op(PRIORITY, &x); break;
        case 8:
            /* The last vCPU is the one that gets stopped. */
            if (me == victim) break;
            downs += !hypercall(HYPERVISOR_vcpu_op, VCPUOP_down, victim, 0, 0);
            hypercall(HYPERVISOR_vcpu_op, VCPUOP_up, victim, 0, 0);
            break;
        case 9: give_pages(me, (r >> 8) % 16); break;
        default: sent += !op(EVTCHNOP_send, &port);
        }
    }
}

void attack_mix(void) {
    u64 rounds = option("rounds", 2000), resets = 0, whole = 0;
    for (u32 n = 1; n < vcpus_online; n++) give_job(n, play);
    for (u64 i = 0; i < rounds; i++) {
        unbound_round = i & 1;
        for (u32 vcpu = 0; vcpu < vcpus_online; vcpu++) give_pages(vcpu, vcpu);
        for (volatile u64 k = 0; k < (i * 37 & 2047); k++);
        u16 domid = DOMID_SELF;
        /* -EAGAIN means that something was bound meanwhile, so the pages stay. */
        s64 error = op(RESET, &domid);
        resets += !error || error == -11;
        whole += !error;
        hypercall(HYPERVISOR_vcpu_op, VCPUOP_up, vcpus_online - 1, 0, 0);
    }
    stop = 1;
    s64 said[] = {resets, whole, pages, bound, sent, downs};
    log_line("END mix resets, whole ones, pages, ports, events, stops:", 6, said);
}
