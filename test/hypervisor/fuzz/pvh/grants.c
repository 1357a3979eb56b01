/* This domain grants its places to the peers, and maps frames of the peers at places of its own. See also ../guest/grants.c. */
#include "fuzz.h"

enum { MAP = 0, UNMAP = 1, SETUP = 2, COPY = 5, QUERY = 6, REPLACE = 7, SET_VERSION = 8, STATUS = 9, GET_VERSION = 10, SWAP = 11, CACHE = 12 };
enum { PERMIT = 1, TRANSITIVE = 3, READ_ONLY = 4, IN_USE = 24, SUB_PAGE = 256 };
/* This is XENMAPIDX_grant_table_status. */
#define STATUS_FRAME 0x80000000ul
enum { DEVICE_MAP = 1, HOST_MAP = 2, MAP_READ_ONLY = 4 };

struct v1 { u16 flags, domid; u32 frame; };
struct v2 { u16 flags, domid, offset, length; u64 frame; };
struct map_grant { u64 host; u32 flags, ref; u16 domid; short status; u32 handle; u64 bus; };
struct unmap_grant { u64 host, bus; u32 handle; short status; };
struct side { u64 what; u16 domid, offset, pad[2]; };
struct copy { struct side from, to; u16 length, flags; short status; };

/* The table may be moved at any time. Entries that are written where it was before are lost. */
static volatile u64 table_at;
static volatile u32 version = 1;
static struct v1 *v1(u32 ref) { return (struct v1 *)(table_at * PAGE) + ref; }
static struct v2 *v2(u32 ref) { return (struct v2 *)(table_at * PAGE) + ref; }
static u16 in_use(u32 ref) { return *((volatile u16 *)(STATUS_PLACE * PAGE) + ref) & IN_USE; }

/*
 * How many vCPUs are writing entries just now; -1 while one moves the table or changes its version. Without this, an entry of one version that is
 * written over entries of the other would grant frames that nobody chose, canaries too, and an entry that is taken back at the place where the table
 * was would still be in the table. Nobody waits: an operation that may not begin is left out.
 */
