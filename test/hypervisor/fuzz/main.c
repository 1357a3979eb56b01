/* Start of day of the hostile guest: console and traps, then the calls. */
#include "xen.h"

struct start_info *start_info;
struct shared_info *shared_info;
static u32 boot_id;
u32 vcpus_online = 1;
volatile u64 ticks[MAX_VCPUS];

extern char event_entry[], failsafe_entry[], trap_entries[];
void *map_frame(u64 mfn, u32 slot);
void fuzz(void);

void poweroff(u32 reason) {
    for (;;) hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&reason, 0, 0);
}

void vcpu_main(u32 me) { (void)me; for (;;) block(); }

void trap(struct registers *r) {
    console_unlock();
    print("\nFUZZ-TRAP %u error %x at %x\n", r->vector, r->error, r->rip);
    poweroff(SHUTDOWN_crash);
}

void main(struct start_info *info) {
    static struct trap_info traps[32];
    u32 n = 0;
    start_info = info;
    hypercall(25, 2, (u64)&boot_id, 0, 0);
    memory_init();
    shared_info = map_frame(info->shared_info >> 12, 0);
    for (u32 vector = 0; vector < 20; vector++)
        if (vector != 2 && vector != 9 && vector != 15)
            traps[n++] = (struct trap_info){vector, 0, KERNEL_CS, 0, (u64)trap_entries + 16 * vector};
    hypercall(HYPERVISOR_set_trap_table, (u64)traps, 0, 0, 0);
    hypercall(HYPERVISOR_set_callbacks, (u64)event_entry, (u64)failsafe_entry, 0, 0);
    events_init();
    console_init();
    fuzz();
}
