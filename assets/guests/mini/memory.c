/*
 * Frames. The builder mapped this kernel and its tables; what lies above start-of-day is free and is never mapped:
 * giving frames to the host and taking them back is what this guest does with memory.
 */
#include "xen.h"

u64 *p2m;
static u64 first_free, next_given, limit;

/* Four pages of our own whose mapping is replaced to see frames that the builder did not map. */
static u8 windows[4][PAGE] __attribute__((aligned(4096), section(".bss.page")));

void *map_frame(u64 mfn, u32 slot) {
    hypercall(HYPERVISOR_update_va_mapping, (u64)windows[slot], mfn << 12 | 0x63, 2, 0);
    return windows[slot];
}

void memory_init(void) {
    p2m = (u64 *)start_info->mfn_list;
    limit = start_info->nr_pages;
    /* Everything the builder laid out (page tables last, then at least 512 KiB of slack) is below this. */
    first_free = ((start_info->pt_base - 0xffffffff80000000ul) >> 12) + start_info->nr_pt_frames + 256;
    next_given = limit;
}

u64 memory_pages(void) { return next_given; }

/* Gives pages back to the host from the top; returns how many went. */
s64 memory_give(u64 pages) {
    static u64 batch[512];
    s64 given = 0;
    while (pages && next_given > first_free) {
        u64 n = pages < 512 ? pages : 512;
        if (n > next_given - first_free) n = next_given - first_free;
        for (u64 i = 0; i < n; i++) batch[i] = p2m[next_given - 1 - i];
        struct memory_reservation r = {batch, n, 0, 0, DOMID_SELF};
        s64 done = hypercall(HYPERVISOR_memory_op, XENMEM_decrease_reservation, (u64)&r, 0, 0);
        if (done <= 0) break;
        for (s64 i = 0; i < done; i++) p2m[--next_given] = ~0ul;
        given += done;
        pages -= done;
        if ((u64)done < n) break;
    }
    return given;
}

/* Takes pages back from the host, up to what the domain started with; returns how many came. */
s64 memory_take(u64 pages) {
    static u64 batch[512];
    s64 taken = 0;
    while (pages && next_given < limit) {
        u64 n = pages < 512 ? pages : 512;
        if (n > limit - next_given) n = limit - next_given;
        for (u64 i = 0; i < n; i++) batch[i] = next_given + i;
        struct memory_reservation r = {batch, n, 0, 0, DOMID_SELF};
        s64 done = hypercall(HYPERVISOR_memory_op, XENMEM_populate_physmap, (u64)&r, 0, 0);
        if (done <= 0) break;
        for (s64 i = 0; i < done; i++) p2m[next_given++] = batch[i];
        taken += done;
        pages -= done;
        if ((u64)done < n) break;
    }
    return taken;
}