static s32 writers;
static int begin_writing(void)
{
    s32 n = __atomic_load_n(&writers, __ATOMIC_SEQ_CST);
    return n >= 0 && __atomic_compare_exchange_n(&writers, &n, n + 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
static void end_writing(void) { __atomic_sub_fetch(&writers, 1, __ATOMIC_SEQ_CST); }
static int begin_alone(void)
{
    s32 none = 0;
    return __atomic_compare_exchange_n(&writers, &none, -1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
static void end_alone(void) { __atomic_store_n(&writers, 0, __ATOMIC_SEQ_CST); }

static void show_table(struct lane *l, u64 gfn)
{
    if (!begin_alone()) return;
    struct add_to_physmap *a = argument(l, sizeof *a);
    *a = (struct add_to_physmap){ SELF, 0, SPACE_GRANT_TABLE, 0, gfn };
    if (!call(l, MEMORY_OP, 25, MEM_ADD_TO_PHYSMAP, (u64)a, 0)) table_at = gfn;
    end_alone();
}
/* Version 1 has no status frames. */
static void show_status(struct lane *l)
{
    struct add_to_physmap *a = argument(l, sizeof *a);
    *a = (struct add_to_physmap){ SELF, 0, SPACE_GRANT_TABLE, STATUS_FRAME, STATUS_PLACE };
    call(l, MEMORY_OP, 27, MEM_ADD_TO_PHYSMAP, (u64)a, 0);
}
void grants_init(void)
{
    table_at = TABLE_PLACE;
    show_table(&lanes[0], TABLE_PLACE);
}

/* The domain whose table is shown. */
static u32 shown_of;
void grants_lost(struct lane *l)
{
    for (u32 i = 0; i < MAPS; i++) l->maps[i].used = 0;
    for (u32 i = 0; i < PLACES; i++)
        if (l->places[i].state == GRANTED) l->places[i].state = DATA, l->places[i].ref = 0;
    u32 before = shown_of;
    if (before == l->domid || !__atomic_compare_exchange_n(&shown_of, &before, l->domid, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
    /* A new table is of version 1. Whoever was writing an entry of the other version in it grants nothing that there is. */
    version = 1;
    show_table(l, TABLE_PLACE);
}

/* Takes an entry back. Returns false if a peer uses it. Xen may be marking the entry at this moment. One that is used for reading goes on allowing no
 * writing while this looks: Xen asks only that of an entry that is in use. Only a vCPU that has begun to write entries may call this. */
static int take_back(u32 ref)
{
    if (version == 1) {
        u16 flags = v1(ref)->flags;
        return !(flags & IN_USE) && __atomic_compare_exchange_n(&v1(ref)->flags, &flags, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    u16 flags = __atomic_fetch_and(&v2(ref)->flags, READ_ONLY, __ATOMIC_SEQ_CST);
    if (!in_use(ref)) return 1;
    v2(ref)->flags = flags;
    return 0;
}
int grant_end(struct lane *l, u32 place)
{
    struct place *p = &l->places[place];
    if (p->state != GRANTED) return 1;
    if (!begin_writing()) return 0;
    int taken = take_back(p->ref);
    end_writing();
    if (!taken && !wild_permille) return 0;
    p->state = DATA;
    p->ref = 0;
    return 1;
}

static u32 guess(struct lane *l) { return FIRST_REF + below(l, LANES * REFS); }

static void grant(struct lane *l)
{
    u32 ref = FIRST_REF + l->id * REFS + below(l, REFS);
    for (u32 i = 0; i < PLACES; i++)
        if (l->places[i].state == GRANTED && l->places[i].ref == ref && !grant_end(l, i)) return;
    s32 place = place_in(l, DATA, 0);
    if (place < 0) return;
    if (!begin_writing()) return;
    u16 flags = PERMIT | (once_in(l, 3) ? READ_ONLY : 0);
    if (version == 1) {
        v1(ref)->domid = some_peer(l);
        v1(ref)->frame = gfn_of(l, place);
        asm volatile("" ::: "memory");
        v1(ref)->flags = flags;
    } else {
        struct v2 *e = v2(ref);
        e->domid = some_peer(l);
        e->frame = gfn_of(l, place);
        e->offset = below(l, 4096);
        e->length = 64 + below(l, 4032);
        if (once_in(l, 6)) flags |= SUB_PAGE;
        if (once_in(l, 8)) {
            /* A peer, or the other peer, may get through this domain what a peer grants to it. */
            flags = TRANSITIVE;
            e->offset = some_peer(l);
            e->frame = guess(l);
        }
        asm volatile("" ::: "memory");
        e->flags = flags;
    }
    end_writing();
    l->places[place].state = GRANTED;
    l->places[place].ref = ref;
}

static void map(struct lane *l)
{
    u32 k = below(l, MAPS);
    struct map *m = &l->maps[k];
    if (m->used) return;
    struct map_grant *op = argument(l, sizeof *op);
    u32 flags = HOST_MAP | (once_in(l, 2) ? MAP_READ_ONLY : 0) | (once_in(l, 32) ? DEVICE_MAP : 0);
    volatile u64 *page = (volatile u64 *)(MAP_PLACE(l->id, k) * PAGE);
    *op = (struct map_grant){ (u64)page, flags, guess(l), some_peer(l), -100, ~0u, 0 };
    s64 error = call_raw(l, GRANT_TABLE_OP, MAP, (u64)op, 1);
    int ok = !error && !op->status;
    count(l, GRANT_TABLE_OP, MAP, ok);
    if (!ok) return;
    *m = (struct map){ op->handle, 1, flags };
    page += below(l, 512);
    if (flags & MAP_READ_ONLY && below(l, 4)) {
        (void)*page;
        return;
    }
    *page = random64(l);
    /* One that was mapped in the original is not there in a copy. */
    if (flags & MAP_READ_ONLY && !wild_permille && l->domid == own_domid()) broken("wrote to a read-only grant", op->ref, flags);
}
static void unmap(struct lane *l)
{
    u32 k = below(l, MAPS);
    struct map *m = &l->maps[k];
    if (!m->used) return;
    struct unmap_grant *op = argument(l, sizeof *op);
    *op = (struct unmap_grant){ MAP_PLACE(l->id, k) * PAGE, 0, m->handle, -100 };
    if (once_in(l, 8)) op->host = gfn_of(l, below(l, PLACES)) * PAGE;
    s64 error = call_raw(l, GRANT_TABLE_OP, UNMAP, (u64)op, 1);
    count(l, GRANT_TABLE_OP, UNMAP, !error && !op->status);
    if (!error && (!op->status || once_in(l, 8))) m->used = 0;
}
/* Copies between places that are not private and frames that the peers grant. */
static void copy(struct lane *l)
{
    s32 f = place_in(l, DATA, 0), g = place_in(l, DATA, 0);
    if (f < 0 || g < 0) return;
    struct copy *c = argument(l, sizeof *c);
    u32 kind = below(l, 4);
    u16 from = below(l, 4096), to = below(l, 4096), most = 4096 - (from > to ? from : to);
    *c = (struct copy){ { gfn_of(l, f), SELF, from, { 0 } }, { gfn_of(l, g), SELF, to, { 0 } }, below(l, most + 1), kind, -100 };
    if (once_in(l, 8)) c->length = most + 1;
    if (kind & 1) c->from.what = guess(l), c->from.domid = some_peer(l);
    if (kind & 2) c->to.what = guess(l), c->to.domid = some_peer(l);
    s64 error = call_raw(l, GRANT_TABLE_OP, COPY, (u64)c, 1);
    count(l, GRANT_TABLE_OP, COPY, !error && !c->status);
    count(l, GRANT_TABLE_OP, 16 + kind, !error && !c->status);
    if (!error && !c->status && !wild_permille && (u32)(from > to ? from : to) + c->length > 4096) broken("copied beyond a frame", from, to);
}

/* Changes the version. All entries are gone after it, also those which a vCPU still believes it has granted. */
static void set_version(struct lane *l)
{
    if (!begin_alone()) return;
    u32 *wanted = argument(l, 4), want = once_in(l, 3) ? 3 - version : version;
    struct { u16 domid; u64 gfn; } *r = argument(l, sizeof *r);
    *wanted = want;
    /* The version cannot be set back to 1 while a status frame is mapped. */
    r->domid = SELF, r->gfn = STATUS_PLACE;
    if (want == 1 && version == 2) call(l, MEMORY_OP, MEM_REMOVE_FROM_PHYSMAP, MEM_REMOVE_FROM_PHYSMAP, (u64)r, 0);
    s64 error = call(l, GRANT_TABLE_OP, SET_VERSION, SET_VERSION, (u64)wanted, 1);
    if (!error) version = want;
    if (version == 2) show_status(l);
    end_alone();
}

static void ask(struct lane *l)
{
    u64 *a = argument(l, 32);
    s64 error;
    switch (below(l, 8)) {
    case 0:
        *a = SELF;
        error = call_raw(l, GRANT_TABLE_OP, QUERY, (u64)a, 1);
        count(l, GRANT_TABLE_OP, QUERY, !error && !((short *)a)[6]);
        break;
    case 1: *a = once_in(l, 2) ? some_peer(l) : SELF; call(l, GRANT_TABLE_OP, GET_VERSION, GET_VERSION, (u64)a, 1); break;
    case 2: {
        struct { u16 domid; u32 frames; short status; u64 *list; } *s = argument(l, 24);
        s->domid = SELF, s->frames = 1 + below(l, 4), s->list = argument(l, 64);
        error = call_raw(l, GRANT_TABLE_OP, SETUP, (u64)s, 1);
        count(l, GRANT_TABLE_OP, SETUP, !error && !s->status);
        break;
    }
    case 3: {
        /* References that nobody uses. */
        struct { u32 a, b; short status; } *s = argument(l, 12);
        s->a = 200 + below(l, 8), s->b = 200 + below(l, 8);
        error = call_raw(l, GRANT_TABLE_OP, SWAP, (u64)s, 1);
        count(l, GRANT_TABLE_OP, SWAP, !error && !s->status);
        break;
    }
    case 4:
        a[1] = below(l, 64) | 64ul << 16 | below(l, 4) << 32;
        call(l, GRANT_TABLE_OP, CACHE, CACHE, (u64)a, 1);
        break;
    case 5: set_version(l); break;
    case 6: {
        struct { u32 frames; u16 domid; short status; u64 *list; } *s = argument(l, 16);
        s->frames = 1, s->domid = SELF, s->list = argument(l, 8);
        error = call_raw(l, GRANT_TABLE_OP, STATUS, (u64)s, 1);
        count(l, GRANT_TABLE_OP, STATUS, !error && !s->status);
        break;
    }
    default:
        if (once_in(l, 16)) show_table(l, TABLE_PLACE + below(l, 4));
    }
}

void grant_play(struct lane *l)
{
    u64 n = below(l, 16);
    if (n < 9) grant(l);
    else if (n < 12) {
        s32 place = place_in(l, GRANTED, 0);
        if (place >= 0) grant_end(l, place);
    } else ask(l);
}
void map_play(struct lane *l)
{
    u64 n = below(l, 8);
    if (n < 4) map(l);
    else if (n < 6) unmap(l);
    else copy(l);
}
