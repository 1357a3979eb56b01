/* The second stage: frames go, come and move, and are judged by what they hold. */
#include "fuzz.h"

enum { MOST = 8, CANARIES = 64 };
static u64 canaries[CANARIES][512] __attribute__((aligned(4096)));
static u64 tags;

static u64 pattern(u64 tag, u32 word) { return tag * 0x9e3779b97f4a7c15ul ^ 0x505648ul << 40 ^ word; }
static volatile u64 *page_of(struct lane *l, u32 place) { return (volatile u64 *)(gfn_of(l, place) * PAGE); }

void canaries_init(void)
{
    for (u32 i = 0; i < CANARIES; i++) for (u32 k = 0; k < 512; k++) canaries[i][k] = pattern(i, k);
}
static void canaries_check(void)
{
    for (u32 i = 0; i < CANARIES; i++)
        for (u32 k = 0; k < 512; k++)
            if (canaries[i][k] != pattern(i, k)) {
                broken("canary", i, canaries[i][k]);
                canaries[i][k] = pattern(i, k);
                return;
            }
}

void frames_init(struct lane *l)
{
    for (u32 i = 0; i < PLACES; i++) l->places[i] = (struct place){ 0, i < RAM_PLACES ? DATA : ABSENT, 0 };
}
s32 place_in(struct lane *l, enum state state, int private)
{
    u32 first = below(l, PLACES);
    for (u32 i = 0; i < PLACES; i++) {
        u32 n = (first + i) % PLACES;
        if (l->places[n].state == state && is_private(n) == private) return n;
    }
    return -1;
}

static void seal(struct lane *l, u32 n)
{
    volatile u64 *p = page_of(l, n);
    u64 tag = __atomic_add_fetch(&tags, 1, __ATOMIC_SEQ_CST);
    for (u32 k = 0; k < 512; k++) p[k] = pattern(tag, k);
    l->places[n].tag = tag;
    l->places[n].state = SEALED;
}
static void seal_check(struct lane *l, u32 n)
{
    if (wild_permille) return;
    volatile u64 *p = page_of(l, n);
    for (u32 k = 0; k < 512; k++)
        if (p[k] != pattern(l->places[n].tag, k)) {
            broken("sealed frame", gfn_of(l, n), p[k]);
            l->places[n].state = DATA;
            return;
        }
}
/* A frame that Xen gives must be all zero, or else it would show what somebody had in it. At a place that is not private other vCPUs of this
 * domain may have written to it. */
static void fresh_check(struct lane *l, u32 n)
{
    if (wild_permille || !is_private(n)) return;
    volatile u64 *p = page_of(l, n);
    for (u32 k = 0; k < 512; k++)
        if (p[k]) {
            broken("fresh frame", gfn_of(l, n), p[k]);
            return;
        }
}

static s64 reserve(struct lane *l, u32 operation, u64 *list, u64 n)
{
    struct reservation *r = argument(l, sizeof *r);
    *r = (struct reservation){ list, n, 0, 0, SELF };
    s64 done = call_raw(l, MEMORY_OP, operation, (u64)r, 0);
    count(l, MEMORY_OP, operation, done > 0);
    return done;
}
static void give(struct lane *l)
{
    u32 given[MOST], n = 0, want = 1 + below(l, MOST);
    u64 list[MOST];
    while (n < want) {
        s32 place = place_in(l, once_in(l, 4) ? GRANTED : once_in(l, 8) ? SEALED : DATA, once_in(l, 3));
        if (place < 0) break;
        if (l->places[place].state == SEALED) seal_check(l, place);
        if (!grant_end(l, place)) break;
        given[n] = place;
        list[n++] = gfn_of(l, place);
        l->places[place].state = ABSENT;
    }
    s64 done = n ? reserve(l, MEM_DECREASE, list, n) : 0;
    for (u32 i = done < 0 ? 0 : done; i < n; i++) l->places[given[i]].state = DATA;
}
static void take(struct lane *l)
{
    u32 taken[MOST], n = 0, want = 1 + below(l, MOST);
    u64 list[MOST];
    for (u32 i = below(l, PLACES); i < PLACES && n < want; i++) {
        if (l->places[i].state != ABSENT) continue;
        taken[n] = i;
        list[n++] = gfn_of(l, i);
    }
    s64 done = n ? reserve(l, MEM_POPULATE, list, n) : 0;
    for (s64 i = 0; i < done; i++) l->places[taken[i]].state = DATA;
    for (s64 i = 0; i < done; i++) fresh_check(l, taken[i]);
}

