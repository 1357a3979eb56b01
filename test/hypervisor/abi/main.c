/* Start of day, the printing of results, and what the checks share. */
#include "abi.h"

struct start_info *start_info;
struct shared_info *shared_info;
u32 vcpus_online = 1;
volatile u64 ticks[MAX_VCPUS];
struct seen seen;
u8 spare_pages[8][PAGE] __attribute__((aligned(4096), section(".bss.page")));

extern char event_entry[], abi_traps[], entry_failsafe[], entry_syscall[], entry_sysenter[], entry_syscall32[], entry_software[];
static struct trap_info traps[40];

void events_init(void) { for (u32 word = 0; word < 64; word++) shared_info->evtchn_mask[word] = ~0ul; }
void events_dispatch(void) { shared_info->vcpu[0].evtchn_upcall_pending = 0; }
void vcpu_main(u32 me) { (void)me; for (;;) hypercall(HYPERVISOR_sched_op, SCHEDOP_block, 0, 0, 0); }
void trap(struct registers *r) { (void)r; }

static char line[256];
static u32 used;
static void text(const char *s) { while (*s && used < sizeof line - 20) line[used++] = *s++; }
static void hex(u64 value) {
    char digits[16];
    u32 n = 0;
    do digits[n++] = "0123456789abcdef"[value & 15]; while (value >>= 4);
    text("0x");
    while (n) line[used++] = digits[--n];
}
static void number(u64 value) {
    if ((s64)value < 0 && (s64)value > -4096) {
        char digits[8];
        u32 n = 0;
        value = -value;
        do digits[n++] = '0' + value % 10; while (value /= 10);
        text("-");
        while (n) line[used++] = digits[--n];
    } else hex(value);
}
static void begin_as(const char *what, const char *name) { used = 0; text(what); text(" "); text(name); text(": "); }
static void begin(const char *name) { begin_as("CHECK", name); }
static void end(void) {
    line[used++] = '\n';
    hypercall(HYPERVISOR_console_io, 0, used, (u64)line, 0);
}

void report(const char *what, const char *name, u64 value) { begin_as(what, name); number(value); end(); }
void check(const char *name, u64 value) { begin(name); number(value); end(); }

static void entry_text(const void *start) {
    if (seen.kind == NOTHING) { text("nothing"); return; }
    if (seen.kind == FAILSAFE) text("failsafe");
    else if (seen.kind == SYSCALL) text("syscall");
    else if (seen.kind == SYSENTER) text("sysenter");
    else if (seen.kind == SYSCALL32) text("syscall32");
    else if (seen.kind == SOFTWARE) text("software");
    else { text("trap "); hex(seen.kind); }
    text(" error "); hex(seen.error);
    text(" rip "); number(seen.rip - (u64)start);
    text(" cs "); hex(seen.cs);
    /* The code itself changes CF, PF, AF, ZF, SF and OF. */
    text(" flags "); hex(seen.rflags & ~0x8d5ul);
    text(" ss "); hex(seen.ss);
}
void check_entry(const char *name, const void *start) { begin(name); entry_text(start); end(); }
void check_stack(const char *name, u64 stack) { begin(name); number(seen.rsp - stack); end(); }

static int has_error(u64 kind) { return kind == 8 || (kind >= 10 && kind <= 14) || kind == 17 || kind == 21; }

void trap_met(u64 *frame) {
    seen.rcx = *frame++;
    seen.r11 = *frame++;
    if (seen.kind == FAILSAFE) {
        seen.ds = frame[0]; seen.es = frame[1]; seen.fs = frame[2]; seen.gs = frame[3];
        frame += 4;
    }
    seen.error = has_error(seen.kind) ? *frame++ : 0;
    seen.rip = *frame++; seen.cs = *frame++; seen.rflags = *frame++; seen.rsp = *frame++; seen.ss = *frame++;
}

void trap_lost(u64 *frame) {
    trap_met(frame);
    begin("lost"); entry_text((void *)0); end();
    for (;;) poweroff(SHUTDOWN_crash);
}

void install_traps(void) { hypercall(HYPERVISOR_set_trap_table, (u64)traps, 0, 0, 0); }

void remap(void *page, u64 flags) {
    hypercall(HYPERVISOR_update_va_mapping, (u64)page, mfn_of(page) << 12 | 0x61 | flags, 2, 0);
}

