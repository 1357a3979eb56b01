/* What a vCPU is told of VME and of XSAVE's components by CPUID, which values CR4 and XCR0 take, and that the registers come through XSAVE and XRSTOR. With
 * "suspends" the guest is saved in between, and compares. */
#include "pvh.h"

#define OSXSAVE (1ul << 18)
enum { AREA = 832, SUSPEND = 2 };

static u8 loaded[AREA] __attribute__((aligned(64))), stored[AREA] __attribute__((aligned(64)));

static __attribute__((noinline)) u32 cr4_faults(u64 value)
{
    u32 before = faults;
    resume_at = (u64)&&after;
    asm goto("mov %0, %%cr4" :: "r"(value) : "memory" : after);
after:
    resume_at = 0;
    return faults - before;
}
static __attribute__((noinline)) u32 xsetbv_faults(u64 value)
{
    u32 before = faults;
    resume_at = (u64)&&after;
    asm goto("xsetbv" :: "a"((u32)value), "d"((u32)(value >> 32)), "c"(0) : "memory" : after);
after:
    resume_at = 0;
    return faults - before ? last_vector : 0;
}
static u64 xgetbv(u32 index)
{
    u32 low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return low | (u64)high << 32;
}
static void leaves(const char *when)
{
    u32 a, b, c, d;
    cpuid(1, 0, &a, &b, &c, &d);
    say("%s xsave %d osxsave %d avx %d", when, (u64)(c >> 26 & 1), (u64)(c >> 27 & 1), (u64)(c >> 28 & 1));
    for (u32 sub = 0; sub < 4; sub++) {
        cpuid(0xd, sub, &a, &b, &c, &d);
        say("LEAF D,%d: %x %x %x", (u64)sub, (u64)a, (u64)b, (u64)c);
    }
}

static void load_and_store(u64 xcr0)
{
    for (u32 i = 0; i < AREA; i++) loaded[i] = i * 11 + 5;
    for (u32 i = 0; i < 512; i++) if (i < 32 || i >= 416 || (i >= 32 && i < 160 && i % 16 >= 10)) loaded[i] = 0;
    for (u32 i = 512; i < 576; i++) loaded[i] = 0;
    *(u16 *)loaded = 0x37f;
    *(u32 *)(loaded + 24) = 0x1fa0;
    *(u64 *)(loaded + 512) = xcr0;
    asm volatile("xrstor64 %0" :: "m"(loaded), "a"(-1), "d"(-1) : "memory");
    if (has_word("suspends")) {
        u32 reason = SUSPEND;
        hypercall(SCHED_OP, 2, (u64)&reason, 0, 0);
        u32 a, b, c, d, e;
        cpuid(1, 0, &a, &b, &c, &d);
        cpuid(7, 0, &a, &e, &b, &d);
        say("RESUMED fma %d avx %d f16c %d avx2 %d", (u64)(c >> 12 & 1), (u64)(c >> 28 & 1), (u64)(c >> 29 & 1), (u64)(e >> 5 & 1));
    }
    for (u32 i = 512; i < AREA; i++) stored[i] = 0;
    asm volatile("xsave64 %0" : "=m"(stored) : "a"(-1), "d"(-1) : "memory");
    u32 wrong = 0;
    for (u32 i = 0; i < (xcr0 & 4 ? AREA : 576); i++)
        if (stored[i] != loaded[i] && (i < 28 || i >= 32) && !(i >= 416 && i < 512)) wrong++;
    say("XCR0 %x in use %x wrong bytes %d", xgetbv(0), xgetbv(1), (u64)wrong);
}

void xstate(void)
{
    u64 cr4;
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    u32 a, b, c, d;
    cpuid(1, 0, &a, &b, &c, &d);
    say("VME %d, CR4 refused %d %d", (u64)(d >> 1 & 1), (u64)cr4_faults(cr4 | 1), (u64)cr4_faults(cr4 | 2));
    cr4_faults(cr4);
    leaves("BEFORE");
    say("XSETBV without OSXSAVE: vector %d", (u64)xsetbv_faults(1));
    if (cr4_faults(cr4 | OSXSAVE)) {
        say("CR4.OSXSAVE refused");
        say("END");
        power_off(0);
    }
    leaves("AFTER");
    static const u64 values[] = { 0, 2, 4, 5, 6, 8, 0xe7, 1ul << 63 | 1, 1, 3, 7 };
    for (u32 i = 0; i < sizeof(values) / sizeof(*values); i++)
        say("XSETBV %x: vector %d", values[i], (u64)xsetbv_faults(values[i]));
    leaves("ENABLED");
    load_and_store(xgetbv(0));
    say("END");
    power_off(0);
}
