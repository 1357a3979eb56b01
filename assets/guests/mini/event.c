/* Event channels with the 2-level ABI. Each port belongs to the vCPU on which it was bound, and its handler runs there with events masked. */
#include "xen.h"

static port_handler handlers[MAX_PORTS];
/* The words of pending bits belong to the domain. Each vCPU takes only the bits of its own ports, because otherwise it would take away another
 * vCPU's event. */
static u64 ports_of[MAX_VCPUS][MAX_PORTS / 64];
u64 event_count[MAX_PORTS];

void event_handle(u32 port, u32 vcpu, port_handler handler) {
    if (port >= MAX_PORTS) return;
    handlers[port] = handler;
    ports_of[vcpu][port / 64] |= 1ul << port % 64;
    /* This is done by hypercall, so that an event that came while the port was masked is delivered now. */
    hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_unmask, (u64)&port, 0, 0);
}

/* Another vCPU may call this only while this one is down. */
void event_close(u32 port, u32 vcpu) {
    hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_close, (u64)&port, 0, 0);
    if (port < MAX_PORTS) ports_of[vcpu][port / 64] &= ~(1ul << port % 64);
}

/* No port is known, because after a restore the ports are others. */
void events_init(void) {
    clear_bytes(ports_of, sizeof ports_of);
    clear_bytes(event_count, sizeof event_count);
    for (u32 word = 0; word < 64; word++) shared_info->evtchn_mask[word] = ~0ul;
}

void event_send(u32 port) { hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&port, 0, 0); }

u32 event_bind_ipi(u32 vcpu, port_handler handler) {
    struct { u32 vcpu, port; } bind = {vcpu, 0};
    if (hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, (u64)&bind, 0, 0)) return 0;
    event_handle(bind.port, vcpu, handler);
    return bind.port;
}

static void tick(u32 port) {
    (void)port;
    ticked();
    ticks[vcpu_id()]++;
}

u32 event_bind_timer(u32 vcpu) {
    struct { u32 virq, vcpu, port; } bind = {VIRQ_TIMER, vcpu, 0};
    if (hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, (u64)&bind, 0, 0)) return 0;
    event_handle(bind.port, vcpu, tick);
    return bind.port;
}

void events_dispatch(void) {
    struct vcpu_info *v = &shared_info->vcpu[vcpu_id()];
    while (v->evtchn_upcall_pending) {
        v->evtchn_upcall_pending = 0;
        u64 words = 0;
        asm volatile("lock xchgq %0, %1" : "+r"(words), "+m"(v->evtchn_pending_sel) :: "memory");
        while (words) {
            u32 word = __builtin_ctzl(words);
            words &= words - 1;
            if (word >= MAX_PORTS / 64) continue;
            u64 mine = ports_of[vcpu_id()][word];
            u64 bits = shared_info->evtchn_pending[word] & ~shared_info->evtchn_mask[word] & mine;
            while (bits) {
                u32 bit = __builtin_ctzl(bits), port = word * 64 + bit;
                bits &= bits - 1;
                asm volatile("lock btrq %1, %0" : "+m"(shared_info->evtchn_pending[word]) : "r"((u64)bit) : "memory");
                event_count[port]++;
                handlers[port](port);
            }
        }
    }
}

/* Returns whether they were masked already. */
int events_mask(void) {
    struct vcpu_info *v = &shared_info->vcpu[vcpu_id()];
    int before = v->evtchn_upcall_mask;
    v->evtchn_upcall_mask = 1;
    barrier();
    return before;
}

void events_unmask(void) {
    struct vcpu_info *v = &shared_info->vcpu[vcpu_id()];
    barrier();
    v->evtchn_upcall_mask = 0;
    fence();
    /* What came while they were masked is delivered on the way out of the next hypercall, so one is made. */
    if (v->evtchn_upcall_pending) hypercall(HYPERVISOR_xen_version, 0, 0, 0, 0);
}

/*
 * Sleeps until the next event. Call it with events masked, after a last look at what is waited for: an event that came before the mask has run its
 * handler and wakes nobody. The hypercall unmasks events and checks for pending ones in one step, so none is lost.
 */
void block(void) { hypercall(HYPERVISOR_sched_op, SCHEDOP_block, 0, 0, 0); }

/*
 * Sleeps until the port has an event, or for 10 ms: on its own vCPU the port's handler takes the event away from other vCPUs that look for it. Call
 * it with events masked, after a last look at what is waited for.
 */
void poll(u32 port) {
    struct { u32 *ports; u32 nr_ports; u64 timeout; } what = {&port, 1, now() + 10000000};
    hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&what, 0, 0);
}
