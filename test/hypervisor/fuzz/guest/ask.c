/* Calls that only ask. */
#include "fuzz.h"

void ask_play(struct lane *l) {
    u64 *a = argument(l, 1024), *list = argument(l, 512);
    switch (below(l, 4)) {
    case 0: {
        static const u8 subs[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        u32 sub = subs[below(l, 10)];
        if (sub == 7) a = 0;
        call(l, HYPERVISOR_xen_version, sub, sub, (u64)a, 0, 0);
        break;
    }
    case 1: {
        static const u8 ids[] = {2, 3, 4, 14, 18, 19};
        u32 sub = ids[below(l, 6)];
        *a = DOMID_SELF;
        call(l, HYPERVISOR_memory_op, sub, sub, (u64)a, 0, 0);
        break;
    }
    case 2:
        switch (below(l, 4)) {
        case 0: a[0] = 32, a[1] = (u64)list; call(l, HYPERVISOR_memory_op, 5, 5, (u64)a, 0, 0); break;
        case 1: call(l, HYPERVISOR_memory_op, 12, 12, (u64)a, 0, 0); break;
        case 2: a[0] = 16, a[1] = (u64)list; call(l, HYPERVISOR_memory_op, 9, 9, (u64)a, 0, 0); break;
        default: {
            struct frame *f = frame_in(l, DATA);
            if (!f) return;
            a[0] = DOMID_SELF, a[1] = f->mfn;
            call(l, HYPERVISOR_memory_op, 15, 15, (u64)a, 0, 0);
        }
        }
        break;
    default:
        if (once_in(l, 4)) {
            a[0] = 0x0a20202020202020ul;
            if (once_in(l, 16)) call(l, HV_console_io, 0, 0, 8, (u64)a, 0);
            else call(l, HV_console_io, 1, 1, 8, (u64)a, 0);
        } else if (once_in(l, 2)) install_traps(), count(l, 0, 0, 1), count(l, 4, 0, 1), count(l, 3, 0, 1);
        else {
            /* What only a control domain may. */
            static const u8 numbers[] = {7, 35, 36, 33, 29};
            u32 nr = numbers[below(l, 5)];
            if (nr == 29) *a = peer_domid, call(l, nr, 4, 4, (u64)a, 0, 0);
            else if (nr == 36) ((u32 *)a)[0] = below(l, 90), ((u32 *)a)[1] = 21, a[1] = peer_domid, call(l, nr, 0, (u64)a, 0, 0, 0);
            else if (nr == 33) call(l, nr, 13, 13, (u64)a, 0, 0);
            else call(l, nr, 0, (u64)a, 0, 0, 0);
        }
    }
}
