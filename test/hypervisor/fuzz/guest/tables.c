/* Page tables in the vCPU's own frames. They are made, pinned, changed by hypercalls and by plain stores, put into the address space, and loaded
 * as CR3. */
#include "fuzz.h"

enum { ENTRY = 0x67, READ_ONLY = 0x65, USER_SLOTS = 256, NEVER_AN_ENTRY = 0x19 /* present, with cache attributes that a guest may not ask for */ };

s64 update(struct lane *l, u64 address, u64 value, u32 kind, u64 domid) {
    u64 *request = argument(l, 16);
    u32 *done = argument(l, 4);
    request[0] = address | kind;
    request[1] = value;
    return call(l, HV_mmu_update, kind, (u64)request, 1, once_in(l, 4) ? (u64)done : 0, domid);
}

s64 extended(struct lane *l, u32 cmd, u64 a, u64 b) {
    u64 *op = argument(l, 24);
    op[0] = cmd;
    op[1] = a;
    op[2] = b;
    return call(l, HV_mmuext_op, cmd, (u64)op, 1, 0, DOMID_SELF);
}

static struct frame *table_of(struct lane *l, u32 level) {
    u32 first = below(l, FRAMES);
    for (u32 i = 0; i < FRAMES; i++) {
        struct frame *f = &l->frames[(first + i) % FRAMES];
        if (f->state == TABLE && f->level == level) return f;
    }
    return NULL;
}

/* Returns an entry for a table of that level, or 0 if there is nothing to point to. Only frames that other vCPUs see anyway are mapped for
 * writing. */
static u64 entry_for(struct lane *l, u32 level) {
    struct frame *f = level == 1 ? frame_in(l, below(l, 8) ? DATA : GRANTED) : table_of(l, level - 1);
    if (!f) return 0;
    if (level > 1) return f->mfn << 12 | ENTRY;
    return f->mfn << 12 | (index_of(l, f) >= FRAMES / 3 && once_in(l, 6) ? ENTRY : READ_ONLY) | (once_in(l, 4) ? 0x200 : 0);
}

static void make(struct lane *l) {
    struct frame *f = frame_in(l, DATA);
    if (!f) return;
    u32 level = 1;
    while (level < 4 && table_of(l, level) && once_in(l, 2)) level++;
    u64 *p = view(l, f, 1);
    clear_bytes(p, PAGE);
    if (level == 4) {
        u64 *boot = (u64 *)start_info->pt_base;
        for (u32 k = 0; k < 512; k++)
            if ((k < 256 || k > 271) && (k < HOOK_SLOT || k >= HOOK_SLOT + LANES)) p[k] = boot[k];
    }
    for (u64 n = 1 + below(l, 12); n; n--) p[below(l, level == 4 ? USER_SLOTS : 512)] = entry_for(l, level);
    /* Makes a linear page table now and then. */
    if (level > 1 && once_in(l, 8)) p[below(l, USER_SLOTS)] = f->mfn << 12 | READ_ONLY;
    if (below(l, 16)) withdraw(l, f);
    if (extended(l, PIN_L1 + level - 1, f->mfn, 0)) return;
    f->state = TABLE;
    f->level = level;
    f->loose = ONCE;
    table_note(l, f);
}

static void let_go(struct lane *l, struct frame *f) {
    table_check(l, f);
    if (extended(l, UNPIN, f->mfn, 0)) return;
    f->state = DATA;
}

static void change(struct lane *l, struct frame *f) {
    u32 k = below(l, f->level == 4 ? USER_SLOTS : 512), kinds[] = {0, 0, 2, 3}, kind = kinds[below(l, 4)];
    u64 value = once_in(l, 3) ? 0 : entry_for(l, f->level), *s = &shadow[l->id][index_of(l, f)][k];
    s64 error = update(l, f->mfn << 12 | k * 8, value, kind, DOMID_SELF);
    u64 now = ((volatile u64 *)view(l, f, 0))[k];
    if (!wild_permille && !f->loose) {
        if (error ? (now ^ *s) & ~0x60ul : (value & 1) && (now ^ value) & 0xffffffffff003ul) broken("updated entry ", value, now);
    }
    *s = now;
}

/* Makes a plain store to a table that is mapped read-only. Xen executes the store if it allows it. */
static void write_plainly(struct lane *l, struct frame *f) {
    volatile u64 *p = view(l, f, 0) + below(l, 512);
    u64 value = once_in(l, 2) ? 0 : entry_for(l, 1), was;
    if (!f->loose) f->loose = ONCE;
    switch (below(l, 4)) {
    case 0: *p = value; break;
    case 1: asm volatile("xchgq %0, %1" : "=r"(was), "+m"(*p) : "0"(value) : "memory"); break;
    case 2: was = *p; __atomic_compare_exchange_n(p, &was, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); break;
    default: asm volatile("lock; btrq $1, %0" : "+m"(*p) :: "memory"); break;
    }
    /* The store has worked, or else the operation would have ended before this line. */
    count(l, HV_mmu_update, 5, 1);
}

static u64 hook_of(struct lane *l) { return mfn_of((void *)start_info->pt_base) << 12 | (HOOK_SLOT + l->id) * 8; }

static void hang(struct lane *l) {
    struct frame *f = table_of(l, 3);
    update(l, hook_of(l), f && below(l, 3) ? f->mfn << 12 | ENTRY : 0, 0, DOMID_SELF);
}

