/*
 * Grants. Each vCPU has references of its own in the domain's table: the first ones grant sealed frames for reading, and the others grant frames for
 * writing. The peers use the same references, so each domain maps and copies by guess what the others most probably grant.
 */
#include "fuzz.h"

enum { MAP = 0, UNMAP = 1, SETUP = 2, DUMP = 3, TRANSFER = 4, COPY = 5, QUERY = 6, REPLACE = 7, SET_VERSION = 8, STATUS = 9, GET_VERSION = 10,
       SWAP = 11, CACHE = 12 };
enum { PERMIT = 1, TRANSITIVE = 3, READ_ONLY = 4, IN_USE = 24, SUB_PAGE = 256 };
enum { DEVICE_MAP = 1, HOST_MAP = 2, MAP_READ_ONLY = 4, APPLICATION = 8, CONTAINS_PTE = 16 };
enum { TABLE_FRAMES = 2, ENTRIES_V2 = TABLE_FRAMES * 256 };

struct v1 { u16 flags, domid; u32 frame; };
struct v2 { u16 flags, domid; u16 offset, length; u64 frame; };
static u8 table[TABLE_FRAMES][PAGE] __attribute__((aligned(4096), section(".bss.page")));
static u8 status[PAGE] __attribute__((aligned(4096), section(".bss.page")));
static volatile u32 version = 1;

/*
 * Which vCPUs are writing entries just now, and the number, plus 1, of the one that is changing the version, which they are not to do meanwhile: a vCPU
 * that stopped in the middle of an entry of one version would write it over entries of the other, and so grant frames that nobody chose for writing.
 * Nobody waits: an operation that may not begin is left out. A trap ends it, and the next operation begins with none (grants_begin).
 */
