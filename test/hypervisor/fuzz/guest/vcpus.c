/* The vCPUs of the domain: they are started and stopped, have timers and areas, wait, and change the small state that Xen keeps for each. */
#include "fuzz.h"

enum { UP = 1, DOWN = 2, IS_UP = 3, RUNSTATE = 4, RUNSTATE_AREA = 5, PERIODIC = 6, STOP_PERIODIC = 7, SINGLESHOT = 8, STOP_SINGLESHOT = 9,
       VCPU_INFO = 10, SEND_NMI = 11, TIME_AREA = 13 };
static u8 areas[LANES][PAGE] __attribute__((aligned(4096), section(".bss.page")));
static u8 infos[LANES][PAGE] __attribute__((aligned(4096), section(".bss.page")));
extern char event_entry[], failsafe_entry[], syscall_entry[];

static s64 op(struct lane *l, u32 cmd, u32 vcpu, void *a) { return call(l, HYPERVISOR_vcpu_op, cmd, cmd, vcpu, (u64)a, 0); }

static void up_and_down(struct lane *l) {
    /* The last vCPU is stopped, and the others start it again. */
    u32 victim = lane_count - 1;
    if (!victim) return;
    if (once_in(l, 4)) op(l, DOWN, victim, 0);
    for (u32 i = 0; i < lane_count; i++) op(l, UP, i, 0);
    op(l, IS_UP, below(l, lane_count), 0);
}

static void areas_play(struct lane *l) {
    u64 *a = argument(l, 24);
    u32 vcpu = below(l, lane_count);
    *a = (u64)areas[vcpu] + below(l, 3) * 8;
    switch (below(l, 5)) {
    case 0: op(l, RUNSTATE_AREA, vcpu, a); break;
    case 1: op(l, TIME_AREA, vcpu, a); break;
    case 2: op(l, RUNSTATE, vcpu, areas[l->id] + 512); break;
    case 3: {
        u32 before = l->info == (struct vcpu_info *)(infos[l->id] + 64);
        a[0] = mfn_of(infos[l->id]), a[1] = 64;
        if (a[0] != mfn_of(infos[l->id]) || a[1] != 64) break;
        if (!op(l, VCPU_INFO, l->id, a) && !before) {
            l->info = (struct vcpu_info *)(infos[l->id] + 64);
            l->info->evtchn_upcall_mask = 1;
        }
        break;
    }
    default: op(l, SEND_NMI, vcpu, 0); break;
    }
}

static void timers(struct lane *l) {
    u64 *a = argument(l, 24);
    u32 vcpu = below(l, lane_count);
    switch (below(l, 6)) {
    case 0: a[0] = 1000000 + below(l, 10000000); op(l, PERIODIC, vcpu, a); break;
    case 1: op(l, STOP_PERIODIC, vcpu, 0); break;
    case 2: a[0] = in_ns(l, below(l, 1000000)), a[1] = once_in(l, 2); op(l, SINGLESHOT, l->id, a); break;
    case 3: op(l, STOP_SINGLESHOT, l->id, 0); break;
    default: call(l, HYPERVISOR_set_timer_op, 0, once_in(l, 4) ? 0 : in_ns(l, below(l, 1000000)), 0, 0, 0);
    }
}

/*
 * Sleeps, always with something that is sure to wake the vCPU. A poll has a time-out. For a block an event is already pending, because another vCPU
 * may close any port and change the ABI before one arrives.
 */
static void wait(struct lane *l) {
    u32 *a = argument(l, 24);
    if (once_in(l, 2)) {
        u32 *bind = argument(l, 12);
        bind[0] = 0, bind[1] = l->id;
        call(l, HYPERVISOR_event_channel_op, 1, 1, (u64)bind, 0, 0);
        l->info->evtchn_upcall_pending = 1;
        if (once_in(l, 2)) call(l, HV_sched_op_compat, 1, 1, 0, 0, 0);
        else call(l, HYPERVISOR_sched_op, 1, 1, 0, 0, 0);
        return;
    }
    struct { u32 *ports; u32 nr; u64 timeout; } *poll = argument(l, sizeof *poll);
    for (u32 i = 0; i < 4; i++) a[i] = l->ports[i];
    poll->ports = a, poll->nr = below(l, 5), poll->timeout = in_ns(l, 20000);
    call(l, HYPERVISOR_sched_op, 3, 3, (u64)poll, 0, 0);
}

static void small_state(struct lane *l) {
    u64 *a = argument(l, 24);
    switch (below(l, 14)) {
    case 0: call(l, HYPERVISOR_sched_op, 0, 0, 0, 0, 0); break;
    case 1: call(l, HV_sched_op_compat, 0, 0, 0, 0, 0); break;
    case 2: {
        /* Sets a watchdog that is stopped at once, because otherwise it would end the domain. */
        ((u32 *)a)[0] = 0, ((u32 *)a)[1] = 100;
        s64 id = call(l, HYPERVISOR_sched_op, 6, 6, (u64)a, 0, 0);
        if (id < 1) return;
        ((u32 *)a)[0] = id, ((u32 *)a)[1] = 0;
        call(l, HYPERVISOR_sched_op, 6, 6, (u64)a, 0, 0);
        break;
    }
    case 3:
        /* The reason that Xen keeps for the next shutdown, whatever that says: when dom0 asks for a fork next, the domain ends. So this is seldom done. */
        if (once_in(l, 64)) call(l, HYPERVISOR_sched_op, 5, 5, (u64)a, 0, 0);
        break;
    case 4: *a = below(l, 4); call(l, HV_physdev_op, 6, 6, (u64)a, 0, 0); break;
    case 5: a[0] = (u64)areas[l->id], a[1] = 1024; call(l, HV_physdev_op, 7, 7, (u64)a, 0, 0); break;
    case 6: call(l, HV_vm_assist, 0, once_in(l, 4), 1 + below(l, 6), 0, 0); break;
    case 7: call(l, HV_vm_assist, 2, 0, 2, 0, 0); break;
    case 8: call(l, HV_set_debugreg, 0, below(l, 8), once_in(l, 2) ? (u64)areas[l->id] : 0, 0, 0); break;
    case 9: call(l, HV_get_debugreg, 0, below(l, 8), 0, 0, 0); break;
    case 10: call(l, HV_fpu_taskswitch, 0, once_in(l, 2), 0, 0, 0); break;
    case 11: {
        u16 types[] = {0, 1, 2, 4, 5, 7}, type = types[below(l, 6)];
        u64 entries[] = {(u64)event_entry, (u64)failsafe_entry, (u64)syscall_entry, 0, (u64)event_entry, (u64)syscall_entry, 0, (u64)syscall_entry};
        a[0] = type | (u64)(type == 2 || type == 4) << 16, a[1] = entries[type];
        call(l, HV_callback_op, type, 0, (u64)a, 0, 0);
        break;
    }
    case 12: *a = (u64)event_entry; call(l, HV_nmi_op, 0, once_in(l, 4), (u64)a, 0, 0); break;
    default: *a = 4; call(l, HV_callback_op, 16, 1, (u64)a, 0, 0);
    }
}

void vcpu_play(struct lane *l) {
    switch (below(l, 8)) {
    case 0: up_and_down(l); break;
    case 1: areas_play(l); break;
    case 2: timers(l); break;
    case 3: wait(l); break;
    default: small_state(l);
    }
}
