/*
 * Judges isolation as the one who is isolated: canaries, sealed frames, page tables and fresh frames must never be changed by anybody else. A domain
 * that makes wild calls cannot judge itself, because they may hit frames of its own.
 */
#include "fuzz.h"

enum { CANARIES = 96, SAID = 10 };
static u64 canaries[CANARIES][512] __attribute__((aligned(4096), section(".bss.page")));
u64 shadow[LANES][FRAMES][512] __attribute__((aligned(4096), section(".bss.page")));
static u32 said;

void broken(const char *what, u64 a, u64 b) {
    char line[120];
    if (__atomic_add_fetch(&said, 1, __ATOMIC_SEQ_CST) > SAID) return;
    u32 n = append(line, 0, "FUZZ-BREAK ", said);
    n = append(line, append(line, n, " ", 0) - 1, what, a);
    n = append(line, n, " ", b);
    line[n++] = '\n';
    say_line(line, n);
}

static inline u64 pattern(u64 frame, u32 word) { return (frame * 0x9e3779b97f4a7c15ul) ^ (0x5ea1edul << 40) ^ word; }

void canaries_init(void) {
    for (u32 i = 0; i < CANARIES; i++) for (u32 k = 0; k < 512; k++) canaries[i][k] = pattern(i, k);
}
void canaries_check(void) {
    if (wild_permille) return;
    for (u32 i = 0; i < CANARIES; i++)
        for (u32 k = 0; k < 512; k += 1)
            if (canaries[i][k] != pattern(i, k)) {
                broken("canary ", i, canaries[i][k]);
                canaries[i][k] = pattern(i, k);
                return;
            }
}

/* Returns the L1 entry of a kernel address. The domain builder maps all of its page tables. */
u64 entry_of(const void *address) {
    u64 *table = (u64 *)start_info->pt_base, va = (u64)address;
    for (u32 shift = 39; shift > 12; shift -= 9) table = (u64 *)(VIRT_BASE + pfn_of(table[va >> shift & 511] >> 12 & 0xfffffffff) * PAGE);
    return table[va >> 12 & 511];
}

/* Says what else is known of a frame that has changed: which windows show it, by their page-table entries and by what their lanes remember. */
static void where(struct lane *l, struct frame *f, u32 k) {
    char line[160];
    u32 n;
    for (u32 t = 0; t < lane_count; t++)
        for (u32 i = 0; i < FRAMES; i++) {
            if (lanes[t].frames[i].state != TABLE || lanes[t].frames[i].level != 1) continue;
            u64 *p = view(l, &lanes[t].frames[i], 0);
            for (u32 e = 0; e < 512; e++) if (p[e] & 1 && (p[e] >> 12 & 0xfffffffff) == f->mfn) say("FUZZ-NOTE in a table, entry ", p[e]);
        }
    n = append(line, append(line, append(line, append(line, 0, "FUZZ-NOTE vCPU ", l->id), " mfn ", f->mfn), " entry ", k), " shadow ", shadow[l->id][index_of(l, f)][k]);
    line[n++] = '\n';
    say_line(line, n);
    for (u32 lane = 0; lane < lane_count; lane++)
        for (u32 i = 0; i < FRAMES; i++)
            if (lanes[lane].frames[i].mfn == f->mfn && lanes[lane].frames[i].state != ABSENT && &lanes[lane].frames[i] != f) say("FUZZ-NOTE also of lane ", lane * 1000 + i);
    for (u32 lane = 0; lane < lane_count; lane++)
        for (u32 w = 0; w < WINDOWS; w++) {
            u64 entry = entry_of(windows[lane][w]);
            if ((entry & 1 && (entry >> 12 & 0xfffffffff) == f->mfn) || lanes[lane].window_mfn[w] == f->mfn) {
                n = append(line, append(line, append(line, append(line, 0, "FUZZ-NOTE lane ", lane), " window ", w), " entry ", entry), " thought ", lanes[lane].window_mfn[w]);
                line[n++] = '\n';
                say_line(line, n);
            }
        }
}
void seal(struct lane *l, struct frame *f) {
    u64 *p = view(l, f, 1);
    for (u32 k = 0; k < 512; k++) p[k] = pattern(f->mfn, k);
    f->sealed = f->mfn;
    f->state = SEALED;
}
/* Checks the pattern of a sealed frame. This domain's own stale translations may write to a frame that was in a shared window, so only frames that
 * were not are sealed. */
