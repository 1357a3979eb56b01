/* Start of day of the hostile guest: traps, then the calls. Its words go to Xen's log: that way cannot be lost. */
#include "fuzz.h"

struct start_info *start_info;
struct shared_info *shared_info;
static u32 boot_id;
u32 vcpus_online = 1;
volatile u64 ticks[MAX_VCPUS];

extern char event_entry[], failsafe_entry[], trap_entries[];
void *map_frame(u64 mfn, u32 slot);
static struct trap_info traps[32];

void install_traps(void) { hypercall(HYPERVISOR_set_trap_table, (u64)traps, 0, 0, 0); }

/* Events are ignored: what they meant is lost among the calls. */
void events_init(void) { for (u32 word = 0; word < 64; word++) shared_info->evtchn_mask[word] = ~0ul; }
void events_dispatch(void) { shared_info->vcpu[0].evtchn_upcall_pending = 0; }

void say(const char *text, u64 value) {
    char line[80], digits[24];
    u32 n = 0, d = 0;
    for (; *text && n < 40; text++) line[n++] = *text;
    do digits[d++] = '0' + value % 10; while (value /= 10);
    while (d) line[n++] = digits[--d];
    line[n++] = '\n';
    hypercall(HYPERVISOR_console_io, 0, n, (u64)line, 0);
}

void poweroff(u32 reason) {
    for (;;) hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&reason, 0, 0);
}

void vcpu_main(u32 me) { (void)me; for (;;) hypercall(HYPERVISOR_sched_op, SCHEDOP_block, 0, 0, 0); }

/* How deep in traps: a trap inside a trap means that what the handler needs is lost. */
static u32 depth;

void trap(struct registers *r) {
    if (depth++) {
        if (depth == 2) say("FUZZ-TRAP in a trap ", r->vector);
        poweroff(SHUTDOWN_crash);
    }
    /* CR2 stands in vcpu_info, at 16. */
    u64 address = r->vector == 14 ? *(volatile u64 *)((char *)shared_info + 16) : 0;
    depth = 0;
    fuzz_trapped(r->vector, address);
    say("FUZZ-TRAP ", r->vector);
    poweroff(SHUTDOWN_crash);
}

void main(struct start_info *info) {
    u32 n = 0;
    start_info = info;
    hypercall(25, 2, (u64)&boot_id, 0, 0);
    memory_init();
    shared_info = map_frame(info->shared_info >> 12, 0);
    for (u32 vector = 0; vector < 20; vector++)
        if (vector != 2 && vector != 9 && vector != 15)
            traps[n++] = (struct trap_info){vector, 0, KERNEL_CS, 0, (u64)trap_entries + 16 * vector};
    install_traps();
    hypercall(HYPERVISOR_set_callbacks, (u64)event_entry, (u64)failsafe_entry, 0, 0);
    events_init();
    fuzz();
}
