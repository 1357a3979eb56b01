/* The tour of a PVH guest: what it finds at its start, hypercalls in both ways, shared info, a timer's event by its vector, another vCPU, and
 * power-off. */
#include "pvh.h"

extern u32 start_info_at, entry_cr0, hello_result, parameters32[2];

struct start_info *info;
volatile u64 resume_at, skip_faults, fault_address;
volatile u32 faults, last_vector;
void (*volatile on_interrupt)(struct regs *);
void (*volatile on_trap)(struct regs *);

static u8 hypercall_page[PAGE] __attribute__((aligned(4096)));
static volatile u32 events, ticks;

/* Guest frames at which nothing is. */
#define SHARED_INFO 0x20000ul
#define HOLE 0x30000ul

void trap(struct regs *r)
{
    if (r->vector >= 32) {
        if (on_interrupt) on_interrupt(r);
        return;
    }
    if (r->vector <= 2 && r->vector && on_trap) {
        on_trap(r);
        return;
    }
    last_vector = r->vector;
    asm volatile("mov %%cr2, %0" : "=r"(fault_address));
    if (skip_faults) {
        faults++;
        r->rip = skip_faults;
        return;
    }
    if (resume_at) {
        faults++;
        r->rip = resume_at;
        resume_at = 0;
        return;
    }
    say("TRAP %d error %x at %x cr2 %x", r->vector, r->error, r->rip, fault_address);
    power_off(3);
}

s64 add_to_physmap(u32 space, u64 index, u64 gfn)
{
    struct add_to_physmap a = { SELF, 0, space, index, gfn };
    return hypercall(MEMORY_OP, MEM_ADD_TO_PHYSMAP, (u64)&a, 0, 0);
}

/* The upcall of events: clears the pending flag and the selector of this vCPU in shared info. */
static void upcall(struct regs *r)
{
    volatile u8 *vcpu = (volatile u8 *)(SHARED_INFO * PAGE);
    events++;
    last_vector = r->vector;
    __atomic_exchange_n(vcpu, 0, __ATOMIC_SEQ_CST);
    __atomic_exchange_n((volatile u64 *)(vcpu + 8), 0, __ATOMIC_SEQ_CST);
    __atomic_exchange_n((volatile u64 *)(vcpu + 2048), 0, __ATOMIC_SEQ_CST);
    apic_write(0xb0, 0);
}

static void about_memory(void)
{
    struct memmap_entry *map = (struct memmap_entry *)info->memmap;
    say("START magic %x version %d modules %d cmdline %s", (u64)info->magic, (u64)info->version, (u64)info->modules,
        (char *)info->cmdline);
    for (u32 i = 0; i < info->memmap_entries; i++)
        say("MAP %x %x type %d", map[i].address, map[i].size, (u64)map[i].type);
    u8 sum = 0;
    for (u32 i = 0; i < 36; i++) sum += ((u8 *)info->rsdp)[i];
    say("RSDP %x sum %d", info->rsdp, (u64)sum);
    if (info->modules) {
        u64 *module = (u64 *)info->modlist;
        say("MODULE %d bytes begins %x", module[1], (u64)*(u32 *)module[0]);
    }
}

static void about_cpu(void)
{
    u32 a, b, c, d;
    cpuid(0x40000000, 0, &a, &b, &c, &d);
    say("XEN leaves %x %s", (u64)a, b == 0x566e6558 && c == 0x65584d4d && d == 0x4d4d566e ? "XenVMMXenVMM" : "?");
    cpuid(0x40000004, 0, &a, &b, &c, &d);
    say("LEAF4 %x vcpu %d", (u64)a, (u64)b);
    u32 feature[2] = { 0, 0 };
    s64 result = hypercall(XEN_VERSION, 6, (u64)feature, 0, 0);
    say("FEATURES %d %x", result, (u64)feature[1]);
    cpuid(0x40000002, 0, &a, &b, &c, &d);
    wrmsr(b, (u64)hypercall_page);
    s64 version;
    asm volatile("call *%1" : "=a"(version) : "r"(hypercall_page + XEN_VERSION * 32), "D"(0), "S"(0) : "memory");
    say("PAGE version %x", version);
    resume_at = (u64)&&after;
    asm goto("mov $0x12345, %%ecx; rdmsr" ::: "eax", "ecx", "edx" : after);
after:
    say("MSR fault %d", (u64)last_vector);
    u32 in;
    asm volatile("inl %w1, %0" : "=a"(in) : "d"(0xcf8));
    say("PORT %x HOLE %x", (u64)in, *(volatile u64 *)(HOLE * PAGE + 0x123));
    say("APIC id %x version %x base %x", (u64)apic_read(0x20), (u64)apic_read(0x30), rdmsr(0x1b));
}

