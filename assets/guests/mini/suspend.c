/*
 * Suspending: while the hypercall lasts Xen keeps the domain as it is, and the toolstack writes it to a file. The hypercall returns in the domain
 * that is made of the file, whose frames and ports are others, or in this one with 1.
 */
#include "xen.h"

void suspend(void) {
    u32 reason = SHUTDOWN_suspend;
    print("suspending\n");
    smp_stop();
    events_mask();
    /* Frame numbers in memory are right only in this domain. The toolstack changes those in page tables and in the P2M, and wants pfns here. */
    u64 store = pfn_of(start_info->store_mfn), console = pfn_of(start_info->console_mfn);
    start_info->store_mfn = store;
    start_info->console_mfn = console;
    u64 began = now();
    /* shared_info is no page of the guest. Until connect(), its window shows the page that is really there. Nothing may look at it before. */
    map_frame(mfn_of(shared_info), 0);
    s64 cancelled = hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&reason, mfn_of(start_info), 0);
    start_info->store_mfn = p2m[store];
    start_info->console_mfn = p2m[console];
    connect();
    boot += now() - began;
    print("resumed (%s)\n", cancelled ? "cancelled" : "restored");
    shell_redraw();
}
