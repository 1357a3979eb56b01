/*
 * Attacks of a PVH guest: on the rights of others (rights), on the second stage by two vCPUs at the same time (races), and with calls, registers,
 * ports and device accesses that make no sense (nonsense); a vCPU whose traps are written where its stack was (trapped), and one that is to be given
 * a new state while it runs (rewritten).
 */
#include "pvh.h"

/* The first of 16 guest frames that both vCPUs take away, put back, move and write to. */
#define FIRST 0x8000ul
#define COUNT 16ul
/* The frame of the grant table, and the place where grants are mapped. */
#define TABLE 0x9000ul
#define MAPPED 0xa000ul

struct map_grant { u64 host; u32 flags, ref; u16 domid; short status; u32 handle; u64 bus; };
struct unmap_grant { u64 host, bus; u32 handle; short status; };

static u64 seed = 88172645463325252ul;
static u64 dice(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static s64 reserve(u64 operation, u64 gfn)
{
    struct reservation r = { &gfn, 1, 0, 0, SELF };
    return hypercall(MEMORY_OP, operation, (u64)&r, 0, 0);
}

static u32 own_domid(void)
{
    u32 a, b, c, d;
    cpuid(0x40000004, 0, &a, &b, &c, &d);
    return c;
}

static volatile u32 stop, stopped, foreign, mapped;

/* The frame must hold zeroes or what one of this domain's vCPUs has written. */
static void look(u64 gfn)
{
    volatile u64 *page = (volatile u64 *)(gfn * PAGE);
    for (u32 i = 0; i < 512; i += 37) {
        u64 value = page[i];
        if (value && value >> 16 != 0x505648505648 && value != ~0ul) {
            foreign++;
            say("FOREIGN %x at %x", value, gfn);
            return;
        }
    }
    for (u32 i = 0; i < 512; i++) page[i] = 0x505648505648ul << 16 | i;
}

static u64 rounds_done[2];
static void mix(u32 vcpu, u64 my_seed)
{
    u64 mine = my_seed;
    mine ^= mine << 13; mine ^= mine >> 7; mine ^= mine << 17;
    u64 gfn = FIRST + mine % COUNT, other = FIRST + (mine >> 8) % COUNT;
    switch (mine >> 16 & 7) {
    case 0: case 1: reserve(MEM_DECREASE, gfn); break;
    case 2: case 3: reserve(MEM_POPULATE, gfn); break;
    case 4: add_to_physmap(SPACE_GMFN, other, gfn); break;
    case 5: {
        struct map_grant m = { (MAPPED + mine % 4) * PAGE, 2, 8 + mine % 4, own_domid(), 0, 0, 0 };
        hypercall(GRANT_TABLE_OP, 0, (u64)&m, 1, 0);
        if (!m.status) {
            mapped++;
            look(MAPPED + mine % 4);
            struct unmap_grant u = { m.host, 0, m.handle, 0 };
            hypercall(GRANT_TABLE_OP, 1, (u64)&u, 1, 0);
        }
        break;
    }
    default: look(gfn); break;
    }
    rounds_done[vcpu]++;
}

static void racing(u32 vcpu)
{
    u64 mine = 0x9e3779b97f4a7c15ul * (vcpu + 1);
    while (!stop) {
        mine = mine * 6364136223846793005ul + 1442695040888963407ul;
        mix(1, mine >> 8);
    }
    stopped++;
}

static void races(void)
{
    u64 rounds = number_of("rounds", 20000);
    say("TABLE %d", add_to_physmap(SPACE_GRANT_TABLE, 0, TABLE));
    /* The domain grants to itself the frames that come and go. */
    for (u32 i = 0; i < 4; i++) {
        volatile u32 *entry = (volatile u32 *)(TABLE * PAGE) + 2 * (8 + i);
        entry[1] = FIRST + i;
        entry[0] = 1 | own_domid() << 16;
    }
    others_work = racing;
    start_vcpus(2);
    u64 mine = 1;
    for (u64 i = 0; i < rounds; i++) {
        mine = mine * 6364136223846793005ul + 1442695040888963407ul;
        mix(0, mine >> 8);
    }
    stop = 1;
    while (!stopped) asm volatile("pause");
    say("MAPPED %s", mapped > 100 ? "grants" : "too few grants");
    say("RACES %d and %d foreign %d", rounds_done[0] >= rounds ? 1 : 0, rounds_done[1] > 100 ? 1 : 0, (u64)foreign);
}

/* A vCPU is trapped after an instruction that the hypervisor executes. The trap is written to its stack, whose frame the other vCPU gives away
 * meanwhile. */
extern char trapped_start[], trapped_handler[], trapped_end[];
#define STACK 6ul
#define NEXT 0xb000ul
#define OTHERS 8ul
static u64 next_frames[OTHERS];
static s64 reserve_others(u64 operation)
{
    for (u64 i = 0; i < OTHERS; i++) next_frames[i] = NEXT + i;
    struct reservation r = { next_frames, OTHERS, 0, 0, SELF };
    return hypercall(MEMORY_OP, operation, (u64)&r, 0, 0);
}
static void trapped(void)
{
    static volatile u64 low = 0;
    volatile u8 *page = (volatile u8 *)(low + 7 * PAGE);
    for (u64 i = 0; i < (u64)(trapped_end - trapped_start); i++) page[i] = trapped_start[i];
    ((volatile u32 *)low)[1] = 0x700u << 16 | (u32)(trapped_handler - trapped_start);
    apic_write(0x310, 2 << 24);
    apic_write(0x300, 0x4500);
    apic_write(0x310, 2 << 24);
    apic_write(0x300, 0x4607);
    volatile u16 *stack = (volatile u16 *)(STACK * PAGE + 0xff0);
    while (!stack[-1]) asm volatile("pause");
    u64 rounds = number_of("rounds", 20000), stale = 0, held = 0;
    for (u64 i = 0; i < rounds; i++) {
        reserve(MEM_DECREASE, STACK);
        u64 got = reserve_others(MEM_POPULATE);
        held += got == OTHERS;
        for (u32 look = 0; look < 20; look++)
            for (u64 j = 0; j < got; j++) {
                volatile u16 *other = (volatile u16 *)((NEXT + j) * PAGE + 0xff0);
                if (other[-1] | other[-2] | other[-3]) {
                    stale++;
                    other[-1] = other[-2] = other[-3] = 0;
                }
            }
        reserve_others(MEM_DECREASE);
        reserve(MEM_POPULATE, STACK);
        for (u32 wait = 0; wait < 1000 && !stack[-1]; wait++) asm volatile("pause");
    }
    say("TRAPPED %s stale %d", held > rounds / 2 ? "enough" : "too little", stale);
}

/* VCPUOP_initialise of a vCPU that runs, because an IPI has started it. */
static void spinning(u32 vcpu)
{
    (void)vcpu;
    while (!stop) asm volatile("pause");
    stopped++;
}
static void rewritten(void)
{
    static u32 context[256];
    others_work = spinning;
    start_vcpus(2);
    say("INITIALISE %d", hypercall(VCPU_OP, 0, 1, (u64)context, 0));
    stop = 1;
    while (!stopped) asm volatile("pause");
    say("REWRITTEN done");
}

static void rights(void)
{
    u64 index = 0x1000, gfn = FIRST;
    s32 error = 1;
    /* struct xen_add_to_physmap_batch that names a frame of another domain. */
    struct { u16 domid, space, size, foreign; u64 *indices, *gfns; s32 *errors; } batch =
        { SELF, SPACE_GMFN_FOREIGN, 1, 0, &index, &gfn, &error };
    say("FOREIGN batch %d", hypercall(MEMORY_OP, 23, (u64)&batch, 0, 0));
    batch.foreign = number_of("victim", 1);
    say("FOREIGN victim %d", hypercall(MEMORY_OP, 23, (u64)&batch, 0, 0));
    struct add_to_physmap other = { number_of("victim", 1), 0, SPACE_SHARED_INFO, 0, FIRST };
    say("OTHERS info %d", hypercall(MEMORY_OP, MEM_ADD_TO_PHYSMAP, (u64)&other, 0, 0));
    struct reservation theirs = { &gfn, 1, 0, 0, number_of("victim", 1) };
    say("OTHERS memory %d", hypercall(MEMORY_OP, MEM_DECREASE, (u64)&theirs, 0, 0));
    struct { u16 domid, pad; u32 index; u64 value; } parameter = { number_of("victim", 1), 0, 1, 0 };
    say("OTHERS parameter %d", hypercall(HVM_OP, 0, (u64)&parameter, 0, 0));
    parameter.domid = SELF;
    parameter.value = 0x100;
    say("OWN store page %d", hypercall(HVM_OP, 0, (u64)&parameter, 0, 0));
    say("MMU_UPDATE %d", hypercall(1, (u64)&parameter, 1, 0, SELF));
    say("MMUEXT %d", hypercall(26, (u64)&parameter, 1, 0, SELF));
    static u32 domctl[36] = { 2, 0x15, 1 };
    say("DOMCTL %d", hypercall(36, (u64)domctl, 0, 0, 0));
    struct map_grant m = { MAPPED * PAGE, 2, 8, number_of("victim", 1), 0, 0, 0 };
    hypercall(GRANT_TABLE_OP, 0, (u64)&m, 1, 0);
    say("GRANT %s", m.status < 0 ? "refused" : "MAPPED");
    /* GNTMAP_contains_pte and application_map are for page tables that Xen changes. The grant itself is valid. */
    add_to_physmap(SPACE_GRANT_TABLE, 0, TABLE);
    volatile u32 *entry = (volatile u32 *)(TABLE * PAGE) + 2 * 8;
    entry[1] = 0x100;
    entry[0] = 1 | own_domid() << 16;
    struct map_grant table = { MAPPED * PAGE, 2 | 16, 8, own_domid(), 0, 0, 0 }, user = table;
    user.flags = 2 | 8;
    hypercall(GRANT_TABLE_OP, 0, (u64)&table, 1, 0);
    hypercall(GRANT_TABLE_OP, 0, (u64)&user, 1, 0);
    say("GRANT into tables %d %d", (s64)table.status, (s64)user.status);
    say("PAGES of the machine %d", hypercall(MEMORY_OP, 10, (u64)&parameter, 0, 0));
}

static void in_nowhere(void)
{
    volatile u64 *hole = (volatile u64 *)(0x30000ul * PAGE);
    for (u32 i = 0; i < 64; i++) {
        u64 at = dice() % 3000;
        hole = (volatile u64 *)(0x30000ul * PAGE + at);
        switch (dice() % 6) {
        case 0: *hole = dice(); break;
        case 1: *(volatile u8 *)hole += 3; break;
        /* The engine does not make locked accesses to devices that are misaligned. They end the guest, as other accesses of this kind do in Xen. */
        case 2: hole = (volatile u64 *)((u64)hole & ~7ul); asm volatile("lock xaddl %%eax, %0" : "+m"(*(volatile u32 *)hole) :: "eax"); break;
        case 3: asm volatile("rep stosb" :: "D"(hole), "c"(dice() % 64), "a"(1) : "memory"); break;
        case 4: asm volatile("rep movsq" :: "D"(hole), "S"(hole + 8), "c"(dice() % 32) : "memory"); break;
        default: hole = (volatile u64 *)((u64)hole & ~7ul); asm volatile("btsl $3, %0; xchgw %%ax, %0" : "+m"(*(volatile u32 *)hole) :: "eax"); break;
        }
    }
}

static void *escape_to[5];
static void escape(void) { __builtin_longjmp(escape_to, 1); }

static void nonsense(void)
{
    static u64 rounds;
    rounds = number_of("rounds", 20000);
    seed += number_of("seed", 1) << 32;
    /* Calls may answer with more than they were given. Room for that follows the arguments, so that the guest's tables are not hit. */
    static u64 arguments[64 + 2048];
    static volatile u64 round;
    __builtin_setjmp(escape_to);
    skip_faults = (u64)escape;
    while (round < rounds) {
        u64 what = dice() % 8;
        round++;
        for (u32 i = 0; i < 64; i++) arguments[i] = dice() % 3 ? dice() % 64 : dice();
        if (what < 4) {
            static const u8 numbers[] = { MEMORY_OP, SET_TIMER_OP, XEN_VERSION, GRANT_TABLE_OP, 21, VCPU_OP,
                                          EVENT_CHANNEL_OP, 33, HVM_OP, 35, 36, 7, 1, 26, 28 };
            u64 number = dice() % 4 ? numbers[dice() % sizeof(numbers)] : dice() % 64;
            /* Leaves out calls that would end the guest or take all of its memory. */
            if (number == SCHED_OP || number == 6 || number == 13) continue;
            u64 a = dice() % 40, b = dice() % 4 ? (u64)arguments : dice();
            if (number == MEMORY_OP && (a == MEM_DECREASE || a == MEM_POPULATE)) continue;
            if (number == VCPU_OP && (a & 63) == 2) continue;
            /* For grants the third argument is a count. If it were an address, that many answers would be written, over what the guest needs to
             * get out of faults. */
            u64 third = dice() % 4 ? (u64)arguments : dice() % 8;
            hypercall(number, a, b, number == GRANT_TABLE_OP ? third % 8 : third, dice() % 4);
        } else if (what == 4) {
            u32 msr = dice() % 2 ? 0x800 + dice() % 64 : dice() % 3 ? dice() % 0x500 : dice();
            /* Leaves out moving its own APIC away, changing its segments, and sending an INIT to itself. */
            if (msr == 0x830 || (msr & ~0xfffu) == 0xc0000000 || msr == 0x40000000) continue;
            if (dice() % 2) rdmsr(msr);
            else if (msr != 0x1b && msr != 0x174 && msr != 0x277) wrmsr(msr, dice());
        } else if (what == 5) {
            /* A device's access lies inside one page (machine/cpu/outside.ts). One across two pages ends the guest. */
            u32 offset = dice() % 0xff9;
            if ((offset & 0xff0) == 0x300) continue;
            if (dice() % 2) apic_read(offset);
            else apic_write(offset, dice());
        } else if (what == 6) {
            u16 port = dice();
            u32 value;
            asm volatile("inl %w1, %0" : "=a"(value) : "d"(port));
            asm volatile("outw %w0, %w1" :: "a"((u16)value), "d"(port));
            asm volatile("rep insb" :: "D"(arguments), "d"(port), "c"(dice() % 32) : "memory");
            asm volatile("rep outsb" :: "S"(arguments), "d"(port), "c"(dice() % 32) : "memory");
        } else in_nowhere();
    }
    skip_faults = 0;
    say("NONSENSE done");
}

/* A fault of an INS, which Xen carries out, when there is no gate for the fault or for the faults that follow from it. */
static void undeliverable(void)
{
    struct { u16 limit; u64 base; } __attribute__((packed)) none = { 0, 0 };
    say("UNDELIVERABLE");
    asm volatile("lidt %0; insb" :: "m"(none), "D"(1ul << 46), "d"(0x80) : "memory");
    say("WENT ON");
}

void attack(void)
{
    if (has_word("undeliverable")) undeliverable();
    if (has_word("races")) races();
    if (has_word("rights")) rights();
    if (has_word("trapped")) trapped();
    if (has_word("rewritten")) rewritten();
    if (has_word("nonsense")) nonsense();
    say("END");
    power_off(0);
}
