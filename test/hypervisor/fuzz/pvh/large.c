/* A domain of more than 1 GiB: what its places are, and whole extents of 2 MiB that come and go in what was one entry of 1 GiB. */
#include "fuzz.h"

enum { FRAMES = 512, ORDER = 9, LOOKS = 16 };
u64 above;
static u64 tables_above[512] __attribute__((aligned(4096)));
static struct extent { u64 tag; u32 is_gone; } extents[LANES][EXTENTS];

void large_init(void)
{
    extern u64 pdpt[];
    struct memmap_entry *map = (struct memmap_entry *)info->memmap;
    for (u32 i = 0; i < info->memmap_entries; i++)
        if (map[i].type == 1 && map[i].address == 0 && map[i].size > 1ul << 30) above = (1ul << 30) / PAGE;
    if (!above) return;
    for (u64 i = 0; i < 512; i++) tables_above[i] = ((1ul << 30) + (i << 21)) | 0x87;
    pdpt[1] = (u64)tables_above | 7;
}

/* Some words of the extent: the same ones each time. */
static volatile u64 *word_of(u64 first, u32 i) { return (volatile u64 *)((first + i * 33 % FRAMES) * PAGE) + i * 29 % 512; }

static s64 exchange(struct lane *l, u32 operation, u64 *first)
{
    struct reservation *r = argument(l, sizeof *r);
    *r = (struct reservation){ first, 1, ORDER, 0, SELF };
    s64 done = call_raw(l, MEMORY_OP, operation, (u64)r, 0);
    count(l, MEMORY_OP, operation, done > 0);
    return done;
}

/* Nobody but this vCPU touches its extents, unless it makes wild calls. */
void extent_play(struct lane *l)
{
    if (!above) return;
    u32 n = below(l, EXTENTS);
    struct extent *e = &extents[l->id][n];
    u64 first = EXTENT_PLACE(l->id, n);
    if (!e->is_gone) {
        for (u32 i = 0; i < LOOKS && !wild_permille; i++)
            if (*word_of(first, i) != e->tag) {
                broken("extent", first, *word_of(first, i));
                break;
            }
        if (once_in(l, 2) && exchange(l, MEM_DECREASE, &first) == 1) {
            e->is_gone = 1;
            return;
        }
    } else {
        if (exchange(l, MEM_POPULATE, &first) != 1) return;
        e->is_gone = 0;
        for (u32 i = 0; i < LOOKS && !wild_permille; i++)
            if (*word_of(first, i)) {
                broken("fresh extent", first, *word_of(first, i));
                break;
            }
    }
    e->tag = random64(l) | 1;
    for (u32 i = 0; i < LOOKS; i++) *word_of(first, i) = e->tag;
}
