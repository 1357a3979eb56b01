/* Events, vCPUs, parameters and questions; and calls whose arguments make no sense. */
#include "fuzz.h"

enum { KEPT = 8, SET_PARAM = 0, GET_PARAM = 1, UPCALL_VECTOR = 23, DM_OP = 41, VM_ASSIST = 21, PHYSDEV_OP = 33 };

static s64 event_op(struct lane *l, u32 cmd, void *a) { return call(l, EVENT_CHANNEL_OP, cmd, cmd, (u64)a, 0); }
static u32 some_port(struct lane *l) { return once_in(l, 4) ? below(l, 128) : l->ports[below(l, KEPT)]; }
static void keep(struct lane *l, u32 port) { l->ports[below(l, KEPT)] = port; }

void event_play(struct lane *l)
{
    u32 *a = argument(l, 24);
    u64 *b = (u64 *)a;
    s32 place;
    switch (below(l, 16)) {
    case 0: case 1:
        *b = SELF | (below(l, 3) ? some_peer(l) : SELF) << 16;
        if (!event_op(l, 6, a)) keep(l, a[1]);
        break;
    case 2: case 3:
        *b = (below(l, 3) ? some_peer(l) : SELF) | below(l, 64) << 32;
        if (!event_op(l, 0, a)) keep(l, a[2]);
        break;
    case 4:
        a[0] = below(l, 3) ? 0 : below(l, 24), a[1] = once_in(l, 2) ? l->id : 0;
        if (!event_op(l, 1, a)) keep(l, a[2]);
        break;
    case 5: a[0] = below(l, lane_count); if (!event_op(l, 7, a)) keep(l, a[1]); break;
    case 6: a[0] = some_port(l); event_op(l, 3, a); break;
    case 7: case 8: case 9: a[0] = some_port(l); event_op(l, 4, a); break;
    case 10: a[0] = SELF, a[1] = some_port(l); event_op(l, 5, a); break;
    case 11: a[0] = some_port(l), a[1] = below(l, lane_count); event_op(l, 8, a); break;
    case 12: a[0] = some_port(l); event_op(l, 9, a); break;
    case 13: a[0] = some_port(l), a[1] = below(l, 17); event_op(l, 13, a); break;
    case 14:
        /* Xen writes events into frames of this domain that all vCPUs may write to. */
        place = place_in(l, DATA, 0);
        if (place < 0) break;
        *b = gfn_of(l, place);
        if (once_in(l, 2)) {
            b[1] = below(l, 500) * 8 | below(l, lane_count) << 32;
            event_op(l, 11, a);
        } else event_op(l, 12, a);
        break;
    default:
        *b = SELF;
        if (once_in(l, 8)) event_op(l, 10, a);
    }
}

static u8 areas[LANES][PAGE] __attribute__((aligned(4096)));
static s64 vcpu_op(struct lane *l, u32 cmd, u32 vcpu, void *a) { return call(l, VCPU_OP, cmd, cmd, vcpu, (u64)a); }

/* Returns the system time at which this vCPU was last given a pCPU. */
static u64 lately(struct lane *l)
{
    u64 *state = argument(l, 48);
    vcpu_op(l, 4, l->id, state);
    return state[1];
}

void vcpu_play(struct lane *l)
{
    u64 *a = argument(l, 24);
    u32 vcpu = below(l, lane_count);
    switch (below(l, 12)) {
    case 0: vcpu_op(l, 3, vcpu, 0); break;
    case 1: *a = (u64)areas[vcpu] + below(l, 3) * 8; vcpu_op(l, 5, vcpu, a); break;
    case 2: *a = (u64)areas[vcpu] + below(l, 3) * 8; vcpu_op(l, 13, vcpu, a); break;
    case 3: a[0] = (u64)areas[l->id] >> 12, a[1] = 64; vcpu_op(l, 10, l->id, a); break;
    case 4: a[0] = 1000000 + below(l, 10000000); vcpu_op(l, 6, vcpu, a); break;
    case 5: vcpu_op(l, 7, vcpu, 0); break;
    case 6: a[0] = lately(l) + below(l, 20000000), a[1] = once_in(l, 2); vcpu_op(l, 8, l->id, a); break;
    case 7: vcpu_op(l, 9, l->id, 0); break;
    case 8: call(l, SET_TIMER_OP, 0, once_in(l, 4) ? 0 : lately(l) + below(l, 20000000), 0, 0); break;
    case 9: call(l, SCHED_OP, 0, 0, 0, 0); break;
    case 10: {
        struct { u32 *ports; u32 nr; u64 timeout; } *poll = argument(l, sizeof *poll);
        poll->ports = l->ports, poll->nr = below(l, 5), poll->timeout = lately(l) + 20000 + 1;
        call(l, SCHED_OP, 3, 3, (u64)poll, 0);
        break;
    }
    default: {
        /* Sets a watchdog that is stopped at once, because otherwise it would end the domain. */
        u32 *w = (u32 *)a;
        w[0] = 0, w[1] = 100;
        s64 id = call(l, SCHED_OP, 6, 6, (u64)w, 0);
        if (id < 1) return;
        w[0] = id, w[1] = 0;
        call(l, SCHED_OP, 6, 6, (u64)w, 0);
    }
    }
}

/*
 * The number under which a call is counted that names another domain and must be refused. In a wild domain another vCPU may replace that domid by its
 * own before Xen reads it, and the call may succeed. Such calls are not judged.
 */
static u32 of_another(u32 refused) { return wild_permille ? 28 : refused; }