/* Whether an event arrives within that many nanoseconds of the TSC. */
static int timer_came(u32 before, u64 ns)
{
    u32 low, high;
    u64 first = 0, now;
    do {
        asm volatile("sti; pause; cli; rdtsc" : "=a"(low), "=d"(high) :: "memory");
        now = low | (u64)high << 32;
        if (!first) first = now;
    } while (events == before && now - first < ns);
    return events != before;
}

static void about_events(void)
{
    say("SHARED %d", add_to_physmap(SPACE_SHARED_INFO, 0, SHARED_INFO));
    u32 bind[3] = { 0, 0, 0 };
    say("VIRQ %d", hypercall(EVENT_CHANNEL_OP, 1, (u64)bind, 0, 0));
    apic_write(0xf0, 0x1ff);
    struct { u32 vcpu; u8 vector; } upcalls = { 0, 0x50 };
    on_interrupt = upcall;
    say("VECTOR %d", hypercall(HVM_OP, 23, (u64)&upcalls, 0, 0));
    u32 unmask = bind[2];
    hypercall(EVENT_CHANNEL_OP, 9, (u64)&unmask, 0, 0);
    asm volatile("sti");
    for (u32 i = 0; i < 3; i++) {
        u32 before = events;
        u64 now = *(volatile u64 *)(SHARED_INFO * PAGE + 32 + 16);
        hypercall(SET_TIMER_OP, now + 20000000 * (i + 1), 0, 0, 0);
        while (events == before) asm volatile("sti; hlt; cli" ::: "memory");
    }
    asm volatile("cli");
    /* A time has 64 bits, of which 32-bit code passes the low half first. This time is one hour away, so it must not be over. */
    u64 then = *(volatile u64 *)(SHARED_INFO * PAGE + 32 + 16) + 3600000000000ul;
    u32 before = events;
    s32 set = hypercall32(SET_TIMER_OP, 1, then >> 32);
    say("TIMER32 %d early %d", (s64)set, (u64)timer_came(before, 100000000));
    then -= 3600000000000ul - 200000000;
    set = hypercall32(SET_TIMER_OP, (u32)then, then >> 32);
    say("TIMER32 %d comes %d", (s64)set, (u64)timer_came(before, 20000000000ul));
    say("EVENTS %s vector %x", events >= 3 ? "came" : "missed", (u64)last_vector);
}

void (*volatile others_work)(u32 vcpu);

static void tick(struct regs *r)
{
    (void)r;
    __atomic_add_fetch(&ticks, 1, __ATOMIC_SEQ_CST);
    apic_write(0xb0, 0);
}

void begin(u32 which)
{
    traps_load();
    if (which) {
        apic_write(0xf0, 0x1ff);
        if (others_work) others_work(which);
        for (;;) asm volatile("sti; hlt" ::: "memory");
    }
    info = (struct start_info *)(u64)start_info_at;
    traps_fill();
    say("PARAMETERS %x behind %x", (u64)parameters32[0], (u64)parameters32[1]);
    say("LONG cr0 at entry %x hello %d", (u64)entry_cr0, (s64)(s32)hello_result);
    if (has_word("races") || has_word("nonsense") || has_word("rights") || has_word("trapped") || has_word("rewritten")
        || has_word("undeliverable"))
        attack();
    if (has_word("rules")) rules();
    if (has_word("timer")) timer();
    if (has_word("timers")) timers();
    if (has_word("restarts")) restarts();
    if (has_word("inspected")) inspected();
    if (has_word("changing")) inspected_changing();
    if (has_word("calls")) endless_calls();
    if (has_word("device")) device();
    if (has_word("demand")) demand();
    if (has_word("kept")) kept();
    if (has_word("shared")) shared();
    if (has_word("touched")) touched();
    if (has_word("accesses")) accesses();
    if (has_word("modes")) modes();
    if (has_word("xstate")) xstate();
    if (has_word("echo") || has_word("spoiler") || has_word("giver")) own_console();
    about_memory();
    about_cpu();
    about_events();
    u64 vcpus = number_of("vcpus", 1);
    if (vcpus > 1) {
        start_vcpus(vcpus);
        on_interrupt = tick;
        apic_write(0x310, 2 << 24);
        for (u32 i = 0; i < 100; i++) {
            u32 before = ticks;
            apic_write(0x310, 2 << 24);
            apic_write(0x300, 0x4060);
            while (ticks == before) asm volatile("pause");
        }
        say("IPIS %d", (u64)ticks);
    }
    say("END");
    power_off(0);
}