/* Whether a frame may be moved to another place of the same kind. The frame that is there goes back to the host. */
static int may_move(struct lane *l, u32 from, u32 to)
{
    if (from == to || is_private(from) != is_private(to)) return 0;
    return grant_end(l, from) && grant_end(l, to);
}
static void moved(struct lane *l, u32 from, u32 to)
{
    l->places[to] = l->places[from];
    l->places[from] = (struct place){ 0, ABSENT, 0 };
    if (l->places[to].state == SEALED) seal_check(l, to);
}
static void move(struct lane *l)
{
    s32 from = place_in(l, once_in(l, 2) ? SEALED : DATA, once_in(l, 2));
    u32 to = below(l, PLACES);
    if (from < 0 || !may_move(l, from, to)) return;
    if (once_in(l, 2)) {
        struct add_to_physmap *a = argument(l, sizeof *a);
        *a = (struct add_to_physmap){ SELF, 1, once_in(l, 2) ? 3 : SPACE_GMFN, gfn_of(l, from), gfn_of(l, to) };
        if (!call(l, MEMORY_OP, MEM_ADD_TO_PHYSMAP, MEM_ADD_TO_PHYSMAP, (u64)a, 0)) moved(l, from, to);
        return;
    }
    struct { u16 domid, space, size, extra; u64 *indices, *gfns; s32 *errors; } *b = argument(l, 32);
    u64 *lists = argument(l, 64);
    s32 *errors = argument(l, 16);
    /* One entry of the list is a place with a frame. The others name places that no vCPU uses. */
    u64 at = below(l, 3);
    for (u32 i = 0; i < 3; i++) {
        lists[i] = i == at ? gfn_of(l, from) : NOWHERE + 0x100 + below(l, 16);
        lists[3 + i] = i == at ? gfn_of(l, to) : NOWHERE + 0x100 + below(l, 16);
        errors[i] = 1;
    }
    b->domid = SELF, b->space = SPACE_GMFN, b->size = 3, b->indices = lists, b->gfns = lists + 3, b->errors = errors;
    s64 error = call(l, MEMORY_OP, 23, 23, (u64)b, 0);
    if (!error && !errors[at]) moved(l, from, to);
}

/* Takes a frame out of the second stage. The domain still owns it but can't name it any more, so this is done rarely. */
static void lose(struct lane *l)
{
    s32 place = place_in(l, DATA, once_in(l, 2));
    if (place < 0 || below(l, 64) || !grant_end(l, place)) return;
    struct { u16 domid; u64 gfn; } *r = argument(l, sizeof *r);
    r->domid = SELF, r->gfn = gfn_of(l, place);
    l->places[place].state = ABSENT;
    if (call(l, MEMORY_OP, MEM_REMOVE_FROM_PHYSMAP, MEM_REMOVE_FROM_PHYSMAP, (u64)r, 0)) l->places[place].state = DATA;
}
/* Maps frames of Xen's own: the shared info page, which all vCPUs use. */
static void show_info(struct lane *l)
{
    struct add_to_physmap *a = argument(l, sizeof *a);
    *a = (struct add_to_physmap){ SELF, 0, SPACE_SHARED_INFO, once_in(l, 16), INFO_PLACE + below(l, 4) };
    call(l, MEMORY_OP, 24, MEM_ADD_TO_PHYSMAP, (u64)a, 0);
}

void frame_play(struct lane *l)
{
    s32 n;
    switch (below(l, 16)) {
    case 0: case 1: case 2: give(l); break;
    case 3: case 4: case 5: case 6: take(l); break;
    case 7: case 8: case 9: case 10: move(l); break;
    case 11: lose(l); break;
    case 12: show_info(l); break;
    case 13:
        n = place_in(l, SEALED, 1);
        if (n >= 0) seal_check(l, n), l->places[n].state = DATA;
        break;
    default:
        n = place_in(l, DATA, 1);
        if (n >= 0) seal(l, n);
    }
}

void judge_some(struct lane *l)
{
    u32 n = below(l, PLACES);
    if (l->places[n].state == SEALED) seal_check(l, n);
    else if (l->id == 0 && !wild_permille && once_in(l, 16)) canaries_check();
}

/* Reads and writes what other vCPUs have, or had, at a place that is not private. */
void scribble(struct lane *l)
{
    struct lane *other = &lanes[below(l, lane_count)];
    u32 place = below(l, PLACES);
    if (is_private(place)) place++;
    volatile u64 *p = once_in(l, 4) ? (volatile u64 *)(MAP_PLACE(other->id, below(l, MAPS)) * PAGE) : page_of(other, place);
    u64 at = below(l, 512), value = random64(l);
    for (u32 n = 1 + below(l, 16), i = 0; i < n; i++) {
        if (below(l, 4)) p[(at + i) & 511] = value;
        else value ^= p[(at + i) & 511];
    }
}
