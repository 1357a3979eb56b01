/* Rules of the platform and of the second stage: of the local APIC, of MSRs and of guest frames. Each is broken once, or its effect is looked at. */
#include "pvh.h"

#define TABLE 0x9000ul
#define MAPPED 0xa000ul
#define MINE 0x8000ul
#define SHARED 0xc000ul
/* Frames of the domain that its kernel does not use begin here. */
#define FREE 0x1000ul

struct map_grant { u64 host; u32 flags, ref; u16 domid; short status; u32 handle; u64 bus; };
struct unmap_grant { u64 host, bus; u32 handle; short status; };

static volatile u32 taken[256];
static void take(struct regs *r)
{
    __atomic_add_fetch(&taken[r->vector], 1, __ATOMIC_SEQ_CST);
    apic_write(0xb0, 0);
}
static void look_for_interrupts(void)
{
    asm volatile("sti; nop; nop; cli" ::: "memory");
}

/* The destinations of an IPI: this vCPU, all, all others. */
#define TO_SELF 0x40000u
#define TO_ALL 0x80000u
#define TO_OTHERS 0xc0000u
#define LOWEST 0x100u

static void interrupts(void)
{
    on_interrupt = take;
    apic_write(0xf0, 0x1ff);
    apic_write(0x80, 0x50);
    apic_write(0x300, TO_SELF | 0x55);
    look_for_interrupts();
    u32 held = taken[0x55];
    apic_write(0x80, 0x40);
    look_for_interrupts();
    say("PRIORITY first %d then %d", (u64)held, (u64)taken[0x55]);
    apic_write(0x80, 0);
    start_vcpus(2);
    apic_write(0x300, TO_OTHERS | 0x61);
    while (!taken[0x61]) asm volatile("pause");
    look_for_interrupts();
    say("OTHERS %d", (u64)taken[0x61]);
    apic_write(0x300, TO_ALL | 0x62);
    look_for_interrupts();
    while (taken[0x62] < 2) asm volatile("pause");
    say("ALL %d", (u64)taken[0x62]);
    apic_write(0x300, TO_ALL | LOWEST | 0x63);
    look_for_interrupts();
    /* Its class is lower, so it comes after the other one. */
    apic_write(0x300, TO_OTHERS | 0x53);
    while (!taken[0x53]) asm volatile("pause");
    say("LOWEST %d", (u64)taken[0x63]);
}

static __attribute__((noinline)) u32 write_faults(u32 msr, u64 value)
{
    u32 before = faults;
    resume_at = (u64)&&after;
    asm goto("wrmsr" :: "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory" : after);
after:
    resume_at = 0;
    return faults - before;
}
/* CLAC and STAC need SMAP in CPUID, but not in CR4. Returns what they make of the flags. */
static u32 access_check(void)
{
    u64 set, cleared;
    asm volatile("stac; pushfq; popq %0; clac; pushfq; popq %1" : "=r"(set), "=r"(cleared) :: "memory");
    return ((set >> 18) & 1) << 1 | ((cleared >> 18) & 1);
}
static void registers(void)
{
    say("SMAP OFF %d", (u64)access_check());
    say("MEMORY TYPES %d %d", (u64)write_faults(0x250, 0x0606060606060606), (u64)write_faults(0x250, 0x0606060206060606));
    /* Writes hypercall page number 0 to a frame of memory, then number 1, then number 0 where no memory is. */
    static u8 page[PAGE] __attribute__((aligned(4096)));
    say("HYPERCALL PAGE %d %d %d", (u64)write_faults(0x40000000, (u64)page), (u64)write_faults(0x40000000, (u64)page + 1),
        (u64)write_faults(0x40000000, MINE * PAGE));
}

