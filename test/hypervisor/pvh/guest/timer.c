/* The local APIC's timer: its three modes, what stops it and what does not, and settings that make no sense. */
#include "pvh.h"

enum { TIMER = 0x320, INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3e0, BY_1 = 11, BY_2 = 0, BY_128 = 10 };
enum { MASKED = 0x10000, PERIODIC = 0x20000, TSC_DEADLINE = 0x40000, RESERVED = 0x60000 };
enum { DEADLINE_MSR = 0x6e0 };
#define VECTOR 0x70u
/* The TSC counts nanoseconds. The timer counts bus cycles of 10 ns. */
#define MS 1000000ul
#define CYCLES 100000u

static volatile u32 ticks;
static void tick(struct regs *r)
{
    if (r->vector == VECTOR) ticks++;
    apic_write(0xb0, 0);
}
static u64 tsc(void)
{
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (u64)high << 32;
}
/* Sleeps until that many ticks have come. Returns how long that took, in ns. */
static u64 wait(u32 count, u64 began)
{
    ticks = 0;
    while (ticks < count) asm volatile("sti; hlt; cli" ::: "memory");
    return tsc() - began;
}
/* Stays awake with interrupts on. Returns how many ticks come. */
static u32 come_in(u64 ns)
{
    u64 end = tsc() + ns;
    ticks = 0;
    asm volatile("sti" ::: "memory");
    while (tsc() < end) asm volatile("pause");
    asm volatile("cli" ::: "memory");
    return ticks;
}
static u64 begin(u32 entry, u32 divide, u32 count)
{
    apic_write(DIVIDE, divide);
    apic_write(TIMER, entry | VECTOR);
    u64 now = tsc();
    apic_write(INITIAL, count);
    return now;
}

static void once(void)
{
    /* This is so long that it is not over, even if the vCPU gets no pCPU for a long time. */
    begin(0, BY_1, 10000 * CYCLES);
    u32 first = apic_read(CURRENT), second;
    do second = apic_read(CURRENT);
    while (second == first);
    say("COUNTS %d", (u64)(first <= 10000 * CYCLES && second < first));
    /* The register has another value each time it is read. An instruction that reads and writes it must still come to its end. */
    volatile u32 *current = (volatile u32 *)(0xfee00000ul + CURRENT);
    u32 one = 1, before = *current;
    asm volatile("lock addl $1, %0; lock incl %0; lock btsl $0, %0; lock xaddl %1, %0; xchgl %1, %0; lock negl %0"
                 : "+m"(*current), "+r"(one) :: "memory");
    u32 after = *current;
    say("LOCKED %d", (u64)(one <= before && after && after < before));
    u64 began = begin(0, BY_1, 10 * CYCLES);
    u64 took = wait(1, began);
    say("ONCE early %d current %d again %d", (u64)(took < 10 * MS), (u64)apic_read(CURRENT), (u64)come_in(12 * MS));
    /* A divisor makes the wait long, and another divisor then makes it short. */
    began = begin(0, BY_128, 10 * CYCLES);
    apic_write(DIVIDE, BY_2);
    took = wait(1, began);
    say("DIVIDED early %d late %d", (u64)(took < 20 * MS), (u64)(took > 1280 * MS));
    begin(0, BY_1, 50 * CYCLES);
    apic_write(INITIAL, 0);
    say("STOPPED %d", (u64)come_in(60 * MS));
}

static void again(void)
{
    u64 began = begin(PERIODIC, BY_1, 2 * CYCLES);
    u64 took = wait(10, began);
    say("AGAIN early %d", (u64)(took < 20 * MS));
    apic_write(TIMER, PERIODIC | MASKED | VECTOR);
    /* Takes an interrupt that was requested before. */
    come_in(0);
    say("MASKED %d counts %d", (u64)come_in(6 * MS), (u64)(apic_read(CURRENT) != 0));
    apic_write(TIMER, PERIODIC | VECTOR);
    say("UNMASKED %d", (u64)(wait(2, tsc()) != 0));
    /* The timer goes on while the vCPU does not listen, and the ticks that it missed arrive later. */
    u64 end = tsc() + 20 * MS;
    while (tsc() < end) asm volatile("pause");
    /* There come more ticks than one for each millisecond of listening, so these are the missed ones. */
    u64 listened = tsc();
    ticks = 0;
    asm volatile("sti" ::: "memory");
    while (ticks < (tsc() - listened) / MS + 9 && tsc() - listened < 10000 * MS) asm volatile("pause");
    asm volatile("cli" ::: "memory");
    say("MISSED %d", (u64)(ticks >= 9 && tsc() - listened < 10000 * MS));
    /* The APIC is switched off by its register, which masks the entries of its vector table. */
    apic_write(0xf0, 0xff);
    apic_write(0xf0, 0x1ff);
    come_in(0);
    say("OFF %d entry %x", (u64)come_in(6 * MS), (u64)apic_read(TIMER));
    /* 10 ns is asked for, but no period is below 100 us. */
    began = begin(PERIODIC, BY_1, 1);
    u32 came = 0;
    while (!came) came = come_in(20 * MS);
    say("SHORT %d", (u64)(came <= (tsc() - began) / (50 * (MS / 1000))));
    apic_write(INITIAL, 0);
}