static void parameter(struct lane *l)
{
    static const u8 indices[] = { 0, 1, 2, 3, 4, 5, 17, 18, 19, 31, 34, 35 };
    struct { u16 domid, pad; u32 index; u64 value; } *p = argument(l, 16);
    p->domid = once_in(l, 4) ? some_peer(l) : SELF;
    p->index = once_in(l, 8) ? below(l, 64) : indices[below(l, sizeof indices)];
    int foreign = p->domid != SELF;
    u32 command = once_in(l, 2) ? SET_PARAM : GET_PARAM;
    p->value = below(l, 3) ? below(l, 256) : random64(l);
    s64 error = call(l, HVM_OP, foreign ? of_another(30) + command : command, command, (u64)p, 0);
    if (!error && foreign && !wild_permille) broken("parameter of another domain", p->domid, p->index);
}
/* Makes a call with struct xen_dm_op_buf, of which the first buffer is the operation. Only device models may make it, and no guest is one. */
static void device_model(struct lane *l)
{
    u32 *op = argument(l, 64);
    struct { void *buffer; u64 size; } *buffers = argument(l, 32);
    op[0] = below(l, 22);
    for (u32 i = 2; i < 16; i++) op[i] = below(l, 2) ? below(l, 64) : random64(l);
    buffers[0].buffer = op, buffers[0].size = 64;
    buffers[1].buffer = l->arguments, buffers[1].size = below(l, PAGE);
    call(l, DM_OP, 0, once_in(l, 2) ? SELF : some_peer(l), 1 + below(l, 2), (u64)buffers);
}
static void memory_maps(struct lane *l)
{
    u64 *a = argument(l, 40), *list = argument(l, 20 * 16);
    switch (below(l, 4)) {
    case 0: case 1: a[0] = below(l, 2) ? 16 : random64(l) & 0xffffffff, a[1] = (u64)list; call(l, MEMORY_OP, 9, 9, (u64)a, 0); break;
    case 2: a[0] = 16, a[1] = (u64)list; call(l, MEMORY_OP, 10, 10, (u64)a, 0); break;
    default:
        /* Sets its own memory map or a peer's, with no more entries than there is room for when the map is asked for. */
        a[0] = once_in(l, 2) ? SELF : some_peer(l), a[1] = below(l, 17), a[2] = (u64)list;
        call(l, MEMORY_OP, a[0] == SELF ? 13 : of_another(26), 13, (u64)a, 0);
    }
}

void ask_play(struct lane *l)
{
    u64 *a = argument(l, 1024);
    switch (below(l, 8)) {
    case 0: {
        u32 sub = below(l, 10);
        call(l, XEN_VERSION, sub, sub, sub == 7 ? 0 : (u64)a, 0);
        break;
    }
    case 1: {
        static const u8 operations[] = { 2, 3, 4, 14 };
        u32 sub = operations[below(l, 4)];
        *a = SELF;
        call(l, MEMORY_OP, sub, sub, (u64)a, 0);
        break;
    }
    case 2: memory_maps(l); break;
    case 3: case 4: parameter(l); break;
    case 5: {
        struct { u32 vcpu; u8 vector; } *u = argument(l, 8);
        u->vcpu = below(l, lane_count + 1), u->vector = below(l, 256);
        call(l, HVM_OP, UPCALL_VECTOR, UPCALL_VECTOR, (u64)u, 0);
        break;
    }
    case 6: device_model(l); break;
    default: {
        /* Calls that only a control domain or a guest of another type may make. */
        static const u8 numbers[] = { 1, 7, 14, 26, PHYSDEV_OP, 35, 36, 31 };
        *a = 21ul << 32 | below(l, 90), a[1] = some_peer(l);
        call(l, numbers[below(l, sizeof numbers)], 0, (u64)a, 1, 0);
    }
    }
}

/* Calls that would end the domain, make it sleep for ever, or give away its memory by thousands of frames. */
static int spared(struct lane *l, u64 nr, u64 a)
{
    if (nr == SCHED_OP) return a != 0;
    if (nr == 6 || nr == 13 || nr == CONSOLE_IO) return 1;
    if (nr == VCPU_OP) return (a & 63) == 2;
    if (nr == MEMORY_OP) return ((a & 63) == MEM_DECREASE || (a & 63) == MEM_ADD_TO_PHYSMAP || (a & 63) == MEM_REMOVE_FROM_PHYSMAP) && below(l, 50);
    return 0;
}
static u64 value(struct lane *l)
{
    switch (below(l, 8)) {
    case 0: return random64(l);
    case 1: return gfn_of(l, below(l, PLACES));
    case 2: return gfn_of(l, below(l, PLACES)) * PAGE + below(l, PAGE);
    case 3: return some_peer(l);
    case 4: return SELF;
    case 5: return 1ul << below(l, 64);
    default: return below(l, 64);
    }
}
void wild_play(struct lane *l)
{
    /* Changes what another vCPU has just put into a structure, while Xen reads it. */
    if (once_in(l, 3)) {
        u64 *words = (u64 *)lanes[below(l, lane_count)].arguments;
        for (u32 n = 0; n < 32; n++) words[below(l, 2 * PAGE / 8)] = value(l);
        return;
    }
    u64 *s = argument(l, 192), nr = below(l, 3) ? below(l, 42) : MEMORY_OP, a = below(l, 40);
    for (u32 i = 0; i < 24; i++) s[i] = below(l, 3) ? value(l) : below(l, 16) | below(l, 16) << 32;
    if (spared(l, nr, a)) return;
    l->calls++;
    hypercall(nr, a, below(l, 8) ? (u64)s : value(l), below(l, 8), value(l));
}
