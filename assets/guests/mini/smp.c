/* Secondary vCPUs, ticks and load. vCPU n makes load while n < load_vcpus. Otherwise it sleeps. */
#include "xen.h"

u32 vcpus_online = 1;
volatile u32 load_vcpus;
volatile u64 work_done[MAX_VCPUS];
volatile u64 ticks[MAX_VCPUS];

enum { STACK = 8192, TICK_NS = 100000000 };
static u8 stacks[MAX_VCPUS][STACK] __attribute__((aligned(4096), section(".bss.page")));
static u32 ids[MAX_VCPUS], wake_ports[MAX_VCPUS], tick_ports[MAX_VCPUS];
static volatile int stopping;
static struct vcpu_guest_context context;

extern char event_entry[], failsafe_entry[], vcpu_start[];
void traps_fill(struct trap_info *table);
u64 current_cr3(void);

static void woken(u32 port) { (void)port; woken_at[vcpu_id()] = now(); }

void wake(u32 vcpu) { event_send(wake_ports[vcpu]); }

/* About a millisecond of arithmetic. Returns 0 if this vCPU has nothing to do. */
int work(void) {
    u32 me = vcpu_id();
    if (me >= load_vcpus) return 0;
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
        __atomic_add_fetch(&vcpus_online, 1, __ATOMIC_SEQ_CST);
        wake(0);
        while (!stopping) {
            if (work()) continue;
            events_mask();
            if (me >= load_vcpus && !stopping) block();
            else events_unmask();
        }
        events_mask();
        /* In a restored domain it starts from the beginning. If a suspend was cancelled, it comes back from here. */
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
    u32 before = *(volatile u32 *)&vcpus_online;
    if (hypercall(HYPERVISOR_vcpu_op, VCPUOP_up, n, 0, 0)) return;
    /* Only one at a time, because `context` and the count are shared. */
    for (;;) {
        events_mask();
        if (*(volatile u32 *)&vcpus_online != before) break;
        block();
    }
    events_unmask();
}

static int is_up(u32 vcpu) { return hypercall(HYPERVISOR_vcpu_op, VCPUOP_is_up, vcpu, 0, 0) > 0; }

/* Leaves vCPU 0 alone and without its tick. smp_init() brings the others up again, with the load that was asked for. */
void smp_stop(void) {
    stopping = 1;
    fence();
    for (u32 n = 1; n < vcpus_online; n++) wake(n);
    for (u32 n = 0; n < vcpus_online; n++) {
        while (n && is_up(n)) hypercall(HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
        event_close(wake_ports[n], n);
        event_close(tick_ports[n], n);
    }
    vcpus_online = 1;
}

void smp_init(void) {
    stopping = 0;
    wake_ports[0] = event_bind_ipi(0, woken);
    start_tick(0);
    for (u32 n = 1; n < MAX_VCPUS; n++) {
        /* VCPUOP_is_up returns -ENOENT if the domain has no such vCPU. */
        if (hypercall(HYPERVISOR_vcpu_op, VCPUOP_is_up, n, 0, 0) < 0) break;
        start(n);
    }
}

void set_load(u32 vcpus) {
    load_vcpus = vcpus;
    fence();
    for (u32 n = 1; n < vcpus_online; n++) wake(n);
}
