/* What hypercalls answer when their arguments are wrong or nearly right. */
#include "abi.h"

static s64 timer(u32 op, u64 first, u64 second) {
    u64 arg[2] = {first, second};
    return hypercall(HYPERVISOR_vcpu_op, op, 0, (u64)arg, 0);
}

static s64 callback(u32 cmd, u16 type, u64 address) {
    struct { u16 type, flags; u32 pad; u64 address; } arg = {type, 0, 0, address};
    return hypercall(HYPERVISOR_callback_op, cmd, (u64)&arg, 0, 0);
}

static s64 update(u64 request, u64 value, u64 pdone) {
    u64 arg[2] = {request, value};
    return hypercall(HYPERVISOR_mmu_update, (u64)arg, 1, pdone, DOMID_SELF);
}

void check_errno(void) {
    u64 page = (u64)spare_pages[0], mfn = mfn_of(spare_pages[0]);
    struct { u64 mfn; u32 offset, pad; } info = {mfn, 4, 0};
    check("register_vcpu_info odd offset", hypercall(HYPERVISOR_vcpu_op, 10, 0, (u64)&info, 0));
    info.offset = 4096 - 56;
    check("register_vcpu_info offset beyond the page", hypercall(HYPERVISOR_vcpu_op, 10, 0, (u64)&info, 0));
    info.offset = 0x10000000;
    check("register_vcpu_info offset far beyond", hypercall(HYPERVISOR_vcpu_op, 10, 0, (u64)&info, 0));
    info.offset = 0; info.mfn = ~0ul;
    check("register_vcpu_info bad frame", hypercall(HYPERVISOR_vcpu_op, 10, 0, (u64)&info, 0));

    check("set_debugreg 8", hypercall(HYPERVISOR_set_debugreg, 8, 0, 0, 0));
    check("set_debugreg -1", hypercall(HYPERVISOR_set_debugreg, ~0ul, 0, 0, 0));
    check("set_debugreg 4", hypercall(HYPERVISOR_set_debugreg, 4, 0, 0, 0));
    check("get_debugreg 4", hypercall(HYPERVISOR_get_debugreg, 4, 0, 0, 0));
    check("get_debugreg 5", hypercall(HYPERVISOR_get_debugreg, 5, 0, 0, 0));
    check("get_debugreg 6", hypercall(HYPERVISOR_get_debugreg, 6, 0, 0, 0));
    check("get_debugreg 7", hypercall(HYPERVISOR_get_debugreg, 7, 0, 0, 0));
    check("get_debugreg 8", hypercall(HYPERVISOR_get_debugreg, 8, 0, 0, 0));
    check("get_debugreg 15", hypercall(HYPERVISOR_get_debugreg, 15, 0, 0, 0));
    check("set_debugreg number above 32 bits", hypercall(HYPERVISOR_set_debugreg, 0x100000000, 0x1000, 0, 0));
    check("get_debugreg 0 then", hypercall(HYPERVISOR_get_debugreg, 0, 0, 0, 0));
    check("get_debugreg number above 32 bits", hypercall(HYPERVISOR_get_debugreg, 0x100000000, 0, 0, 0));
    hypercall(HYPERVISOR_set_debugreg, 0, 0, 0, 0);
    check("set_debugreg 0 Xen's address", hypercall(HYPERVISOR_set_debugreg, 0, 0xffff830000000000, 0, 0));
    check("set_debugreg 0 not canonical", hypercall(HYPERVISOR_set_debugreg, 0, 0x900000000000, 0, 0));
    check("set_debugreg 0 last byte before Xen", hypercall(HYPERVISOR_set_debugreg, 0, 0xffff7fffffffffff, 0, 0));
    check("set_debugreg 6 high bits", hypercall(HYPERVISOR_set_debugreg, 6, 0x100000000, 0, 0));
    check("set_debugreg 7 high bits", hypercall(HYPERVISOR_set_debugreg, 7, 0x100000000, 0, 0));
    check("set_debugreg 7 general detect", hypercall(HYPERVISOR_set_debugreg, 7, 0x2000, 0, 0));
    check("set_debugreg 7 I/O without DE", hypercall(HYPERVISOR_set_debugreg, 7, 0x20001, 0, 0));

    check("send_nmi with argument", hypercall(HYPERVISOR_vcpu_op, 11, 0, page, 0));
    check("vcpu_op vcpuid above 32 bits", hypercall(HYPERVISOR_vcpu_op, VCPUOP_is_up, 0x100000000, 0, 0));
    check("vcpu_op cmd above 32 bits", hypercall(HYPERVISOR_vcpu_op, 0x100000000 | VCPUOP_is_up, 0, 0, 0));
    check("vcpu_op vcpuid 1000", hypercall(HYPERVISOR_vcpu_op, VCPUOP_is_up, 1000, 0, 0));
    check("vcpu_op unknown", hypercall(HYPERVISOR_vcpu_op, 99, 0, 0, 0));
    u64 big;
    asm volatile("syscall" : "=a"(big) : "a"(0x100000000ul | HYPERVISOR_xen_version), "D"(0ul), "S"(0ul) : "rcx", "r11", "memory");
    check("hypercall number above 32 bits", big);
    asm volatile("syscall" : "=a"(big) : "a"((u64)HYPERVISOR_xen_version), "D"(0x100000000ul), "S"(0ul) : "rcx", "r11", "memory");
    check("xen_version cmd above 32 bits", big);
    check("hypercall 63", hypercall(63, 0, 0, 0, 0));

    u64 mapped = mfn << 12 | 0x63;
    check("update_va_mapping flush type 3", hypercall(HYPERVISOR_update_va_mapping, page, mapped, 3, 0));
    check("update_va_mapping TLB_FLUSH bad mask", hypercall(HYPERVISOR_update_va_mapping, page, mapped, 1 | 0x900000000000, 0));
    check("update_va_mapping INVLPG bad mask", hypercall(HYPERVISOR_update_va_mapping, page, mapped, 2 | 0x900000000000, 0));
    check("update_va_mapping bad address", hypercall(HYPERVISOR_update_va_mapping, 0xffff830000000000, mapped, 0, 0));
    check("update_va_mapping unmapped table", hypercall(HYPERVISOR_update_va_mapping, 0x10000000000, mapped, 0, 0));
    check("mmu_update bad pdone", update(mfn_of((void *)start_info->pt_base) << 12 | 2, 0, 0x900000000000));
    u64 machphys = mfn << 12 | 1;
    check("mmu_update machphys with bad pdone", update(machphys, (page - VIRT_BASE) >> 12, 0x900000000000));
    check("mmu_update machphys with pdone in a hole", update(machphys, (page - VIRT_BASE) >> 12, 0x1000));
    check("mmu_update unknown command", update(mfn << 12 | 5, 0, 0));
    check("TLB_FLUSH_MULTI bad mask", mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, 0x900000000000));
    check("TLB_FLUSH_MULTI mask in a hole", mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, 0x1000));
    check("INVLPG_MULTI bad mask", mmuext(MMUEXT_INVLPG_MULTI, page, 0x900000000000));
    check("mmuext unknown", mmuext(99, 0, 0));

    for (u64 type = 0; type < 10; type++) {
        static char name[] = "callback unregister 0";
        name[20] = '0' + type;
        if (type != 5 && type != 7) check(name, callback(1, type, 0));
    }
    check("callback register 3", callback(0, 3, (u64)check_errno));
    check("callback register 6", callback(0, 6, (u64)check_errno));
    check("callback register 9", callback(0, 9, (u64)check_errno));
    check("callback register not canonical", callback(0, 0, 0x900000000000));
    check("callback unknown command", callback(2, 0, 0));

    check("periodic timer 2^62", timer(VCPUOP_set_periodic_timer, 1ul << 62, 0));
    check("periodic timer 2^61", timer(VCPUOP_set_periodic_timer, 1ul << 61, 0));
    hypercall(HYPERVISOR_vcpu_op, 7, 0, 0, 0);
    check("periodic timer below 1 ms", timer(VCPUOP_set_periodic_timer, 999999, 0));

    check("set_ldt 0 entries odd base", mmuext(MMUEXT_SET_LDT, page + 1, 0));
    check("set_ldt 0 entries Xen's base", mmuext(MMUEXT_SET_LDT, 0xffff830000000000, 0));
    check("set_ldt 1 entry odd base", mmuext(MMUEXT_SET_LDT, page + 1, 1));
    check("set_ldt 8193 entries", mmuext(MMUEXT_SET_LDT, page, 8193));
    check("set_ldt number above 32 bits", mmuext(MMUEXT_SET_LDT, page, 0xabcd00000000));
    check("set_ldt 1 entry Xen's base", mmuext(MMUEXT_SET_LDT, 0xffff830000000000, 1));

    /* A new L4 entry has the accessed bit, whatever was asked for. The L3 table that it points to is empty. */
    u64 *l4 = (u64 *)start_info->pt_base, l3_mfn = mfn_of(spare_pages[1]);
    remap(spare_pages[1], 0);
    check("new L4 entry", update(mfn_of(l4) << 12 | 8, l3_mfn << 12 | 7, 0));
    check("L4 entry without A shows", (((volatile u64 *)l4)[1] & 0xfff));
    check("remove L4 entry", update(mfn_of(l4) << 12 | 8, 0, 0));
    remap(spare_pages[1], 2);

    /* A real dom0 has the machine's memory map instead. */
    if (!(start_info->flags & SIF_INITDOMAIN)) {
        struct { u64 start, size; u32 type; } __attribute__((packed)) map[4] = {0};
        struct { u32 entries, pad; u64 buffer; } arg = {4, 0, (u64)map};
        check("memory_map", hypercall(HYPERVISOR_memory_op, 9, (u64)&arg, 0, 0));
        check("memory_map's entries", arg.entries);
        check("memory_map's start", map[0].start);
        check("memory_map's end at maxmem", map[0].start + map[0].size);
        check("memory_map's type", map[0].type);
    }

    u64 ports[1] = {0};
    struct { u64 ports; u32 count, pad; u64 timeout; } poll = {(u64)ports, 1, 0, 1};
    ports[0] = 100;
    check("poll of a free port", hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&poll, 0, 0));
    ports[0] = 0x7fffffff;
    check("poll of no port", hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&poll, 0, 0));
    poll.count = 129;
    check("poll of 129 ports", hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&poll, 0, 0));
    poll.count = 1; poll.ports = 0x1000;
    check("poll of ports in a hole", hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&poll, 0, 0));
    check("sched_op unknown", hypercall(HYPERVISOR_sched_op, 99, 0, 0, 0));
    check("fpu_taskswitch", hypercall(HYPERVISOR_fpu_taskswitch, 0, 0, 0, 0));
    check("set_segment_base which 9", hypercall(HYPERVISOR_set_segment_base, 9, 0, 0, 0));
    check("set_segment_base not canonical", hypercall(HYPERVISOR_set_segment_base, 0, 0x900000000000, 0, 0));
    check("update_descriptor unaligned", hypercall(HYPERVISOR_update_descriptor, (mfn << 12) + 4, 0, 0, 0));
    check("set_gdt too long", hypercall(HYPERVISOR_set_gdt, page, 7169, 0, 0));
    check("vm_assist type 40", hypercall(HYPERVISOR_vm_assist, 0, 40, 0, 0));
}
