/* Start of day: the command line, traps and the other vCPUs. The guest writes to Xen's log, because nothing it does itself can break that way. */
#include "fuzz.h"

struct start_info *start_info;
struct shared_info *shared_info;
u32 vcpus_online = 1;
volatile u64 ticks[MAX_VCPUS];
struct lane lanes[LANES];
u32 lane_count = 1;
u64 peers[2], wild_permille, calls_wanted;
u8 stacks[LANES][STACK] __attribute__((aligned(32768), section(".bss.page")));

extern char event_entry[], failsafe_entry[], trap_entries[], vcpu_start[], syscall_entry[], int_entry[];
static struct trap_info traps[32];

static void traps_fill(void) {
    u32 n = 0;
    for (u32 vector = 0; vector < 20; vector++)
        if (vector != 2 && vector != 9 && vector != 15)
            traps[n++] = (struct trap_info){vector, vector == 3 || vector == 4 ? 3 : 0, KERNEL_CS, 0, (u64)trap_entries + 16 * vector};
    traps[n] = (struct trap_info){0x80, 3, KERNEL_CS, 0, (u64)int_entry};
}
void install_traps(void) {
    struct lane *l = self();
    hypercall(HYPERVISOR_set_trap_table, (u64)traps, 0, 0, 0);
    hypercall(HYPERVISOR_set_callbacks, (u64)event_entry, (u64)failsafe_entry, (u64)syscall_entry, 0);
    hypercall(HV_stack_switch, KERNEL_SS, (u64)stacks[l->id] + STACK / 2, 0, 0);
}

/* Events are taken and nothing is done with them. */
void events_dispatch(void) {
    struct lane *l = self();
    l->info->evtchn_upcall_pending = 0;
    if (shared_info) for (u32 word = 0; word < 64; word++) shared_info->evtchn_pending[word] = 0;
}

u32 append(char *line, u32 n, const char *text, u64 value) {
    char digits[24];
    u32 d = 0;
    while (*text) line[n++] = *text++;
    do digits[d++] = '0' + value % 10; while (value /= 10);
    while (d) line[n++] = digits[--d];
    return n;
}
void say_line(const char *text, u32 n) { hypercall(HV_console_io, 0, n, (u64)text, 0); }
void say(const char *text, u64 value) {
    char line[120];
    u32 n = append(line, 0, text, value);
    line[n++] = '\n';
    say_line(line, n);
}

void poweroff(u32 reason) {
    for (;;) hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&reason, 0, 0);
}

static u32 said_trap;

/* A trap ends the operation. A trap inside a trap means that something the handler needs is lost. */
void trap(struct registers *r) {
    struct lane *l = self();
    if (l->depth++) {
        if (l->depth == 2) say("FUZZ-TRAP in a trap ", r->vector);
        poweroff(SHUTDOWN_crash);
    }
    if (!l->resume[1]) {
        say("FUZZ-TRAP before it began ", r->vector);
        say("FUZZ-TRAP at ", r->rip);
        poweroff(SHUTDOWN_crash);
    }
    /* Logs one trap: the first that is neither a page fault nor caused by one of the privileged instructions that are tried. */
    if (r->vector == 8 && !said_trap++) say("FUZZ-TRAP double fault at ", r->rip);
    l->traps++;
    next_operation(l);
}

/* A trap that got lost would leave its handler's depth behind, so each operation begins at none. */
void next_operation(struct lane *l) {
    l->depth = 0;
    __builtin_longjmp(l->resume, 1);
}

static u64 number(const char *name) {
    const char *p = start_info->cmd_line;
    for (; *p; p++)
        if (starts(p, name)) {
            u64 n = 0;
            for (p += length(name); *p >= '0' && *p <= '9'; p++) n = n * 10 + *p - '0';
            return n;
        }
    return 0;
}

static void lane_init(struct lane *l, u32 id, u64 seed) {
    l->id = id;
    l->random[0] = seed * 0x9e3779b97f4a7c15ul + id * 0xbf58476d1ce4e5b9ul + 1;
    l->random[1] = 0xda3e39cb94b95bdbul ^ seed << 17;
    for (u32 i = 0; i < 16; i++) random64(l);
    l->info = &shared_info->vcpu[id];
    frames_init(l);
}

void vcpu_main(u32 me) {
    __atomic_add_fetch(&vcpus_online, 1, __ATOMIC_SEQ_CST);
    install_traps();
    fuzz(&lanes[me]);
}

static struct vcpu_guest_context context;

static int start(u32 n) {
    clear_bytes(&context, sizeof context);
    context.flags = 5;
    context.fpu[0] = 0x7f;
    context.fpu[1] = 3;
    context.fpu[24] = 0x80;
    context.fpu[25] = 0x1f;
    context.user_regs.rip = (u64)vcpu_start;
    context.user_regs.cs = KERNEL_CS;
    context.user_regs.ss = KERNEL_SS;
    context.user_regs.rsp = (u64)stacks[n] + STACK;
    context.user_regs.rflags = 1 << 9;
    context.user_regs.rdi = n;
    for (u32 i = 0; i < 20; i++)
        if (traps[i].address) context.trap[traps[i].vector] = traps[i];
    context.kernel_ss = KERNEL_SS;
    context.kernel_sp = (u64)stacks[n] + STACK / 2;
    context.ctrlreg[3] = mfn_of((void *)start_info->pt_base) << 12;
    context.event_callback = (u64)event_entry;
    context.failsafe_callback = (u64)failsafe_entry;
    context.syscall_callback = (u64)syscall_entry;
    u32 before = vcpus_online;
    s64 error = hypercall(HYPERVISOR_vcpu_op, VCPUOP_initialise, n, (u64)&context, 0);
    count(&lanes[0], HYPERVISOR_vcpu_op, VCPUOP_initialise, !error);
    if (error || hypercall(HYPERVISOR_vcpu_op, VCPUOP_up, n, 0, 0)) return 0;
    while (*(volatile u32 *)&vcpus_online == before) hypercall(HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
    return 1;
}

static void begin(void) {
    u64 seed = number("seed=");
    struct start_info *info = start_info;
    memory_init();
    shared_info = map_frame(info->shared_info >> 12, 0);
    shared_info->vcpu[0].evtchn_upcall_mask = 1;
    for (u32 word = 0; word < 64; word++) shared_info->evtchn_mask[word] = ~0ul;
    lanes[0].info = &shared_info->vcpu[0];
    traps_fill();
    install_traps();
    if (number("judge=")) judge_domain();
    peers[0] = number("peer=");
    peers[1] = number("other=");
    wild_permille = number("wild=");
    calls_wanted = number("count=");
    while (lane_count < LANES && hypercall(HYPERVISOR_vcpu_op, VCPUOP_is_up, lane_count, 0, 0) >= 0) lane_count++;
    for (u32 n = 0; n < lane_count; n++) lane_init(&lanes[n], n, seed);
    canaries_init();
    grants_init();
    forks_init();
    char line[80];
    u32 n = append(line, append(line, append(line, 0, "FUZZ-START seed ", seed), " wild ", wild_permille), " vcpus ", lane_count);
    line[n++] = '\n';
    say_line(line, n);
    for (n = 1; n < lane_count; n++) if (!start(n)) say("FUZZ-START no vCPU ", n);
    fuzz(&lanes[0]);
}

void main(struct start_info *info) {
    start_info = info;
    /* Runs on a stack by which the vCPU is recognised. */
    asm volatile("movq %0, %%rsp; xorl %%ebp, %%ebp; call *%1; ud2" :: "r"(stacks[0] + STACK), "r"(begin));
}
