/* Timers and watchdogs. */
#include "abi.h"

static u64 system_time(void) {
    volatile struct vcpu_time_info *t = &shared_info->vcpu[0].time;
    return t->system_time;
}
static s64 singleshot(u64 at, u32 flags) {
    struct { u64 at; u32 flags, pad; } arg = {at, flags, 0};
    return hypercall(HYPERVISOR_vcpu_op, 8, 0, (u64)&arg, 0);
}
static s64 watchdog(u32 id, u32 timeout) {
    u32 arg[2] = {id, timeout};
    return hypercall(HYPERVISOR_sched_op, 6, (u64)arg, 0, 0);
}
static u64 pending(u32 port) { return shared_info->evtchn_pending[port / 64] >> port % 64 & 1; }
static void clear(u32 port) { __atomic_fetch_and(&shared_info->evtchn_pending[port / 64], ~(1ul << port % 64), __ATOMIC_SEQ_CST); }
/* Waits for an event on the port, for a second at most. */
static u64 comes(u32 port) {
    u32 ports[1] = {port};
    struct { u64 ports; u32 count, pad; u64 timeout; } poll = {(u64)ports, 1, 0, system_time() + 1000000000};
    if (!pending(port)) hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&poll, 0, 0);
    u64 came = pending(port);
    clear(port);
    return came;
}

/* Prints the time of day from shared_info, in nanoseconds since 1970, a few times. The reader compares it with his own clock. */
void say_wall_clock(void) {
    for (u32 n = 0; n < 20; n++) {
        volatile struct vcpu_time_info *t = &shared_info->vcpu[0].time;
        u32 low, high;
        asm volatile("rdtsc" : "=a"(low), "=d"(high));
        u64 delta = ((u64)high << 32 | low) - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        u64 now = t->system_time + (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
        u64 seconds = (u64)shared_info->wc_sec_hi << 32 | shared_info->wc_sec;
        report("WALL", "clock", seconds * 1000000000 + shared_info->wc_nsec + now);
    }
}

void check_time(void) {
    struct { u32 virq, vcpu, port, pad; } bind = {VIRQ_TIMER, 0, 0, 0};
    check("bind VIRQ_TIMER", hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (u64)&bind, 0, 0));
    u32 port = bind.port;
    hypercall(HYPERVISOR_vcpu_op, 7, 0, 0, 0);
    hypercall(HYPERVISOR_set_timer_op, 0, 0, 0, 0);
    clear(port);
    check("singleshot in the past", singleshot(1, 0));
    check("it comes", comes(port));
    check("singleshot in the past, future wanted", singleshot(1, 1));
    check("it comes too", comes(port));
    check("singleshot at 0", singleshot(0, 0));
    check("it comes at once", comes(port));
    check("singleshot soon", singleshot(system_time() + 1000000, 1));
    check("it comes soon", comes(port));
    check("set_timer_op in the past", hypercall(HYPERVISOR_set_timer_op, 1, 0, 0, 0));
    check("that comes", comes(port));
    check("periodic 1 ms", ({ u64 period = 1000000; hypercall(HYPERVISOR_vcpu_op, 6, 0, (u64)&period, 0); }));
    check("it ticks", comes(port));
    check("and again", comes(port));
    hypercall(HYPERVISOR_vcpu_op, 7, 0, 0, 0);
    struct { u32 port; } close = {port};
    hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_close, (u64)&close, 0, 0);

    check("watchdog 1 stopped though free", watchdog(1, 0));
    check("watchdog 3", watchdog(3, 10));
    check("first watchdog", watchdog(0, 1000));
    check("second watchdog", watchdog(0, 1000));
    check("third watchdog", watchdog(0, 1000));
    check("watchdog 2 again", watchdog(2, 1000));
    check("watchdog 1 stopped", watchdog(1, 0));
    check("watchdog 1 stopped twice", watchdog(1, 0));
    check("watchdog 2 stopped", watchdog(2, 0));
}
