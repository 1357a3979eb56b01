/* Accesses that cross the end of memory or of the APIC's page, or that are locked where no memory is. Each must come to its end, and the guest
 * must go on. */
#include "pvh.h"

#define ONES 0xfffffffffffffffful
/* A place where nothing is, which the kernel's own page tables map. */
#define HOLE 0x30000000ul

static void across(u64 memory_end)
{
    volatile u64 *edge = (volatile u64 *)(memory_end - 4);
    volatile u32 *last = (volatile u32 *)(memory_end - 4);
    *last = 0x11223344;
    say("READ edge %x hole %x apic %x", *edge, *(volatile u64 *)(HOLE + 0xffd), *(volatile u64 *)0xfee00ffcul);
    *edge = 0x5566778899aabbccul;
    say("WRITE edge %x", (u64)*last);
    *(volatile u64 *)(HOLE + 0xffd) = 7;
    *(volatile u64 *)0xfee00ffcul = 7;
    u64 pair[2] __attribute__((aligned(16)));
    asm volatile("movups (%0), %%xmm0; movaps %%xmm0, %1; movups %%xmm0, (%2)"
                 :: "r"(memory_end - 4), "m"(*(u64(*)[2])pair), "r"(HOLE + 0xff8) : "memory");
    say("WIDE %x %x", pair[0], pair[1]);
}

static void locked(u64 memory_end)
{
    volatile u32 *last = (volatile u32 *)(memory_end - 4);
    u64 value = 1;
    *last = 5;
    asm volatile("lock addq $1, (%0)" :: "r"(memory_end - 4) : "memory", "cc");
    say("ADD edge %d", (u64)*last);
    asm volatile("xchgq %0, (%1)" : "+r"(value) : "r"(memory_end - 4) : "memory");
    say("XCHG edge %x then %d", value, (u64)*last);
    u64 old = 0xffffffff00000001ul;
    asm volatile("lock cmpxchgq %1, (%2)" : "+a"(old) : "r"(9ul), "r"(memory_end - 4) : "memory", "cc");
    say("CMPXCHG edge %x then %d", old, (u64)*last);
    asm volatile("lock incq (%0); lock xaddq %1, (%0); lock btsq $3, (%0); lock negq (%0)"
                 : : "r"(HOLE + 0xffb), "r"(1ul) : "memory", "cc");
    asm volatile("lock incl (%0); lock incw (%1); lock incw (%2)" :: "r"(HOLE + 1), "r"(0xfee00391ul), "r"(0xfee00383ul) : "memory", "cc");
    u32 a = 1, d = 2;
    u8 equal;
    asm volatile("lock cmpxchg8b (%3); sete %2" : "+a"(a), "+d"(d), "=r"(equal) : "r"(HOLE + 0xffc), "b"(3), "c"(4) : "memory", "cc");
    say("CMPXCHG8B %x %x equal %d", (u64)a, (u64)d, (u64)equal);
    u64 low = 1, high = 2;
    asm volatile("lock cmpxchg16b (%3); sete %2" : "+a"(low), "+d"(high), "=r"(equal) : "r"(HOLE), "b"(3ul), "c"(4ul) : "memory", "cc");
    say("CMPXCHG16B %x %x equal %d", low, high, (u64)equal);
}

void device(void)
{
    u64 memory_end = number_of("memory", 32) << 20;
    across(memory_end);
    locked(memory_end);
    say("END");
    power_off(0);
}
