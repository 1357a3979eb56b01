/*
 * Suspending: Xen keeps the domain as it is in the hypercall, the toolstack writes it to a file. The hypercall returns in the domain that is
 * made of the file, whose frames and ports are others, or with 1 in this one.
 */
#include "xen.h"

void suspend(void) {
    u32 reason = SHUTDOWN_suspend;
    print("suspending\n");
    smp_stop();
    events_mask();
    /* Frame numbers in memory are right in this domain only; the toolstack changes those of page tables and the P2M, and wants pfns here. */
    u64 store = pfn_of(start_info->store_mfn), console = pfn_of(start_info->console_mfn);
    start_info->store_mfn = store;
    start_info->console_mfn = console;
    u64 began = now();
    /* shared_info is no page of the guest: its window shows its own page until connect(). Nothing may look at it before. */
    map_frame(mfn_of(shared_info), 0);
    s64 cancelled = hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&reason, mfn_of(start_info), 0);
    start_info->store_mfn = p2m[store];
    start_info->console_mfn = p2m[console];
    connect();
    boot += now() - began;
    print("resumed (%s)\n", cancelled ? "cancelled" : "restored");
    shell_redraw();
}
