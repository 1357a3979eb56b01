/* Frames are given back to Xen, are taken again, and are exchanged. */
#include "fuzz.h"

enum { MOST = 8, EXCHANGE = 11 };
struct exchange { struct memory_reservation in, out; u64 done; };

static s64 reserve(struct lane *l, u32 op, u64 *list, u64 n, u32 order) {
    struct memory_reservation *r = argument(l, sizeof *r);
    *r = (struct memory_reservation){list, n, order, 0, DOMID_SELF};
    s64 done = call_raw(l, HYPERVISOR_memory_op, op, (u64)r, 0, 0);
    count(l, HYPERVISOR_memory_op, op, done > 0);
    return done;
}

static void give(struct lane *l) {
    struct frame *given[MOST];
    u64 *list = argument(l, sizeof(u64) * MOST), n = 0, want = 1 + below(l, MOST);
    while (n < want) {
        struct frame *f = frame_in(l, once_in(l, 24) ? GRANTED : once_in(l, 24) ? SEALED : DATA);
        if (!f) break;
        if (f->state == SEALED) seal_check(l, f);
        if (!grant_end(f)) break;
        if (below(l, 4)) withdraw(l, f);
        given[n] = f;
        list[n++] = f->mfn;
        f->state = ABSENT;
    }
    s64 done = n ? reserve(l, XENMEM_decrease_reservation, list, n, 0) : 0;
    /* The frames that Xen did not take stay with this domain as plain data. */
    for (u64 i = done < 0 ? 0 : done; i < n; i++) given[i]->state = DATA;
}

static void come(struct lane *l, struct frame *f, u64 mfn) {
    f->mfn = mfn;
    f->state = DATA;
    f->loose = 0;
    fresh_check(l, mfn);
}

static void take(struct lane *l) {
    struct frame *taken[MOST];
    u64 *list = argument(l, sizeof(u64) * MOST), n = 0, want = 1 + below(l, MOST);
    for (u32 i = 0; i < FRAMES && n < want; i++) {
        struct frame *f = &l->frames[i];
        if (f->state != ABSENT) continue;
        taken[n] = f;
        list[n++] = pfn_of_frame(l, f);
    }
    if (!n) return;
    s64 done = reserve(l, once_in(l, 4) ? 0 : XENMEM_populate_physmap, list, n, 0);
    u64 mfns[MOST];
    for (s64 i = 0; i < done; i++) mfns[i] = list[i];
    /* All frames are noted before the first is looked at, because a trap there would lose the others. */
    for (s64 i = 0; i < done; i++) taken[i]->mfn = mfns[i], taken[i]->state = DATA, taken[i]->loose = 0;
    for (s64 i = 0; i < done; i++) come(l, taken[i], mfns[i]);
}

static void exchange(struct lane *l) {
    u32 order = once_in(l, 4) ? 3 : 0, n = order ? MOST : 1 + below(l, 4), found = 0;
    struct frame *f[MOST];
    u64 *in = argument(l, sizeof(u64) * MOST), *out = argument(l, sizeof(u64) * MOST), mfns[MOST];
    struct exchange *x = argument(l, sizeof *x);
    while (found < n) {
        f[found] = frame_in(l, DATA);
        if (!f[found]) break;
        withdraw(l, f[found]);
        grant_end(f[found]);
        f[found]->state = ABSENT;
        mfns[found] = f[found]->mfn;
        found++;
    }
    if (found < n) {
        while (found) f[--found]->state = DATA;
        return;
    }
    for (u32 i = 0; i < n; i++) in[i] = mfns[i];
    for (u32 i = 0; i < (order ? 1 : n); i++) out[i] = pfn_of_frame(l, f[i]);
    *x = (struct exchange){{in, n, 0, 0, DOMID_SELF}, {out, order ? 1 : n, order, 0, DOMID_SELF}, 0};
    s64 error = call(l, HYPERVISOR_memory_op, EXCHANGE, EXCHANGE, (u64)x, 0, 0);
    u64 done = x->done;
    for (u32 i = 0; i < n; i++) {
        if (i < done && !(order && error)) f[i]->mfn = order ? out[0] + i : out[i];
        f[i]->state = DATA;
        f[i]->loose = 0;
    }
    for (u32 i = 0; i < n && i < done; i++) fresh_check(l, f[i]->mfn);
}

void memory_play(struct lane *l) {
    struct frame *f;
    switch (below(l, 8)) {
    case 0: case 1: give(l); break;
    case 2: case 3: case 4: take(l); break;
    case 5: exchange(l); break;
    case 6:
        f = &l->frames[below(l, FRAMES / 3)];
        if (f->state == DATA) withdraw(l, f), seal(l, f);
        break;
    default:
        f = frame_in(l, SEALED);
        if (f && !grant_in_use(l, f)) seal_check(l, f), f->state = DATA;
    }
}