/* Accesses an address somewhere below a vCPU's tables, where there probably is something. */
static void walk(struct lane *l) {
    u32 lane = below(l, lane_count);
    u64 va = 0xffff000000000000ul | (u64)(HOOK_SLOT + lane) << 39;
    u64 *boot = (u64 *)start_info->pt_base;
    if (!(boot[HOOK_SLOT + lane] & 1)) return;
    struct lane *owner = &lanes[lane];
    for (u32 level = 3; level; level--) {
        /* The table's shadow says which entries are present. */
        u32 k = below(l, 512);
        struct frame *t = table_of(owner, level);
        if (t) {
            u64 *s = shadow[lane][index_of(owner, t)];
            for (u32 i = 0; i < 512 && !(s[k] & 1); i++) k = (k + 1) & 511;
        }
        va |= (u64)k << (12 + 9 * (level - 1));
    }
    volatile u64 *p = (u64 *)va + below(l, 512);
    /* A frame that is mapped read-only there may have become a page table. Then Xen executes the store if the entry is one that is allowed, and
     * this one is not. */
    if (once_in(l, 2)) *p = random64(l) | NEVER_AN_ENTRY;
    else (void)*p;
    count(l, HV_mmu_update, 6, 1);
}

static void flush(struct lane *l) {
    u64 *mask = argument(l, 8);
    *mask = below(l, 16);
    switch (below(l, 8)) {
    case 0: extended(l, 6, 0, 0); break;
    case 1: extended(l, 7, (u64)window_address(l, below(l, WINDOWS)), 0); break;
    case 2: extended(l, 8, 0, (u64)mask); break;
    case 3: extended(l, 9, (u64)window_address(l, below(l, WINDOWS)), (u64)mask); break;
    case 4: extended(l, 10, 0, 0); break;
    default: extended(l, 11, (u64)window_address(l, below(l, WINDOWS)), 0); break;
    }
}

static void whole_page(struct lane *l) {
    struct frame *f = frame_in(l, DATA), *g = frame_in(l, once_in(l, 2) ? SEALED : DATA);
    if (!f || !g) return;
    if (once_in(l, 8)) f = frame_in(l, TABLE) ?: f; /* Xen must refuse this */
    if (once_in(l, 2)) {
        if (!extended(l, 16, f->mfn, 0) && f->state == TABLE && !wild_permille) broken("table was cleared ", f->mfn, 0);
    } else extended(l, 17, f->mfn, g->mfn);
}

static void number_frame(struct lane *l) {
    struct frame *f = frame_in(l, below(l, 2) ? DATA : TABLE);
    if (f) update(l, f->mfn << 12, start_info->nr_pages - 1 - l->id * FRAMES - index_of(l, f), 1, DOMID_SELF);
}

void table_play(struct lane *l) {
    struct frame *f = frame_in(l, TABLE);
    switch (below(l, 16)) {
    case 0: case 1: case 2: case 3: make(l); break;
    case 4: case 5: if (f && index_of(l, f) + 1 != l->base_frame) let_go(l, f); break;
    case 6: case 7: case 8: if (f) change(l, f); break;
    case 9: case 10: f = table_of(l, 1); if (f) write_plainly(l, f); break;
    case 11: hang(l); break;
    case 12: walk(l); break;
    case 13: flush(l); break;
    case 14: whole_page(l); break;
    default: number_frame(l);
    }
}

/* Loads CR3 with tables of this vCPU, which may lose their pin meanwhile, and loads the boot tables again. Loads the user base too. */
void base_play(struct lane *l) {
    u64 boot = mfn_of((void *)start_info->pt_base);
    struct frame *f = table_of(l, 4);
    switch (below(l, 8)) {
    case 0: case 1: case 2:
        /* A table that still has the kernel's slot, because another vCPU may have written to the table before it was pinned. */
        if (!f || (shadow[l->id][index_of(l, f)][511] ^ ((u64 *)start_info->pt_base)[511]) & ~0x60ul) return;
        if (extended(l, NEW_BASEPTR, f->mfn, 0)) return;
        l->base_frame = index_of(l, f) + 1;
        if (once_in(l, 2)) let_go(l, f);
        if (once_in(l, 8)) return;
        for (u64 n = below(l, 4); n; n--) scribble(l);
        if (!extended(l, NEW_BASEPTR, boot, 0)) l->base_frame = 0;
        return;
    case 3: if (!extended(l, NEW_BASEPTR, boot, 0)) l->base_frame = 0; return;
    case 4: if (f) extended(l, NEW_USER_BASEPTR, f->mfn, 0); return;
    case 5: extended(l, NEW_USER_BASEPTR, once_in(l, 2) ? 0 : boot, 0); return;
    case 6: {
        /* A table of another level. A frame of plain data might be accepted, as a table that does not map the kernel. */
        struct frame *wrong = frame_in(l, TABLE);
        if (wrong && wrong->level != 4) extended(l, NEW_BASEPTR, wrong->mfn, 0);
        return;
    }
    default: {
        /* Loads CR3 by a MOV instruction, which Xen executes. */
        int own = f && once_in(l, 2) && !((shadow[l->id][index_of(l, f)][511] ^ ((u64 *)start_info->pt_base)[511]) & ~0x60ul);
        u64 value = (own ? f->mfn : boot) << 12;
        asm volatile("movq %0, %%cr3" :: "r"(value) : "memory");
        l->base_frame = own ? index_of(l, f) + 1 : 0;
    }
    }
}
