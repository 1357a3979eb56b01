/*
 * This domain is forked while it runs. Page tables name machine frames, so a PV guest suspends as Linux does: when dom0 asks for it on the console, all
 * vCPUs stop where an operation begins, the first one gives up what is not this domain's memory, and writes into the P2M where everything is. Whoever
 * goes on, this domain or a copy, finds its frames by the P2M again.
 */
#include "fuzz.h"

/* The windows of memory.c in which the console's ring is, and in which tables are looked at. A host of the fuzz has fewer than so many frames. */
enum { CONSOLE = 2, LOOK = 3, UP = 1, MOST_FRAMES = 1 << 17 };
/* The number of the stop that there is just now, 0 if there is none; and the one in which each vCPU stands still. */
static volatile u32 stopping, stopped[LANES];
static u32 stops;
/* Whether the grant table and all else that is not this domain's memory is out of sight. A trap may end that before its time only in a wild domain. */
static u32 suspending;
static volatile struct console_ring *ring;
static u64 *look;
static u64 number;

void forks_init(void) {
    look = map_frame(start_info->console_mfn, LOOK);
    ring = map_frame(start_info->console_mfn, CONSOLE);
    memory_list_frames();
}

/* Gives up what a vCPU has loaded: segments that can no longer be loaded would end the fork by a failsafe callback, and a table that the domain has given
 * back can't be copied. */
static void unload(struct lane *l) {
    asm volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%fs; movl %0, %%gs" ::"r"(0));
    extended(l, NEW_USER_BASEPTR, 0, 0);
    if (!extended(l, NEW_BASEPTR, mfn_of((void *)start_info->pt_base), 0)) l->base_frame = 0;
}

/* Every vCPU but this one has stopped when this returns. One that is down is started, since a copy has only those that are up. */
static void stop_others(struct lane *l) {
    stopping = ++stops;
    for (u32 i = 0; i < lane_count; i++)
        while (i != l->id && stopped[i] != stops) {
            hypercall(HYPERVISOR_vcpu_op, UP, i, 0, 0);
            hypercall(HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
        }
}
static void stop(struct lane *l) {
    u32 this = stopping;
    if (!this) return;
    unload(l);
    stopped[l->id] = this;
    while (stopping == this) asm volatile("pause");
}

static void list_frames(struct lane *of) {
    for (u32 i = 0; i < FRAMES; i++) {
        struct frame *f = &of->frames[i];
        p2m[pfn_of_frame(of, f)] = f->state == ABSENT ? ~0ul : f->mfn;
    }
}
/* The frames are others. What was granted is not granted any more; tables name the new frames, and their shadows the old ones. */
static void find_frames(struct lane *of) {
    for (u32 i = 0; i < FRAMES; i++) {
        struct frame *f = &of->frames[i];
        if (f->state != ABSENT) f->mfn = p2m[pfn_of_frame(of, f)];
        if (f->state == GRANTED) f->state = DATA;
        if (f->state == TABLE && !f->loose) f->loose = ONCE;
        f->ref = 0;
    }
    for (u32 w = 0; w < WINDOWS; w++) {
        u64 entry = entry_of(windows[of->id][w]);
        of->window_mfn[w] = entry & 1 ? entry >> 12 & 0xfffffffff : 0;
    }
    for (u32 i = 0; i < 8; i++) of->ports[i] = 0;
    of->info = &shared_info->vcpu[of->id];
    of->info->evtchn_upcall_mask = 1;
}

/*
 * Takes out of windows and tables what is not, or will not be, in the P2M: grants that nobody remembers, as a trap came too early, and frames that were given back
 * while they were mapped.
 */
static int is_xens(u32 k, struct frame *f) { return f->state == TABLE && f->level == 4 && k >= 256 && k < 272; }
static int is_foreign(u64 entry) {
    u64 mfn = entry >> 12 & 0xfffffffff, pfn = entry & 1 && mfn < MOST_FRAMES ? pfn_of(mfn) : 0;
    return (entry & 1) && mfn < MOST_FRAMES && (pfn >= start_info->nr_pages || p2m[pfn] != mfn);
}
/* Shows a frame, which may be a table, for reading. Returns NULL if it can't be shown. */
static u64 *look_at(u64 mfn) {
    return hypercall(HYPERVISOR_update_va_mapping, (u64)look, mfn << 12 | 0x61, 2, 0) ? NULL : look;
}
static void forget_foreign(struct lane *l, struct lane *of) {
    for (u32 w = 0; w < WINDOWS; w++)
        if (is_foreign(entry_of(windows[of->id][w]))) hypercall(HYPERVISOR_update_va_mapping, (u64)windows[of->id][w], 0, 6, 0);
    for (u32 i = 0; i < FRAMES; i++) {
        struct frame *f = &of->frames[i];
        /* One that has lost its pin may still be a table, and a store to one that is not does no harm. */
        if (f->state != TABLE && f->state != DATA && f->state != GRANTED) continue;
        u64 *entries = look_at(f->mfn);
        if (!entries) continue;
        for (u32 k = 0; k < 512; k++)
            if (!is_xens(k, f) && is_foreign(entries[k])) {
                update(l, f->mfn << 12 | k * 8, 0, 0, DOMID_SELF);
                if (!f->loose) f->loose = ONCE;
            }
    }
}

static void fork(struct lane *l) {
    u32 reason = SHUTDOWN_suspend;
    stop_others(l);
    unload(l);
    suspending = 1;
    grants_suspend(l);
    for (u32 i = 0; i < lane_count; i++) list_frames(&lanes[i]);
    for (u32 i = 0; i < lane_count; i++) forget_foreign(l, &lanes[i]);
    /* The window shows its own page again, because what it shows may be given back before the next fork. */
    look_at(mfn_of(look));
    u64 store = pfn_of(start_info->store_mfn), console = pfn_of(start_info->console_mfn);
    start_info->store_mfn = store;
    start_info->console_mfn = console;
    void *const window = shared_info;
    map_frame(mfn_of(window), 0);
    int is_copy = !hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&reason, mfn_of(start_info), 0);
    start_info->store_mfn = p2m[store];
    start_info->console_mfn = p2m[console];
    shared_info = map_frame(start_info->shared_info >> 12, 0);
    if (is_copy) for (u32 word = 0; word < 64; word++) shared_info->evtchn_mask[word] = ~0ul;
    forks_init();
    grants_resume(is_copy);
    if (is_copy) for (u32 i = 0; i < lane_count; i++) find_frames(&lanes[i]);
    stopping = 0;
    suspending = 0;
}

/* What dom0 types: s for a fork, and a number with p after it for a domain that is a peer from now on. */
static void typed(struct lane *l) {
    u32 at = ring->in_cons;
    if (at == ring->in_prod) return;
    char c = ring->in[at % sizeof ring->in];
    ring->in_cons = at + 1;
    if (c >= '0' && c <= '9') number = number * 10 + c - '0';
    else {
        if (c == 'p') peers[1] = number;
        number = 0;
    }
    if (c == 's') fork(l);
}

void forks_look(struct lane *l) {
    /* One that a trap has ended lets the others go on. */
    if (l->id == 0 && suspending) {
        if (!wild_permille) broken("A trap has ended a fork ", suspending, l->traps);
        suspending = 0;
        shared_info = map_frame(start_info->shared_info >> 12, 0);
        forks_init();
        grants_resume(0);
    }
    if (l->id == 0) stopping = 0, typed(l);
    else stop(l);
}
