/* Start of day of the bundled guest: traps, events, console, xenstore and vCPUs, and then the loop that runs the shell. */
#include "xen.h"

struct start_info *start_info;
struct shared_info *shared_info;
static u32 boot_id;

extern char event_entry[], failsafe_entry[], trap_entries[], trap_entries_end[];

void poweroff(u32 reason) {
    for (;;) hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&reason, 0, 0);
}

/* Each entry of the table in entry.S is 16 bytes long. */
void traps_fill(struct trap_info *table) {
    u32 n = 0;
    for (u32 vector = 0; vector < 20; vector++) {
        if (vector == 2 || vector == 9 || vector == 15) continue;
        table[n++] = (struct trap_info){vector, vector == 3 ? 3 : 0, KERNEL_CS, 0, (u64)trap_entries + 16 * vector};
    }
}

/* Returns the page-table base as vcpu_guest_context has it: the machine address of the L4 table. */
u64 current_cr3(void) { return mfn_of((void *)start_info->pt_base) << 12; }

void trap(struct registers *r) {
    console_unlock();
    print("\nvCPU %u: trap %u error %x at %x, address %x\n", (u64)vcpu_id(), r->vector, r->error, r->rip,
          shared_info->vcpu[vcpu_id()].cr2);
    print("rax %016x rbx %016x rcx %016x rdx %016x\nrsi %016x rdi %016x rbp %016x rsp %016x\n", r->rax, r->rbx, r->rcx,
          r->rdx, r->rsi, r->rdi, r->rbp, r->rsp);
    poweroff(SHUTDOWN_crash);
}

/* Connects to what belongs to the domain but is not in its memory. This is done again after a suspend, because the memory may be another domain's
 * now. */
void connect(void) {
    shared_info = map_frame(start_info->shared_info >> 12, 0);
    memory_list_frames();
    events_init();
    console_init();
    shared_info->vcpu[0].evtchn_upcall_mask = 0;
    store_init();
    smp_init();
}

void main(struct start_info *info) {
    static struct trap_info traps[32];
    start_info = info;
    hypercall(25, 2, (u64)&boot_id, 0, 0); /* set_segment_base: SEGBASE_GS_KERNEL */
    memory_init();
    traps_fill(traps);
    hypercall(HYPERVISOR_set_trap_table, (u64)traps, 0, 0, 0);
    hypercall(HYPERVISOR_set_callbacks, (u64)event_entry, (u64)failsafe_entry, 0, 0);
    connect();
    print("\nXenarium mini guest: %u vCPU%s, %u MiB. Type 'help'.\n", (u64)vcpus_online, vcpus_online > 1 ? "s" : "",
          info->nr_pages >> 8);
    shell_start();
    for (;;) {
        char how[32];
        int c, busy = work();
        while ((c = console_read()) >= 0) shell_input(c), busy = 1;
        store_poll();
        if (store_vcpus_changed()) {
            u32 before = vcpus_online;
            smp_follow();
            if (vcpus_online != before) {
                print("\nxenstore asks: %u vCPU%s online\n", (u64)vcpus_online, vcpus_online > 1 ? "s" : "");
                shell_redraw();
            }
        }
        if (store_shutdown_requested(how, sizeof how)) {
            print("\nxenstore asks: %s\n", how);
            if (equal(how, "poweroff") || equal(how, "halt")) poweroff(SHUTDOWN_poweroff);
            if (equal(how, "reboot")) poweroff(SHUTDOWN_reboot);
            if (equal(how, "suspend")) suspend();
        }
        if (busy) continue;
        events_mask();
        if (console_waiting() || store_waiting()) events_unmask();
        else block();
    }
}
