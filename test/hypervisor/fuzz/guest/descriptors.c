/* Descriptor tables: the vCPU makes a GDT and an LDT of its own frames and loads segments from them. */
#include "fuzz.h"

enum { LDT_WINDOW = PRIVATE - 1 };
static const u64 good[] = {0, 0x00cff3000000ffff, 0x00affb000000ffff, 0x00cffb000000ffff, 0x0000f30000000fff, 0x00cff1000000ffff, 0x1234};
static const u64 bad[] = {0x00008b0000000067, 0x0000e90000080000, 0x00efb8000000ffff, 0x0000820000000fff};

static void fill(struct lane *l, u64 *p) {
    for (u32 k = 0; k < 512; k++) p[k] = good[random64(l) % 7];
    if (once_in(l, 8)) p[below(l, 512)] = bad[below(l, 4)];
}

static void drop(struct lane *l, u32 *which) {
    if (*which) l->frames[*which - 1].state = DATA;
    *which = 0;
}

static void gdt(struct lane *l) {
    u64 *list = argument(l, 16);
    if (l->gdt_frame && once_in(l, 2)) {
        table_check(l, &l->frames[l->gdt_frame - 1]);
        if (!call(l, HV_set_gdt, 1, (u64)list, 0, 0, 0)) drop(l, &l->gdt_frame);
        return;
    }
    struct frame *f = frame_in(l, DATA);
    if (!f) return;
    fill(l, view(l, f, 1));
    if (below(l, 16)) withdraw(l, f);
    list[0] = f->mfn;
    if (call(l, HV_set_gdt, 0, (u64)list, 1 + below(l, 512), 0, 0)) return;
    drop(l, &l->gdt_frame);
    f->state = DESCRIPTORS;
    f->level = 0;
    f->loose = ONCE;
    l->gdt_frame = index_of(l, f) + 1;
    table_note(l, f);
}

static void ldt(struct lane *l) {
    void *at = window_address(l, LDT_WINDOW);
    if (l->ldt_frame && once_in(l, 2)) {
        /* The window may be taken away before the LDT is, because Xen holds the page. */
        if (once_in(l, 2)) window_set(l, LDT_WINDOW, 0, 0, below(l, 3));
        table_check(l, &l->frames[l->ldt_frame - 1]);
        if (!extended(l, SET_LDT, 0, 0)) drop(l, &l->ldt_frame);
        return;
    }
    if (l->ldt_frame) return;
    struct frame *f = frame_in(l, DATA);
    if (!f) return;
    fill(l, view(l, f, 1));
    withdraw(l, f);
    if (window_set(l, LDT_WINDOW, f->mfn, 0, 2) || extended(l, SET_LDT, (u64)at, 1 + below(l, 512))) return;
    f->state = DESCRIPTORS;
    f->level = 0;
    f->loose = ALWAYS; /* it becomes a page of descriptors only when it is first used */
    l->ldt_frame = index_of(l, f) + 1;
}

static void load(struct lane *l) {
    u16 selector = below(l, 512) << 3 | (l->ldt_frame && once_in(l, 2) ? 4 : 0) | 3;
    switch (below(l, 4)) {
    case 0: asm volatile("movw %0, %%ds" :: "r"(selector)); break;
    case 1: asm volatile("movw %0, %%es" :: "r"(selector)); break;
    case 2: asm volatile("movw %0, %%fs" :: "r"(selector)); break;
    default: call(l, HV_set_segment_base, 3, 3, selector, 0, 0); return;
    }
    count(l, HV_set_gdt, 2, 1);
    if (selector & 4 && l->ldt_frame) l->frames[l->ldt_frame - 1].loose = ONCE;
}

static void change(struct lane *l) {
    u32 which = once_in(l, 2) ? l->gdt_frame : l->ldt_frame, k = below(l, 512);
    struct frame *f = which ? &l->frames[which - 1] : frame_in(l, DATA);
    if (!f) return;
    u64 value = once_in(l, 6) ? bad[below(l, 4)] : good[below(l, 7)];
    s64 error = call(l, HV_update_descriptor, 0, f->mfn << 12 | k * 8, value, 0, 0);
    if (!error && value && (value >> 47 & 1) && !(value >> 44 & 1)) broken("system descriptor ", value, 0);
    if (f->state == DESCRIPTORS && !error) shadow[l->id][which - 1][k] = view(l, f, 0)[k];
}

void descriptor_play(struct lane *l) {
    switch (below(l, 8)) {
    case 0: case 1: gdt(l); break;
    case 2: case 3: ldt(l); break;
    case 4: case 5: load(l); break;
    case 6: change(l); break;
    default: {
        u64 base = once_in(l, 4) ? random64(l) : (u64)window_address(l, below(l, WINDOWS));
        u32 which = below(l, 3);
        call(l, HV_set_segment_base, which, which, base, 0, 0);
    }
    }
}