static void set_entry(u64 table_mfn, u64 index, u64 entry) {
    u64 request[2] = {table_mfn << 12 | index * 8, entry};
    hypercall(HYPERVISOR_mmu_update, (u64)request, 1, 0, DOMID_SELF);
}
void low_code(void (*code)(u64)) {
    static int mapped;
    u64 *tables[3] = {(u64 *)spare_pages[4], (u64 *)spare_pages[5], (u64 *)spare_pages[6]};
    if (!mapped) {
        tables[2][LOW >> 12] = mfn_of(spare_pages[7]) << 12 | 0x67;
        tables[1][0] = mfn_of(tables[2]) << 12 | 0x67;
        tables[0][0] = mfn_of(tables[1]) << 12 | 0x67;
        for (u32 i = 0; i < 3; i++) remap(tables[i], 0);
        set_entry(mfn_of((void *)start_info->pt_base), 0, mfn_of(tables[0]) << 12 | 0x67);
    }
    mapped = 1;
    for (u32 i = 0; i < 64; i++) ((volatile u8 *)spare_pages[7])[i] = ((u8 *)code)[i];
}

static struct iret_context user_context;
u64 attempt_user_with(void (*code)(void), u64 rflags, u64 cs, u64 ss, u64 flags) {
    user_context = (struct iret_context){0x5a, 0x11, 0xcc, flags, (u64)code, cs, rflags, (u64)user_stack_top, ss};
    return attempt(do_iret, (u64)&user_context);
}
void go_on(u64 context);
u64 attempt_on(u64 flags) {
    user_context = (struct iret_context){seen.gpr[0], seen.r11, seen.rcx, flags, seen.rip, seen.cs & 0xffff, seen.rflags, seen.rsp, seen.ss};
    return attempt(go_on, (u64)&user_context);
}
u64 attempt_user(void (*code)(void), u64 rflags) { return attempt_user_with(code, rflags, KERNEL_CS, KERNEL_SS, 0); }

void poweroff(u32 reason) {
    for (;;) hypercall(HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&reason, 0, 0);
}

/* The user uses the kernel's page tables too, because everything in a PV guest is mapped for ring 3 anyway. */
static u64 kernel_stack[1024] __attribute__((aligned(16)));

void main(struct start_info *info) {
    u32 n = 0;
    start_info = info;
    memory_init();
    shared_info = map_frame(info->shared_info >> 12, 0);
    for (u32 vector = 0; vector < 20; vector++)
        if (vector != 2 && vector != 9 && vector != 15)
            traps[n++] = (struct trap_info){vector, vector == 3 || vector == 4 ? 3 : 0, KERNEL_CS, 0, (u64)abi_traps + 32 * vector};
    traps[n++] = (struct trap_info){0x80, 3, KERNEL_CS, 0, (u64)entry_software};
    install_traps();
    hypercall(HYPERVISOR_set_callbacks, (u64)event_entry, (u64)entry_failsafe, (u64)entry_syscall, 0);
    hypercall(HYPERVISOR_stack_switch, KERNEL_SS, (u64)(kernel_stack + 1024), 0, 0);
    static struct { u16 type, flags; u32 pad; u64 address; } callback;
    callback.type = 5; callback.address = (u64)entry_sysenter;
    hypercall(HYPERVISOR_callback_op, 0, (u64)&callback, 0, 0);
    callback.type = 7; callback.address = (u64)entry_syscall32;
    hypercall(HYPERVISOR_callback_op, 0, (u64)&callback, 0, 0);
    events_init();
    mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of((void *)info->pt_base), 0);
    say_wall_clock();
    check_errno();
    check_grant();
    check_iret();
    check_debug();
    check_registers();
    check_descriptors();
    check_io();
    check_time();
    begin("end"); text("of the checks"); end();
    /* A new watchdog of 0 s is due at once. That is how this domain ends. */
    u32 watchdog[2] = {0, 0}, forever[4] = {0};
    hypercall(HYPERVISOR_sched_op, 6, (u64)watchdog, 0, 0);
    u64 poll[3] = {(u64)forever, 0, shared_info->vcpu[0].time.system_time + 3000000000};
    hypercall(HYPERVISOR_sched_op, SCHEDOP_poll, (u64)poll, 0, 0);
    poweroff(SHUTDOWN_poweroff);
}
