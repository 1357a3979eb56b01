/* Event channels of both ABIs. Events are masked all the time, and vcpus.c is what waits for them. */
#include "fuzz.h"

enum { INTERDOMAIN = 0, BIND_VIRQ = 1, BIND_PIRQ = 2, CLOSE = 3, SEND = 4, STATUS = 5, UNBOUND = 6, BIND_IPI = 7, BIND_VCPU = 8, UNMASK = 9,
       RESET = 10, INIT_CONTROL = 11, EXPAND = 12, PRIORITY = 13 };
enum { KEPT = 8 };

static s64 op(struct lane *l, u32 cmd, void *a) { return call(l, HYPERVISOR_event_channel_op, cmd, cmd, (u64)a, 0, 0); }

static u32 some_port(struct lane *l) { return once_in(l, 4) ? below(l, 128) : l->ports[below(l, KEPT)]; }
static void keep(struct lane *l, u32 port) { l->ports[below(l, KEPT)] = port; }

static void fifo(struct lane *l) {
    struct frame *f = frame_in(l, DATA);
    if (!f || index_of(l, f) < FRAMES / 3) return;
    u64 *a = argument(l, 24);
    a[0] = f->mfn;
    if (once_in(l, 2)) {
        a[1] = below(l, 500) * 8 | (u64)below(l, lane_count) << 32;
        op(l, INIT_CONTROL, a);
    } else op(l, EXPAND, a);
}

void event_play(struct lane *l) {
    u32 *a = argument(l, 24);
    u64 *b = (u64 *)a;
    switch (below(l, 16)) {
    case 0:
    case 1:
        /* Most often the peer may bind the port, and now and then this domain itself. */
        *b = DOMID_SELF | (below(l, 3) ? some_peer(l) : DOMID_SELF) << 16;
        if (!op(l, UNBOUND, a)) keep(l, a[1]);
        break;
    case 2:
    case 3:
        *b = (below(l, 3) ? some_peer(l) : DOMID_SELF) | below(l, 64) << 32;
        if (!op(l, INTERDOMAIN, a)) keep(l, a[2]);
        break;
    case 4:
        a[0] = below(l, 3) ? 0 : below(l, 24), a[1] = once_in(l, 2) ? l->id : 0;
        if (!op(l, BIND_VIRQ, a)) keep(l, a[2]);
        break;
    case 5: a[0] = below(l, lane_count); if (!op(l, BIND_IPI, a)) keep(l, a[1]); break;
    case 6: a[0] = some_port(l); op(l, CLOSE, a); break;
    case 7: case 8: case 9: a[0] = some_port(l); op(l, SEND, a); break;
    case 10: a[0] = DOMID_SELF, a[1] = some_port(l); op(l, STATUS, a); break;
    case 11: a[0] = some_port(l), a[1] = below(l, lane_count); op(l, BIND_VCPU, a); break;
    case 12: a[0] = some_port(l); op(l, UNMASK, a); break;
    case 13: a[0] = some_port(l), a[1] = below(l, 17); op(l, PRIORITY, a); break;
    case 14: fifo(l); break;
    default:
        if (once_in(l, 8)) {
            *b = DOMID_SELF;
            op(l, RESET, a);
        } else {
            /* The form of the call before Xen 3.0.2: the command, then its argument. */
            a[0] = SEND, a[1] = some_port(l);
            call(l, HV_event_channel_op_compat, 0, (u64)a, 0, 0, 0);
        }
    }
}
