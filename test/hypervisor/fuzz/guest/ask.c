/* Calls that only ask for something and change nothing. */
#include "fuzz.h"

/* Calls for others: for domains with a second stage, for device models and for control domains. */
static void not_for_us(struct lane *l) {
    u64 *a = argument(l, 64), *list = argument(l, 64), peer = once_in(l, 2) ? some_peer(l) : DOMID_SELF;
    struct frame *f = frame_in(l, DATA);
    if (!f) return;
    switch (below(l, 6)) {
    case 0: {
        u32 set = below(l, 2);
        a[0] = peer | (u64)below(l, 40) << 32, a[1] = below(l, 256);
        call(l, HV_hvm_op, !set, !set, (u64)a, 0, 0);
        break;
    }
    case 1:
        list[0] = (u64)a, list[1] = 64, list[2] = (u64)list, list[3] = 32;
        a[0] = below(l, 22), a[1] = f->mfn, a[2] = random64(l);
        call(l, HV_dm_op, 0, peer, 1 + below(l, 2), (u64)list, 0);
        break;
    case 2:
        a[0] = peer | below(l, 64) << 16 | (u64)below(l, 6) << 32, a[1] = f->mfn, a[2] = below(l, 1 << 20);
        call(l, HYPERVISOR_memory_op, 7, 7, (u64)a, 0, 0);
        break;
    case 3:
        list[0] = f->mfn, list[1] = below(l, 1 << 20);
        a[0] = peer | below(l, 6) << 16 | 1ul << 32 | (once_in(l, 2) ? some_peer(l) : 0) << 48;
        a[1] = (u64)list, a[2] = (u64)(list + 1), a[3] = (u64)(list + 2);
        call(l, HYPERVISOR_memory_op, 23, 23, (u64)a, 0, 0);
        break;
    case 4: a[0] = 3, a[1] = (u64)list; call(l, HYPERVISOR_memory_op, 10, 10, (u64)a, 0, 0); break;
    default:
        /* The memory map that Xen gives this domain, which the domain changes. It must not be able to set the map of a peer. */
        a[0] = peer, a[1] = below(l, 3), a[2] = (u64)list;
        call(l, HYPERVISOR_memory_op, peer == DOMID_SELF ? 13 : 26, 13, (u64)a, 0, 0);
    }
}

void ask_play(struct lane *l) {
    if (once_in(l, 6)) {
        not_for_us(l);
        return;
    }
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
            /* Calls that only a control domain may make. */
            static const u8 numbers[] = {7, 35, 36, 33, 29};
            u32 nr = numbers[below(l, 5)];
            if (nr == 29) *a = some_peer(l), call(l, nr, 4, 4, (u64)a, 0, 0);
            else if (nr == 36) ((u32 *)a)[0] = below(l, 90), ((u32 *)a)[1] = 21, a[1] = some_peer(l), call(l, nr, 0, (u64)a, 0, 0, 0);
            else if (nr == 33) call(l, nr, 13, 13, (u64)a, 0, 0);
            else call(l, nr, 0, (u64)a, 0, 0, 0);
        }
    }
}
