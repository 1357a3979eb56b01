#include "attack.h"

struct start_info *start_info;
struct shared_info *shared_info;
u32 vcpus_online = 1;
volatile u64 ticks[MAX_VCPUS];
volatile int stop;
volatile u64 expected_first, expected_last, faults[MAX_VCPUS];

static const struct { const char *name; void (*run)(void); } attacks[] = {
    {"race", attack_race}, {"take", attack_take}, {"quota", attack_quota}, {"canary", attack_canary},
    {"exchange", attack_exchange}, {"cacheflush", attack_cacheflush}, {"console", attack_console}, {"pin", attack_pin},
    {"calls", attack_calls}, {"handle", attack_handle}, {"leak", attack_leak}, {"late", attack_late}, {"offer", attack_offer}, {"hold", attack_hold},
    {"own", attack_own}, {"smc", attack_smc}, {"stale", attack_stale}, {"table", attack_table}, {"flush", attack_flush},
    {"rings", attack_rings}, {"mix", attack_mix}, {"kept", attack_kept},
};

extern char event_entry[], failsafe_entry[], trap_entries[], vcpu_start[];
void resume(struct registers *r) __attribute__((noreturn));

void poweroff(u32 reason) {
    for (;;) hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&reason, 0, 0);
}
/* What mini measures about itself is not needed here. */
void ticked(void) {}

void trap(struct registers *r) {
    u64 address = shared_info->vcpu[vcpu_id()].cr2;
    if (r->vector == 14 && address >= expected_first && address < expected_last) {
        faults[vcpu_id()]++;
        resume(r);
    }
    console_unlock();
    print("\nvCPU %u: trap %u error %x at %x, address %x\n", (u64)vcpu_id(), r->vector, r->error, r->rip, address);
    poweroff(SHUTDOWN_crash);
}

static u32 traps_of(struct trap_info *traps) {
    u32 n = 0;
    for (u32 vector = 0; vector < 20; vector++) {
        if (vector == 2 || vector == 9 || vector == 15) continue;
        traps[n++] = (struct trap_info){vector, vector == 3 ? 3 : 0, KERNEL_CS, 0, (u64)trap_entries + 16 * vector};
    }
    return n;
}

/* ---- vCPUs ---- */

static volatile job jobs[MAX_VCPUS];
static u8 stacks[MAX_VCPUS][8192] __attribute__((aligned(4096), section(".bss.page")));
static u32 numbers[MAX_VCPUS];
static struct vcpu_guest_context context;

void give_job(u32 vcpu, job function) { jobs[vcpu] = function; }

void vcpu_main(u32 me) {
    __atomic_add_fetch(&vcpus_online, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        while (!jobs[me]) asm volatile("pause");
        jobs[me](me);
        jobs[me] = 0;
    }
}

static void start_vcpu(u32 n) {
    clear_bytes(&context, sizeof context);
    numbers[n] = n;
    context.flags = 5;                             /* VGCF_i387_valid, VGCF_in_kernel */
    context.fpu[0] = 0x7f; context.fpu[1] = 3;     /* FCW */
    context.fpu[24] = 0x80; context.fpu[25] = 0x1f; /* MXCSR */
    context.user_regs.rip = (u64)vcpu_start;
    context.user_regs.cs = KERNEL_CS;
    context.user_regs.ss = context.user_regs.ds = context.user_regs.es = KERNEL_SS;
    context.user_regs.rsp = (u64)stacks[n] + sizeof stacks[n];
    context.user_regs.rflags = 1 << 9;
    context.user_regs.rdi = n;
    struct trap_info traps[20];
    for (u32 i = traps_of(traps); i--;) context.trap[traps[i].vector] = traps[i];
    context.kernel_ss = KERNEL_SS;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = mfn_of((void *)start_info->pt_base) << 12;
    context.event_callback = (u64)event_entry;
    context.failsafe_callback = (u64)failsafe_entry;
    context.gs_base_kernel = (u64)&numbers[n];
    u32 before = *(volatile u32 *)&vcpus_online;
    if (hypercall(HYPERVISOR_vcpu_op, VCPUOP_initialise, n, (u64)&context, 0)) return;
    if (hypercall(HYPERVISOR_vcpu_op, VCPUOP_up, n, 0, 0)) return;
    while (*(volatile u32 *)&vcpus_online == before) asm volatile("pause");
}

void wait_ms(u64 milliseconds) {
    for (u64 end = now() + milliseconds * 1000000; now() < end;) hypercall(HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
}

void log_line(const char *text, u32 count, const s64 *values) {
    char line[160], digits[24];
    u32 n = 0;
    while (*text) line[n++] = *text++;
    for (u32 i = 0; i < count && n < sizeof line - 32; i++) {
        u32 d = 0;
        u64 left = values[i] < 0 ? -values[i] : values[i];
        line[n++] = ' ';
        if (values[i] < 0) line[n++] = '-';
        do digits[d++] = '0' + left % 10; while (left /= 10);
        while (d) line[n++] = digits[--d];
    }
    line[n++] = '\n';
    hypercall(HYPERVISOR_console_io, 0, n, (u64)line, 0);
}

/* ---- command line ---- */

const char *option_text(const char *name) {
    for (const char *p = start_info->cmd_line; *p; p++)
        if ((p == (char *)start_info->cmd_line || p[-1] == ' ') && starts(p, name) && p[length(name)] == '=') return p + length(name) + 1;
    return NULL;
}
u64 option(const char *name, u64 otherwise) {
    const char *p = option_text(name);
    if (!p) return otherwise;
    u64 value = 0;
    for (; *p >= '0' && *p <= '9'; p++) value = value * 10 + *p - '0';
    return value;
}

void main(struct start_info *info) {
    static struct trap_info traps[32];
    start_info = info;
    /* SEGBASE_GS_KERNEL */
    hypercall(25, 2, (u64)&numbers[0], 0, 0);
    memory_init();
    traps_of(traps);
    hypercall(HYPERVISOR_set_trap_table, (u64)traps, 0, 0, 0);
    hypercall(HYPERVISOR_set_callbacks, (u64)event_entry, (u64)failsafe_entry, 0, 0);
    shared_info = map_frame(start_info->shared_info >> 12, 0);
    events_init();
    console_init();
    shared_info->vcpu[0].evtchn_upcall_mask = 1;
    for (u32 n = 1; n < MAX_VCPUS && hypercall(HYPERVISOR_vcpu_op, VCPUOP_is_up, n, 0, 0) >= 0; n++) start_vcpu(n);
    print("ATTACK %u vCPUs, %s\n", (u64)vcpus_online, start_info->cmd_line);
    const char *name = option_text("attack");
    for (u32 i = 0; i < sizeof attacks / sizeof *attacks; i++)
        if (name && starts(name, attacks[i].name) && (u8)name[length(attacks[i].name)] <= ' ') {
            attacks[i].run();
            wait_ms(100);
            poweroff(SHUTDOWN_poweroff);
        }
    print("END no such attack\n");
    poweroff(SHUTDOWN_crash);
}