static void deadline(void)
{
    u32 a, b, c, d;
    cpuid(1, 0, &a, &b, &c, &d);
    /* This time is not over before the mode is changed, even if the vCPU gets no pCPU for a long time. */
    begin(0, BY_1, 10000 * CYCLES);
    wrmsr(DEADLINE_MSR, tsc() + MS);
    say("ANNOUNCED %d in another mode %x", (u64)(c >> 24 & 1), rdmsr(DEADLINE_MSR));
    apic_write(TIMER, TSC_DEADLINE | VECTOR);
    say("CHANGED initial %d", (u64)apic_read(INITIAL));
    apic_write(INITIAL, 77);
    come_in(0);
    u64 began = tsc(), at = began + 50 * MS;
    wrmsr(DEADLINE_MSR, at);
    u64 kept = rdmsr(DEADLINE_MSR);
    u64 took = wait(1, began);
    say("DEADLINE kept %d early %d after %x initial %d", (u64)(kept == at), (u64)(took < 50 * MS), rdmsr(DEADLINE_MSR),
        (u64)apic_read(INITIAL));
    ticks = 0;
    wrmsr(DEADLINE_MSR, 1);
    while (!ticks) asm volatile("sti; hlt; cli" ::: "memory");
    u32 past = ticks;
    wrmsr(DEADLINE_MSR, tsc() + 50 * MS);
    wrmsr(DEADLINE_MSR, 0);
    say("PAST %d cleared %d", (u64)past, (u64)come_in(60 * MS));
    wrmsr(DEADLINE_MSR, ~0ul);
    say("FAR %d kept %d", (u64)come_in(2 * MS), (u64)(rdmsr(DEADLINE_MSR) == ~0ul));
    apic_write(TIMER, RESERVED | VECTOR);
    apic_write(INITIAL, 100);
    wrmsr(DEADLINE_MSR, 1);
    u32 reserved = come_in(2 * MS);
    /* Vectors below 16 are not for interrupts. The APIC reports that, and delivers none. */
    apic_write(0x280, 0);
    apic_write(DIVIDE, BY_1);
    apic_write(TIMER, 5);
    apic_write(INITIAL, 100);
    u32 illegal = 0, error = 0;
    /* The thread of the pCPU may have stood still for as long as one look takes. */
    for (u64 since = tsc(); !error && tsc() - since < 100 * MS;) {
        illegal += come_in(MS);
        apic_write(0x280, 0);
        error = apic_read(0x280);
    }
    say("ILLEGAL %d error %x", (u64)illegal, (u64)error);
    say("RESERVED %d", (u64)reserved);
}

void timer(void)
{
    on_interrupt = tick;
    apic_write(0xf0, 0x1ff);
    once();
    again();
    deadline();
    say("END");
    power_off(0);
}

/* Writes whatever can be written, on every vCPU. The vCPUs are also reset and started again while their timers count. */
static u64 state = 88172645463325252ul;
static u64 dice(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}
static u32 rounds;
static void set_anything(u32 vcpu)
{
    (void)vcpu;
    on_interrupt = tick;
    for (;;) {
        apic_write(0xf0, 0x1ff);
        for (u32 i = 0; i < 50; i++) switch (dice() % 8) {
        case 0: apic_write(TIMER, (dice() & (MASKED | RESERVED)) | (32 + dice() % 224)); break;
        case 1: apic_write(TIMER, dice() | 32); break;
        case 2: apic_write(INITIAL, dice() % 4 ? dice() % 1000 : dice()); break;
        case 3: apic_write(DIVIDE, dice()); break;
        case 4: wrmsr(DEADLINE_MSR, dice() % 3 ? tsc() + dice() % MS : dice()); break;
        case 5: apic_read(CURRENT); break;
        case 6: wrmsr(0x10, dice()); break;
        default: asm volatile("sti; nop; nop; cli" ::: "memory");
        }
        __atomic_add_fetch(&rounds, 1, __ATOMIC_SEQ_CST);
    }
}
void timers(void)
{
    u32 vcpus = number_of("vcpus", 2);
    others_work = set_anything;
    for (u32 turn = 0; turn < 20; turn++) {
        u32 before = rounds;
        vcpus_up = 1;
        start_vcpus(vcpus);
        while (rounds < before + 20) asm volatile("pause");
    }
    say("TIMERS %d", (u64)vcpus_up);
    say("END");
    /* The machine goes off while timers count. */
    power_off(0);
}