/* A program makes xen_version(0): the kernel goes to ring 3 by SYSRET and comes back by SYSCALL, which both need no descriptors. */
static s64 call_of_program(void)
{
    s64 result;
    wrmsr(0xc0000081, 8ul << 32 | 0x18ul << 48);
    asm volatile("leaq 2f(%%rip), %%rax; xorl %%edx, %%edx; movl $0xc0000082, %%ecx; wrmsr\n\t"
                 "leaq 1f(%%rip), %%rcx; movq $2, %%r11; sysretq\n"
                 "1:\tmovl %1, %%eax; xorl %%edi, %%edi; xorl %%esi, %%esi; vmcall; syscall\n"
                 "2:" : "=&a"(result) : "i"(XEN_VERSION) : "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "r11", "memory");
    return result;
}
static void rights(void)
{
    say("RING 0 hypercall %x", hypercall(XEN_VERSION, 0, 0, 0, 0));
    say("RING 3 hypercall %d", call_of_program());
}

/* Locked instructions on what is no memory. Each makes one read and one write, wherever in the page it is. */
static void locked(u64 page)
{
    u32 add = 5, swap = 7;
    u64 wide = 9;
    asm volatile("lock xaddl %0, (%1)" : "+r"(add) : "r"(page + 2) : "memory");
    asm volatile("xchgl %0, (%1)" : "+r"(swap) : "r"(page + 14) : "memory");
    asm volatile("lock xaddq %0, (%1)" : "+r"(wide) : "r"(page + 5) : "memory");
    asm volatile("lock incw (%0); lock btsl $3, 1(%0); lock orq $1, 9(%0); lock negl 3(%0)" :: "r"(page) : "memory");
    u64 low = 1, high = 2;
    u32 short_low = 1, short_high = 2;
    asm volatile("lock cmpxchg16b (%2)" : "+a"(low), "+d"(high) : "r"(page), "b"(3ul), "c"(4ul) : "memory");
    asm volatile("lock cmpxchg8b 4(%2)" : "+a"(short_low), "+d"(short_high) : "r"(page), "b"(3), "c"(4) : "memory");
    say("LOCKED at %x: %x %x %x, pairs %x %x %x %x", page, (u64)add, (u64)swap, wide, low, high, (u64)short_low, (u64)short_high);
}

static s64 reserve(u64 operation, u64 gfn)
{
    struct reservation r = { &gfn, 1, 0, 0, SELF };
    return hypercall(MEMORY_OP, operation, (u64)&r, 0, 0);
}
static void frames(void)
{
    volatile u64 *mine = (volatile u64 *)(MINE * PAGE);
    say("POPULATE %d", reserve(MEM_POPULATE, MINE));
    *mine = 0x123456;
    struct { u16 domid; u64 gfn; } remove = { SELF, MINE };
    s64 removed = hypercall(MEMORY_OP, MEM_REMOVE_FROM_PHYSMAP, (u64)&remove, 0, 0);
    say("REMOVE %d reads %x", removed, *mine);

    u32 a, b, domid, d;
    cpuid(0x40000004, 0, &a, &b, &domid, &d);
    say("POPULATE %d", reserve(MEM_POPULATE, MINE));
    add_to_physmap(SPACE_GRANT_TABLE, 0, TABLE);
    volatile u32 *entry = (volatile u32 *)(TABLE * PAGE) + 2 * 8;
    entry[1] = MINE;
    entry[0] = 1 | domid << 16;
    struct map_grant m = { MAPPED * PAGE, 2, 8, domid, 0, 0, 0 };
    hypercall(GRANT_TABLE_OP, 0, (u64)&m, 1, 0);
    say("GRANT %d over it %d", (s64)m.status, add_to_physmap(SPACE_GMFN, MINE, MAPPED));
    struct unmap_grant u = { m.host, 0, m.handle, 0 };
    hypercall(GRANT_TABLE_OP, 1, (u64)&u, 1, 0);
    say("UNGRANT %d", (s64)u.status);

    say("SHARED %d", add_to_physmap(SPACE_SHARED_INFO, 0, SHARED));
    say("XEN's frame given back %d", reserve(MEM_DECREASE, SHARED));

    /* Moves one frame from place to place. Each place needs a table of its own, and the table of the place before it is empty then, and is freed. */
    s64 error = 0;
    u64 at = MINE;
    for (u64 i = 1; i <= 8000 && !error; i++) {
        u64 to = 0x100000 + i * 512;
        error = add_to_physmap(SPACE_GMFN, at, to);
        at = to;
    }
    say("MOVED %d", error);
    /* Moves frame after frame, each into a table of its own, which stays in use. */
    for (u64 i = 1; i <= 600 && !error; i++) error = add_to_physmap(SPACE_GMFN, FREE + i, 0x600000 + i * 512);
    say("POOL %d", error);
}

void rules(void)
{
    interrupts();
    registers();
    rights();
    locked(0x30000000);
    /* The same in the page of the APIC, at its task priority register. Registers are whole words, and nothing else of the page is written. */
    locked(0xfee00080);
    say("PRIORITY kept %d", (u64)apic_read(0x80));
    frames();
    say("END");
    power_off(0);
}
