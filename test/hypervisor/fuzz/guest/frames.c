/* The frames of a vCPU, and the windows that show them. */
#include "fuzz.h"

u8 windows[LANES][WINDOWS][PAGE] __attribute__((aligned(4096), section(".bss.page")));

enum { NO_FLUSH = 0, TLB_FLUSH_LOCAL = 1, INVLPG_LOCAL = 2, TLB_FLUSH_ALL = 5, INVLPG_ALL = 6 };

static const u8 kinds[] = {NO_FLUSH, NO_FLUSH, NO_FLUSH, INVLPG_LOCAL, TLB_FLUSH_LOCAL, INVLPG_ALL, TLB_FLUSH_ALL, NO_FLUSH};

void frames_init(struct lane *l) {
    for (u32 i = 0; i < FRAMES; i++) l->frames[i] = (struct frame){p2m[start_info->nr_pages - 1 - l->id * FRAMES - i], 0, DATA, 0, 0, 0};
}

struct frame *frame_in(struct lane *l, enum state state) {
    u32 first = below(l, FRAMES);
    for (u32 i = 0; i < FRAMES; i++) {
        struct frame *f = &l->frames[(first + i) % FRAMES];
        if (f->state == state) return f;
    }
    return NULL;
}

s64 window_set(struct lane *l, u32 window, u64 mfn, int writable, u32 flush) {
    u64 entry = mfn ? mfn << 12 | (writable ? 0x63 : 0x61) : 0;
    s64 error = call(l, once_in(l, 64) ? HV_update_va_mapping_otherdomain : HYPERVISOR_update_va_mapping, 0, (u64)window_address(l, window),
                     entry, flush, DOMID_SELF);
    if (!error) l->window_mfn[window] = mfn, l->window_writable[window] = writable;
    return error;
}

u64 *view_mfn(struct lane *l, u64 mfn, int writable) {
    u32 window = 1 + l->turn++ % (PRIVATE - 3);
    if (window_set(l, window, mfn, writable, INVLPG_LOCAL)) next_operation(l);
    return window_address(l, window);
}
u64 *view(struct lane *l, struct frame *f, int writable) { return view_mfn(l, f->mfn, writable); }

void withdraw(struct lane *l, struct frame *f) {
    for (u32 w = 0; w < PRIVATE + SHARED; w++) {
        if (l->window_mfn[w] != f->mfn) continue;
        /* The window's entry is changed by its table or by its address, to nothing or to another frame. These are all the ways in which a mapping
         * ends. */
        struct frame *other = once_in(l, 3) ? frame_in(l, DATA) : NULL;
        if (other && other != f && (w < PRIVATE || index_of(l, other) >= FRAMES / 3)) window_set(l, w, other->mfn, once_in(l, 2), kinds[below(l, 8)]);
        if (l->window_mfn[w] == f->mfn) window_set(l, w, 0, 0, kinds[below(l, 8)]);
    }
}

/* Reads and writes what the shared windows of another vCPU show, by whatever translation this pCPU has. */
void scribble(struct lane *l) {
    struct lane *other = &lanes[below(l, lane_count)];
    u32 window = below(l, 4) ? PRIVATE + below(l, SHARED) : PRIVATE + SHARED + below(l, MAPS);
    volatile u64 *p = window_address(other, window);
    u32 at = below(l, 512), n = 1 + below(l, 16);
    u64 value = random64(l);
    /* In a page table a forged entry does the most harm. */
    if (once_in(l, 2)) value = (value & 0x1ffff) << 12 | 0x67;
    for (u32 i = 0; i < n; i++) {
        if (below(l, 4)) p[(at + i) & 511] = value;
        else value ^= p[(at + i) & 511];
    }
}

/* Puts another frame, or none, into a shared window. */
void window_play(struct lane *l) {
    u32 window = PRIVATE + below(l, SHARED);
    struct frame *f = once_in(l, 4) ? NULL : frame_in(l, once_in(l, 8) ? GRANTED : DATA);
    if (f && index_of(l, f) < FRAMES / 3) f = NULL; /* the first third is never shown to others, because it is what gets sealed */
    window_set(l, window, f ? f->mfn : 0, below(l, 4) != 0, kinds[below(l, 8)]);
    if (f && once_in(l, 2)) {
        volatile u64 *p = window_address(l, window);
        p[below(l, 512)] = random64(l);
    }
}
