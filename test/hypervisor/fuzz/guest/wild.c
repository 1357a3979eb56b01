/* Calls whose arguments range from wild to nearly right. The structures of calls that other vCPUs are making are written to as well. */
#include "fuzz.h"

static u64 own_mfn(struct lane *l) {
    if (below(l, 8)) return l->frames[below(l, FRAMES)].mfn;
    u64 pages = start_info->nr_pages;
    return below(l, 3000) ? p2m[pages / 2 + below(l, pages / 2 - LANES * FRAMES)] : p2m[below(l, pages / 2)];
}
static u64 some_mfn(struct lane *l) {
    switch (below(l, 6)) {
    case 0: return random64(l);
    case 1: return below(l, 1 << 18);
    case 2: return start_info->console_mfn;
    case 3: return start_info->shared_info >> 12;
    default: return own_mfn(l);
    }
}
static u64 some_domid(struct lane *l) {
    u64 ids[] = {DOMID_SELF, DOMID_SELF, 0x7ff1, 0x7ff2, 0x7ff3, 0x7ff4, 0, 1, some_peer(l), some_peer(l), 0xffff, 0x7fff};
    return ids[below(l, 12)];
}

static u64 value(struct lane *l, u32 depth);

static u64 structure(struct lane *l, u32 depth) {
    u64 *s = argument(l, 192);
    for (u32 i = 0, n = 1 + below(l, 24); i < n; i++) {
        u64 v = value(l, depth + 1);
        switch (below(l, 4)) {
        case 0: s[i] = (v & 0xffffffff) | value(l, depth + 1) << 32; break;
        case 1: s[i] = below(l, 16) | below(l, 16) << 32; break;
        default: s[i] = v;
        }
    }
    return (u64)s;
}

static u64 value(struct lane *l, u32 depth) {
    static const u64 edges[] = {0, ~0ul, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, 0xffff87ffffffffff, 0xffff880000000000, 0x7fffffff,
                                0x80000000, 0xffffffff};
    switch (below(l, depth < 2 ? 12 : 9)) {
    case 0: return random64(l);
    case 1: return below(l, 4);
    case 2: return below(l, 64);
    case 3: return some_mfn(l);
    case 4: return some_mfn(l) << 12 | below(l, 16) * 8 | below(l, 8);
    case 5: return some_domid(l);
    case 6: return (u64)windows + below(l, sizeof windows);
    case 7: return 1ul << below(l, 64);
    case 8: return edges[below(l, 10)];
    default: return structure(l, depth);
    }
}

/* Calls that would only end the test or make it stand still: shutting down, sleeping for ever, unmapping the guest's own code. */
static int spared(struct lane *l, u64 nr, u64 a, u64 b) {
    if (nr == HYPERVISOR_sched_op) return a == 1 || a == 2 || a == 3 || a == 5 || a == 6;
    if (nr == HV_sched_op_compat) return a == 1 || a == 2;
    if (nr == HV_iret || nr == HYPERVISOR_set_callbacks || nr == HV_stack_switch) return below(l, 2000) != 0;
    if (nr == HYPERVISOR_vcpu_op) return (a & 0xffffffff) == VCPUOP_down && b < lane_count - 1;
    if (nr == HV_mmuext_op || nr == HV_callback_op) return below(l, 50) != 0;
    if (nr == HYPERVISOR_update_va_mapping || nr == HV_update_va_mapping_otherdomain)
        return (a < (u64)windows || a >= (u64)windows + sizeof windows) && below(l, 20);
    return 0;
}

/* Changes what another vCPU has just put into a structure, while Xen reads it. */
static void disturb(struct lane *l) {
    u8 *page = arguments[below(l, lane_count)];
    u64 *word = (u64 *)(page + below(l, PAGE / 8) * 8);
    for (u64 n = 1 + below(l, 64); n; n--) {
        switch (below(l, 4)) {
        case 0: word[below(l, 4)] = value(l, 2); break;
        case 1: ((u32 *)word)[below(l, 8)] = below(l, 64); break;
        case 2: ((u16 *)word)[below(l, 16)] ^= 1 << below(l, 16); break;
        default: word = (u64 *)(page + below(l, PAGE / 8) * 8);
        }
    }
}

void wild_play(struct lane *l) {
    if (once_in(l, 3)) {
        disturb(l);
        return;
    }
    u64 nr = below(l, 58), a = value(l, 0), b = value(l, 0), c = value(l, 0), d = value(l, 0);
    /* The first argument most often is the number of a sub-operation or a structure. */
    if (below(l, 4)) a = below(l, 2) ? below(l, 40) : structure(l, 0);
    if (below(l, 2)) b = structure(l, 0);
    if (once_in(l, 3)) d = some_domid(l);
    if (spared(l, nr, a, b)) return;
    register u64 r8 asm("r8") = value(l, 0);
    asm volatile("" : "+r"(r8));
    l->calls++;
    hypercall(nr, a, b, c, d);
    if (nr == HYPERVISOR_set_trap_table || nr == HV_multicall) install_traps();
}
