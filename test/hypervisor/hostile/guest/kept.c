/*
 * Translations that stay over a change of address spaces. One vCPU changes what an address of the kernel's half shows, at each level of the page tables
 * in turn, and does not flush; it only says which number is there now. The others load one of two address spaces, or flush, and must find that number
 * or a later one.
 */
#include "attack.h"

enum { MMUEXT_PIN_L4_TABLE = 3, MMUEXT_NEW_BASEPTR = 5, MMUEXT_TLB_FLUSH_LOCAL = 6 };
/* A slot of L4 tables that nobody uses. */
enum { SLOT = 300 };
#define SEEN 0xffff960000000000ul

static u64 roots[2];
static u64 frames[2];
static volatile u64 *contents[2];
/* By level: the tables of each of the two ways to a frame. */
static u64 tables[4][2];
static volatile u64 published, stale, looks[MAX_VCPUS];

/* Makes page `n` of the pool a page that no one may write, which is what a page table has to be. */
static u64 closed(u32 n) {
    u64 mfn = mfn_of(pool[n]);
    return set_entry(pool[n], mfn << 12 | PTE_RO, UVMF_INVLPG) ? 0 : mfn;
}

static void look(u32 me) {
    volatile u64 *seen = (volatile u64 *)SEEN;
    for (u64 n = 0; !stop; n++) {
        u64 least = published;
        if (n % 3 == 2) mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
        else mmuext(MMUEXT_NEW_BASEPTR, roots[n % 2]);
        if (*seen < least) __atomic_add_fetch(&stale, 1, __ATOMIC_SEQ_CST);
        looks[me]++;
    }
}

/* Makes the entry of this level lead to way `to`. */
static s64 turn(u32 level, u32 to, u64 flags) {
    if (level == 4) return set_table(roots[0], SLOT, tables[3][to] << 12 | flags) | set_table(roots[1], SLOT, tables[3][to] << 12 | flags);
    u64 below = level == 1 ? frames[to] : tables[level - 1][to];
    return set_table(tables[level][0], 0, below << 12 | flags);
}

void attack_kept(void) {
    u64 *root = (u64 *)start_info->pt_base;
    u64 end = now() + option("seconds", 6) * 1000000000, n = 0, failed = 0, all = 0;
    roots[0] = mfn_of(root);
    for (u32 i = 0; i < 512; i++) ((u64 *)pool[10])[i] = i >= 256 && i < 272 ? 0 : root[i];
    for (u32 way = 0; way < 2; way++) {
        frames[way] = mfn_of(pool[20 + way]);
        contents[way] = (volatile u64 *)pool[20 + way];
        ((u64 *)pool[11 + way])[0] = frames[way] << 12 | PTE_WR | USER;
        tables[1][way] = closed(11 + way);
        ((u64 *)pool[13 + way])[0] = tables[1][way] << 12 | PTE_WR | USER;
        tables[2][way] = closed(13 + way);
        ((u64 *)pool[15 + way])[0] = tables[2][way] << 12 | PTE_WR | USER;
        tables[3][way] = closed(15 + way);
    }
    ((u64 *)pool[10])[SLOT] = tables[3][0] << 12 | PTE_WR | USER;
    roots[1] = closed(10);
    failed |= set_table(roots[0], SLOT, tables[3][0] << 12 | PTE_WR | USER) != 0;
    for (u32 way = 0; way < 2; way++) failed |= mmuext(MMUEXT_PIN_L3_TABLE, tables[3][way]) != 0;
    failed |= mmuext(MMUEXT_PIN_L4_TABLE, roots[1]) != 0;
    if (failed) { print("END no tables\n"); return; }
    for (u32 v = 1; v < vcpus_online; v++) give_job(v, look);
    /* At each level it goes to and fro; the way that it has not taken ends in the other frame. */
    u32 at[5] = {0};
    while (!failed && now() < end) {
        u32 level = 1 + n / 8 % 4;
        if (n % 8 == 0) {
            /* Begin anew: everything leads to the first frame by the first tables. */
            contents[0][0] = contents[1][0] = ++n;
            for (u32 l = 1; l <= 4; l++) { failed |= turn(l, 0, PTE_WR | USER) != 0; at[l] = 0; }
            published = n;
            continue;
        }
        u32 frame = !at[level];
        contents[frame][0] = ++n;
        at[level] = frame;
        /* Some of the entries have never been used. */
        failed |= turn(level, frame, n & 16 ? 7 : PTE_WR | USER) != 0;
        published = n;
        u64 before = looks[1], limit = now() + 100000;
        while (looks[1] - before < 3 && now() < limit) asm volatile("pause");
        all = 0;
        for (u32 v = 1; v < vcpus_online; v++) all += looks[v];
    }
    stop = 1;
    print("END changes %u failed %u looks %u stale %u\n", n, failed, all, stale);
}