static volatile u32 writing[LANES], alone;
static int begin_writing(void) {
    u32 id = self()->id;
    writing[id] = 1;
    fence();
    if (!alone) return 1;
    writing[id] = 0;
    return 0;
}
static void end_writing(void) { writing[self()->id] = 0; }
static void end_alone(void) { __atomic_store_n(&alone, 0, __ATOMIC_SEQ_CST); }
static int begin_alone(void) {
    u32 none = 0;
    if (!__atomic_compare_exchange_n(&alone, &none, self()->id + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return 0;
    for (u32 i = 0; i < lane_count; i++)
        if (writing[i]) {
            end_alone();
            return 0;
        }
    return 1;
}
void grants_begin(struct lane *l) {
    end_writing();
    if (alone == l->id + 1) end_alone();
}

struct map { u64 host; u32 flags, ref; u16 domid; short status; u32 handle; u64 bus; };
struct unmap { u64 host, bus; u32 handle; short status; };
struct replace { u64 host, new; u32 handle; short status; };
struct copy_side { u64 what; u16 domid, offset, pad[2]; };
struct copy { struct copy_side from, to; u16 length, flags; short status; };
struct setup { u16 domid; u32 frames; short status; u64 *list; };

/*
 * What is mapped, by the window of a lane. Only that lane maps there, but any vCPU may unmap it or replace it. A vCPU that replaces it counts in
 * `replacing` before its call and in `replaced` after it. While the two differ, a frame of this domain may appear in the window, because handles are
 * used again.
 */
static struct mapped { volatile u32 used, flags, replacing, replaced; u32 handle; u64 address, bus; } mapped[LANES][MAPS];

static struct v1 *v1(u32 ref) { return (struct v1 *)table + ref; }
static struct v2 *v2(u32 ref) { return (struct v2 *)table + ref; }

static void show_table(void) {
    static u64 list[TABLE_FRAMES];
    static struct setup s;
    s = (struct setup){DOMID_SELF, TABLE_FRAMES, 0, list};
    s64 error = hypercall(HV_grant_table_op, SETUP, (u64)&s, 1, 0);
    count(&lanes[0], HV_grant_table_op, SETUP, !error && !s.status);
    for (u32 i = 0; i < TABLE_FRAMES; i++)
        hypercall(HYPERVISOR_update_va_mapping, (u64)table[i], list[i] << 12 | 0x63, 6, 0);
}
static void show_status(void) {
    static u64 list[1];
    struct { u32 frames; u16 domid; short status; u64 *list; } s = {1, DOMID_SELF, 0, list};
    hypercall(HV_grant_table_op, STATUS, (u64)&s, 1, 0);
    if (!s.status) hypercall(HYPERVISOR_update_va_mapping, (u64)status, list[0] << 12 | 0x63, 6, 0);
}
/* Its window shows a page of this domain. */
static void hide_status(void) { hypercall(HYPERVISOR_update_va_mapping, (u64)status, mfn_of(status) << 12 | 0x63, 6, 0); }
void grants_init(void) { show_table(); }

void grants_suspend(struct lane *l) {
    for (u32 lane = 0; lane < LANES; lane++)
        for (u32 k = 0; k < MAPS; k++) {
            struct mapped *m = &mapped[lane][k];
            if (!m->used) continue;
            struct unmap *op = argument(l, sizeof *op);
            *op = (struct unmap){m->flags & HOST_MAP ? m->address : 0, m->flags & DEVICE_MAP ? m->bus : 0, m->handle, -100};
            hypercall(HV_grant_table_op, UNMAP, (u64)op, 1, 0);
            m->used = 0;
        }
    /* The windows of the table show pages of this domain, as nothing but its own memory can be copied. */
    for (u32 i = 0; i < TABLE_FRAMES; i++) hypercall(HYPERVISOR_update_va_mapping, (u64)table[i], mfn_of(table[i]) << 12 | 0x63, 6, 0);
    hide_status();
}
void grants_resume(int is_copy) {
    if (is_copy) version = 1;
    show_table();
    if (version == 2) show_status();
}

static u32 reference(struct lane *l, u32 n) { return FIRST_REF + l->id * REFS + n; }
static int in_use(u32 ref) {
    if (version == 1) return v1(ref)->flags & IN_USE;
    return ((u16 *)status)[ref] & IN_USE;
}
int grant_in_use(struct lane *l, struct frame *f) {
    (void)l;
    return f->ref && in_use(f->ref);
}

/*
 * Takes an entry back. Returns false if a peer uses it. Xen may be marking the entry at this moment. One that is used for reading goes on allowing no
 * writing while this looks: Xen asks only that of an entry that is in use. Only a vCPU that has begun to write entries may call this.
 */
static int take_back(u32 ref) {
    if (version == 1) {
        u16 flags = v1(ref)->flags;
        return !(flags & IN_USE) && __atomic_compare_exchange_n(&v1(ref)->flags, &flags, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    u16 flags = v2(ref)->flags;
    v2(ref)->flags = flags & READ_ONLY;
    fence();
    if (!in_use(ref)) return 1;
    v2(ref)->flags = flags;
    return 0;
}

/*
 * The frame goes away, so nobody may begin to use its grant any more. Returns false if a peer may be writing to the frame just now: then this domain
 * must not get its number again, because an active grant goes on meaning that number, whatever the frame is by then. (A reader may go on, which does
 * no harm.)
 */
int grant_end(struct frame *f) {
    if (!f->ref) return 1;
    if (!begin_writing()) return 0;
    int ended = 1;
    if (f->state == GRANTED) ended = take_back(f->ref) || wild_permille;
    else if (version == 1) __atomic_and_fetch(&v1(f->ref)->flags, IN_USE | READ_ONLY, __ATOMIC_SEQ_CST);
    else v2(f->ref)->flags &= READ_ONLY;
    if (ended) f->ref = 0;
    end_writing();
    return ended;
}

static void write_entry(struct lane *l) {
    u32 n = below(l, REFS), ref = reference(l, n), sealed = n < SEALED_REFS;
    if (!take_back(ref)) return;
    /* Whatever the vCPU granted is not granted any more. */
    for (u32 i = 0; i < FRAMES; i++)
        if (l->frames[i].ref == ref) {
            l->frames[i].ref = 0;
            if (l->frames[i].state == GRANTED) l->frames[i].state = DATA;
        }
    struct frame *f = frame_in(l, sealed ? SEALED : once_in(l, 8) ? TABLE : DATA);
    if (!f || f->ref) return;
    u16 flags = PERMIT | (sealed || f->state == TABLE ? READ_ONLY : 0);
    if (version == 1) {
        v1(ref)->domid = some_peer(l);
        v1(ref)->frame = f->mfn;
        barrier();
        v1(ref)->flags = flags;
    } else {
        v2(ref)->domid = some_peer(l);
        v2(ref)->frame = f->mfn;
        v2(ref)->offset = below(l, 4096);
        v2(ref)->length = 64 + below(l, 4032); /* to a reader of version 1 entries this would be a frame that is not ours */
        if (once_in(l, 6)) flags |= SUB_PAGE;
        if (once_in(l, 8) && !sealed) {
            /* A peer may get back through this domain what it grants to it. */
            flags = TRANSITIVE;
            v2(ref)->offset = some_peer(l);
            v2(ref)->frame = FIRST_REF + below(l, LANES * REFS);
        }
        barrier();
        v2(ref)->flags = flags;
    }
    f->ref = ref;
    if (f->state == DATA) f->state = GRANTED;
}

static void grant(struct lane *l) {
    if (!begin_writing()) return;
    write_entry(l);
    end_writing();
}

static void revoke(struct lane *l) {
    struct frame *f = frame_in(l, below(l, 3) ? GRANTED : SEALED);
    if (!f || !f->ref || !begin_writing()) return;
    int taken = take_back(f->ref);
    end_writing();
    if (!taken) return;
    f->ref = 0;
    if (f->state == GRANTED) f->state = DATA;
    else seal_check(l, f);
}

static void set_version(struct lane *l) {
    if (!begin_alone()) return;
    u32 *wanted = argument(l, 4);
    *wanted = once_in(l, 3) ? 3 - version : version;
    u32 want = *wanted;
    /* The version can't be set back to 1 while a status frame is mapped. */
    if (want == 1 && version == 2) hide_status();
    s64 error = call(l, HV_grant_table_op, SET_VERSION, SET_VERSION, (u64)wanted, 1, 0);
    /* With another version all entries are gone. */
    if (!error && (want == 1 || want == 2)) version = want;
    if (version == 2) show_status();
    end_alone();
}

static void ask(struct lane *l) {
    u64 *a = argument(l, 32);
    s64 error;
    switch (below(l, 8)) {
    case 0:
        *a = DOMID_SELF;
        error = call_raw(l, HV_grant_table_op, QUERY, (u64)a, 1, 0);
        count(l, HV_grant_table_op, QUERY, !error && !((short *)a)[6]);
        break;
    case 1: *a = once_in(l, 4) ? some_peer(l) : DOMID_SELF; call(l, HV_grant_table_op, GET_VERSION, GET_VERSION, (u64)a, 1, 0); break;
    case 2: *a = DOMID_SELF; if (once_in(l, 64)) call(l, HV_grant_table_op, DUMP, DUMP, (u64)a, 1, 0); break;
    case 3: set_version(l); break;
    case 4: {
        u32 x = reference(l, SEALED_REFS + below(l, REFS - SEALED_REFS)), y = reference(l, SEALED_REFS + below(l, REFS - SEALED_REFS));
        struct { u32 a, b; short status; } *s = argument(l, 12);
        s->a = x, s->b = y;
        error = call_raw(l, HV_grant_table_op, SWAP, (u64)s, 1, 0);
        int swapped = !error && !s->status && x != y;
        count(l, HV_grant_table_op, SWAP, !error && !s->status);
        for (u32 i = 0; swapped && i < FRAMES; i++)
            l->frames[i].ref = l->frames[i].ref == x ? y : l->frames[i].ref == y ? x : l->frames[i].ref;
        break;
    }
    case 5:
        a[0] = mfn_of(windows) << 12;
        a[1] = below(l, 64) | (64ul << 16) | (u64)below(l, 4) << 32;
        ((u16 *)a)[4] = below(l, 2048), ((u16 *)a)[5] = below(l, 2048), ((u32 *)a)[3] = 1;
        call(l, HV_grant_table_op, CACHE, CACHE, (u64)a, 1, 0);
        break;
    case 6: {
        struct { u64 mfn; u16 domid; u32 ref; short status; } *t = argument(l, 24);
        struct frame *f = frame_in(l, DATA);
        if (!f) return;
        t->mfn = f->mfn, t->domid = some_peer(l), t->ref = FIRST_REF;
        call(l, HV_grant_table_op, TRANSFER, TRANSFER, (u64)t, 1, 0);
        break;
    }
    default: {
        struct { u32 frames; u16 domid; short status; u64 *list; } *s = argument(l, 16);
        u64 *list = argument(l, 16);
        s->frames = 1, s->domid = DOMID_SELF, s->list = list;
        error = call_raw(l, HV_grant_table_op, STATUS, (u64)s, 1, 0);
        count(l, HV_grant_table_op, STATUS, !error && !s->status);
    }
    }
}

void grant_play(struct lane *l) {
    u64 n = below(l, 16);
    if (n < 9) grant(l);
    else if (n < 13) revoke(l);
    else ask(l);
}

static u32 guess(struct lane *l) { return FIRST_REF + below(l, LANES * REFS); }

/* Returns the machine address of an L1 entry of this vCPU, for a grant to be put into. */
static u64 entry_address(struct lane *l) {
    for (u32 i = 0; i < FRAMES; i++) {
        struct frame *f = &l->frames[i];
        if (f->state != TABLE || f->level != 1) continue;
        f->loose = ALWAYS; /* the vCPU that unmaps the grant changes it */
        return f->mfn << 12 | below(l, 512) * 8;
    }
    return 0;
}

static void map(struct lane *l) {
    u32 k = below(l, MAPS);
    struct mapped *m = &mapped[l->id][k];
    if (m->used) return;
    u32 flags = HOST_MAP | (once_in(l, 4) ? DEVICE_MAP : 0) | (once_in(l, 2) ? MAP_READ_ONLY : 0) | (once_in(l, 4) ? APPLICATION : 0);
    if (once_in(l, 16)) flags = DEVICE_MAP | (flags & MAP_READ_ONLY);
    u64 address = (u64)window_address(l, PRIVATE + SHARED + k);
    if (once_in(l, 8)) {
        u64 entry = entry_address(l);
        if (entry) address = entry, flags |= CONTAINS_PTE;
    }
    u32 replacing = m->replacing, judged = !wild_permille && m->replaced == replacing;
    barrier();
    struct map *op = argument(l, sizeof *op);
    *op = (struct map){address, flags, guess(l), some_peer(l), -100, ~0u, 0};
    s64 error = call_raw(l, HV_grant_table_op, MAP, (u64)op, 1, 0);
    int ok = !error && !op->status;
    count(l, HV_grant_table_op, MAP, ok);
    if (!ok) return;
    m->flags = flags;
    m->handle = op->handle;
    m->address = address;
    m->bus = op->bus;
    barrier();
    m->used = 1;
    if (flags & CONTAINS_PTE || !(flags & HOST_MAP)) return;
    volatile u64 *p = (u64 *)address + below(l, 512);
    /* Without this the window's translation may still lead to the frame it showed before, which is ours. */
    extended(l, 7, address, 0);
    if (flags & MAP_READ_ONLY && below(l, 4)) (void)*p;
    else {
        *p = random64(l);
        barrier();
        if (flags & MAP_READ_ONLY && judged && m->replacing == replacing) broken("wrote to a read-only grant ", op->ref, flags);
    }
}

static void unmap(struct lane *l) {
    u32 lane = once_in(l, 4) ? below(l, lane_count) : l->id;
    struct mapped *m = &mapped[lane][below(l, MAPS)];
    if (!m->used) return;
    u32 handle = m->handle, flags = m->flags;
    int half = once_in(l, 6);
    if (!half && !(flags & CONTAINS_PTE) && flags & HOST_MAP && once_in(l, 4)) {
        struct frame *f = frame_in(l, DATA);
        u32 window = PRIVATE; /* a shared window of this vCPU: its frame goes to the place where the grant was */
        if (!f || index_of(l, f) < FRAMES / 3 || window_set(l, window, f->mfn, 1, 0)) return;
        struct replace *r = argument(l, sizeof *r);
        *r = (struct replace){m->address, (u64)window_address(l, window), handle, -100};
        __atomic_add_fetch(&m->replacing, 1, __ATOMIC_SEQ_CST);
        s64 error = call_raw(l, HV_grant_table_op, REPLACE, (u64)r, 1, 0);
        int ok = !error && !r->status;
        __atomic_add_fetch(&m->replaced, 1, __ATOMIC_SEQ_CST);
        count(l, HV_grant_table_op, REPLACE, ok);
        /* Our frame is in a window for grants now. The next map there takes it out. */
        if (ok) l->window_mfn[window] = 0;
        if (ok && !(flags & DEVICE_MAP)) m->used = 0;
        return;
    }
    struct unmap *op = argument(l, sizeof *op);
    *op = (struct unmap){flags & HOST_MAP ? m->address : 0, flags & DEVICE_MAP ? m->bus : 0, handle, -100};
    if (half && op->host && op->bus) *(once_in(l, 2) ? &op->host : &op->bus) = 0;
    int whole = !half || !((flags & HOST_MAP) && (flags & DEVICE_MAP));
    s64 error = call_raw(l, HV_grant_table_op, UNMAP, (u64)op, 1, 0);
    count(l, HV_grant_table_op, UNMAP, !error && !op->status);
    if (error) return;
    /* A mapping that was replaced, or whose table is gone, cannot be unmapped any more, so it is forgotten now and then. */
    if ((op->status == 0 && whole) || (op->status && once_in(l, 4))) m->used = 0;
}

static void copy(struct lane *l) {
    struct frame *f = frame_in(l, DATA), *g = frame_in(l, DATA);
    if (!f || !g) return;
    struct copy *c = argument(l, sizeof *c);
    u32 kind = below(l, 4);
    u16 from = below(l, 4096), to = below(l, 4096), most = 4096 - (from > to ? from : to);
    if (once_in(l, 8)) from = to = 0, most = 4096;
    *c = (struct copy){{f->mfn, DOMID_SELF, from, {0}}, {g->mfn, DOMID_SELF, to, {0}}, once_in(l, 4) ? most : below(l, most + 1), kind & 3, -100};
    if (once_in(l, 8)) c->length = 4097 - (from > to ? from : to);
    if (kind & 1) c->from.what = guess(l), c->from.domid = some_peer(l);
    if (kind & 2) c->to.what = guess(l), c->to.domid = some_peer(l);
    s64 error = call_raw(l, HV_grant_table_op, COPY, (u64)c, 1, 0);
    count(l, HV_grant_table_op, COPY, !error && !c->status);
    count(l, HV_grant_table_op, 16 + kind, !error && !c->status);
    if (!error && !c->status && !wild_permille && ((u32)c->from.offset + c->length > 4096 || (u32)c->to.offset + c->length > 4096))
        broken("copied beyond a frame ", c->from.offset, c->length);
}

void map_play(struct lane *l) {
    u64 n = below(l, 8);
    if (n < 4) map(l);
    else if (n < 6) unmap(l);
    else copy(l);
}
