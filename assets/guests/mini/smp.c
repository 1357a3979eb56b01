/*
 * Secondary vCPUs, ticks and load. Those run that xenstore says are online, from the start and as it changes. The first load_vcpus of them make load;
 * the others sleep.
 */
#include "xen.h"

u32 vcpus_online = 1;
volatile u32 load_vcpus;
volatile u64 work_done[MAX_VCPUS];
volatile u64 ticks[MAX_VCPUS];

enum { STACK = 8192, TICK_NS = 100000000 };
static u8 stacks[MAX_VCPUS][STACK] __attribute__((aligned(4096), section(".bss.page")));
static u32 ids[MAX_VCPUS], wake_ports[MAX_VCPUS], tick_ports[MAX_VCPUS];
/* Of each vCPU: set by itself when it runs, cleared by vCPU 0 when it is down. */
static volatile u8 online[MAX_VCPUS];
/* By vCPU 0: this one is to go down. */
static volatile u8 stopping[MAX_VCPUS];
static struct vcpu_guest_context context;

extern char event_entry[], failsafe_entry[], vcpu_start[];
void traps_fill(struct trap_info *table);
u64 current_cr3(void);

static void woken(u32 port) { (void)port; woken_at[vcpu_id()] = now(); }

void wake(u32 vcpu) { event_send(wake_ports[vcpu]); }

static void wake_all(void) {
    fence();
    for (u32 n = 1; n < MAX_VCPUS; n++) if (online[n]) wake(n);
}

int is_online(u32 vcpu) { return online[vcpu]; }

int has_load(u32 vcpu) {
    u32 before = 0;
    for (u32 n = 0; n < vcpu; n++) before += online[n];
    return online[vcpu] && before < load_vcpus;
}

/* About a millisecond of arithmetic; returns 0 when this vCPU has none to do. */
int work(void) {
    u32 me = vcpu_id();
    if (!has_load(me)) return 0;
    u64 x = work_done[me] | 1;
    for (u32 i = 0; i < 10000; i++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; }
    asm volatile("" :: "r"(x));
    work_done[me]++;
    return 1;
}

static void start_tick(u32 vcpu) {
    u64 period = TICK_NS;
    tick_ports[vcpu] = event_bind_timer(vcpu);
    hypercall(HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, vcpu, (u64)&period, 0);
}

void vcpu_main(u32 me) {
    for (;;) {
        wake_ports[me] = event_bind_ipi(me, woken);
        start_tick(me);
        shared_info->vcpu[me].evtchn_upcall_mask = 0;
        online[me] = 1;
        fence();
        wake(0);
        while (!stopping[me]) {
            if (work()) continue;
            events_mask();
            if (!has_load(me) && !stopping[me]) block();
            else events_unmask();
        }
        events_mask();
        /* In a restored domain it starts anew; it comes back from here when it is to run again in the same one. */
        hypercall(HYPERVISOR_vcpu_op, VCPUOP_down, me, 0, 0);
    }
}

static void start(u32 n) {
    clear_bytes(&context, sizeof context);
    ids[n] = n;
    context.flags = 0x4 | 0x1;                       /* VGCF_in_kernel | VGCF_i387_valid */
    context.fpu[0] = 0x7f; context.fpu[1] = 0x03;    /* FCW */
    context.fpu[24] = 0x80; context.fpu[25] = 0x1f;  /* MXCSR */
    context.user_regs.rip = (u64)vcpu_start;
    context.user_regs.cs = KERNEL_CS;
    context.user_regs.ss = context.user_regs.ds = context.user_regs.es = KERNEL_SS;
    context.user_regs.rsp = (u64)stacks[n] + STACK;
    context.user_regs.rflags = 1 << 9;
    context.user_regs.rdi = n;
    traps_fill(context.trap);
    context.kernel_ss = KERNEL_SS;
    context.kernel_sp = context.user_regs.rsp;
    context.ctrlreg[3] = current_cr3();
    context.event_callback = (u64)event_entry;
    context.failsafe_callback = (u64)failsafe_entry;
    context.gs_base_kernel = (u64)&ids[n];
    /* A vCPU that only went down still has its context. */
    s64 error = hypercall(HYPERVISOR_vcpu_op, VCPUOP_initialise, n, (u64)&context, 0);
    if (error && error != -EEXIST) return;
    stopping[n] = 0;
    if (hypercall(HYPERVISOR_vcpu_op, VCPUOP_up, n, 0, 0)) return;
    /* One at a time: `context` is shared. */
    for (;;) {
        events_mask();
        if (online[n]) break;
        block();
    }
    events_unmask();
    vcpus_online++;
}

static int is_up(u32 vcpu) { return hypercall(HYPERVISOR_vcpu_op, VCPUOP_is_up, vcpu, 0, 0) > 0; }

static void stop(u32 n) {
    stopping[n] = 1;
    fence();
    wake(n);
    while (is_up(n)) hypercall(HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
    event_close(wake_ports[n], n);
    event_close(tick_ports[n], n);
    online[n] = 0;
    vcpus_online--;
}

/* Leaves vCPU 0 alone, without its tick. smp_init() brings the others up again, to the load that was asked for. */
void smp_stop(void) {
    for (u32 n = 1; n < MAX_VCPUS; n++) if (online[n]) stop(n);
    event_close(wake_ports[0], 0);
    event_close(tick_ports[0], 0);
}

/* Makes those vCPUs run that xenstore says are online, and no others. Of vCPU 0, which the domain can't be without, it is not asked. */
void smp_follow(void) {
    /* VCPUOP_is_up says -ENOENT where the domain has no such vCPU. */
    for (u32 n = 1; n < MAX_VCPUS && hypercall(HYPERVISOR_vcpu_op, VCPUOP_is_up, n, 0, 0) >= 0; n++) {
        int wanted = store_vcpu_available(n);
        if (wanted && !online[n]) start(n);
        if (!wanted && online[n]) stop(n);
    }
    /* Whose turn it is to make load may have changed. */
    wake_all();
}

void smp_init(void) {
    wake_ports[0] = event_bind_ipi(0, woken);
    start_tick(0);
    online[0] = 1;
    smp_follow();
}

void set_load(u32 vcpus) {
    load_vcpus = vcpus;
    wake_all();
}