void seal_check(struct lane *l, struct frame *f) {
    if (wild_permille) return;
    u64 *p = view(l, f, 0);
    for (u32 k = 0; k < 512; k++)
        if (p[k] != pattern(f->sealed, k)) {
            broken("sealed frame ", f->mfn, p[k]);
            u32 more = 0;
            for (u32 i = k; i < 512; i++) more += p[i] != pattern(f->sealed, i);
            say("FUZZ-NOTE words ", more);
            say("FUZZ-NOTE ref ", f->ref);
            where(l, f, k);
            f->state = DATA;
            return;
        }
}

/* A frame that Xen gives must be all zero, or else it would show what somebody had in it. */
void fresh_check(struct lane *l, u64 mfn) {
    if (wild_permille) return;
    u64 *p = view_mfn(l, mfn, 0);
    for (u32 k = 0; k < 512; k++)
        if (p[k]) {
            broken("fresh frame ", mfn, p[k]);
            for (u32 i = 0; i < FRAMES; i++) if (l->frames[i].mfn == mfn) where(l, &l->frames[i], k);
            return;
        }
}

/* The bits that the processor sets by itself: accessed and dirty, in descriptors accessed. */
static u64 silicon(struct frame *f) { return f->state == DESCRIPTORS ? 1ul << 40 : 0x60; }
static int is_xens(struct frame *f, u32 k) { return f->state == TABLE && f->level == 4 && k >= 256 && k < 272; }

void table_note(struct lane *l, struct frame *f) {
    u64 *p = view(l, f, 0), *s = shadow[l->id][index_of(l, f)];
    for (u32 k = 0; k < 512; k++) s[k] = p[k];
    if (f->loose == ONCE) f->loose = 0;
}
void table_check(struct lane *l, struct frame *f) {
    if (wild_permille) return;
    if (f->loose) {
        table_note(l, f);
        return;
    }
    u64 *p = view(l, f, 0), *s = shadow[l->id][index_of(l, f)], mask = ~silicon(f);
    for (u32 k = 0; k < 512; k++)
        if ((p[k] ^ s[k]) & mask && !is_xens(f, k)) {
            broken("table of level ", f->level, p[k]);
            where(l, f, k);
            f->loose = ONCE;
            return;
        }
}

void judge_some(struct lane *l) {
    struct frame *f = &l->frames[below(l, FRAMES)];
    if (f->state == SEALED) seal_check(l, f);
    else if (f->state == TABLE || f->state == DESCRIPTORS) table_check(l, f);
    else if (l->id == 0 && once_in(l, 16)) canaries_check();
}

/*
 * A domain that does nothing but judge: it takes frames, checks that they are empty, fills them, checks them again a little later and gives them
 * back. It gets frames that others have just given up, so it notices whoever still writes to them.
 */
void judge_domain(void) {
    enum { TAKEN = 64 };
    struct lane *l = &lanes[0];
    u64 list[TAKEN], round = 0;
    canaries_init();
    memory_give(TAKEN * 2);
    l->resume[0] = 0;
    for (;; round++) {
        for (u32 i = 0; i < TAKEN; i++) list[i] = start_info->nr_pages + i;
        struct memory_reservation r = {list, TAKEN, 0, 0, DOMID_SELF};
        s64 n = hypercall(HYPERVISOR_memory_op, XENMEM_populate_physmap, (u64)&r, 0, 0);
        for (s64 i = 0; i < n; i++) {
            u64 *p = map_frame(list[i], 1);
            for (u32 k = 0; k < 512; k++) if (p[k]) { broken("judge's fresh frame ", list[i], p[k]); break; }
            for (u32 k = 0; k < 512; k++) p[k] = pattern(list[i], k);
        }
        struct { u32 *ports; u32 nr; u64 timeout; } wait = {0, 0, in_ns(l, 3000000)};
        hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&wait, 0, 0);
        for (s64 i = 0; i < n; i++) {
            u64 *p = map_frame(list[i], 1);
            for (u32 k = 0; k < 512; k++) if (p[k] != pattern(list[i], k)) { broken("judge's frame ", list[i], p[k]); break; }
        }
        map_frame(mfn_of((void *)stacks[1]), 1);
        canaries_check();
        r.count = n > 0 ? n : 0;
        hypercall(HYPERVISOR_memory_op, XENMEM_decrease_reservation, (u64)&r, 0, 0);
        if (round % 16 == 0) say("FUZZ-JUDGED ", round);
    }
}
