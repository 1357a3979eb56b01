/*
 * A hostile guest: random hypercalls, with arguments from wild to nearly right. Its command line is
 * "seed=N count=M"; it prints FUZZ-START, FUZZ-PROGRESS <calls> every 250, and FUZZ-DONE <calls>. What it loses of its
 * own memory (it gives pages away, unmaps them, makes them page tables) it goes on without, as long as it can; it may well
 * crash itself in the end: that is part of the test, which then starts it again with another seed. Built with ../../../assets/guests/mini's entry code and libraries.
 */
#include "fuzz.h"

enum { POOL = 256, BUFFER = 512, MOST_TRAPS = 20000 };
static u64 state[2];
static u64 pool[POOL + 1][BUFFER] __attribute__((aligned(4096), section(".bss.page")));

static u64 random64(void) {
    u64 a = state[0], b = state[1];
    state[0] = b;
    a ^= a << 23;
    state[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return state[1] + b;
}
static u64 below(u64 n) { return random64() % n; }

/* A frame of its own: most often one of the upper half, which its code, data and tables do not lie in. */
static u64 own_mfn(void) {
    u64 half = start_info->nr_pages / 2;
    return below(3000) ? p2m[half + below(half)] : p2m[below(half)];
}

static u64 some_mfn(void) {
    switch (below(6)) {
    case 0: return random64();
    case 1: return below(1 << 18);
    case 2: return start_info->console_mfn;
    case 3: return start_info->shared_info >> 12;
    default: return own_mfn();
    }
}

static u64 some_domid(void) {
    static const u64 ids[] = {DOMID_SELF, DOMID_SELF, 0x7ff1, 0x7ff2, 0x7ff3, 0x7ff4, 0, 1, 2, 3, 0xffff, 0x7fff};
    return ids[below(sizeof ids / sizeof *ids)];
}

static u64 value(u32 depth);
static u8 dead[POOL];
static void *resume[5];
static u32 trapped;

/* Goes on with the next call after a fault of its own; returns if there is no sense in it. */
void fuzz_trapped(u32 vector, u64 address) {
    (void)vector;
    if (address >= (u64)pool && address < (u64)pool + sizeof pool) dead[(address - (u64)pool) >> 12] = 1;
    u32 left = 0;
    for (u32 i = 0; i < POOL; i++) left += !dead[i];
    if (!resume[0] || ++trapped > MOST_TRAPS || left < 8) return;
    __builtin_longjmp(resume, 1);
}

/* A structure in the pool, filled with values that mean something somewhere. */
static u64 structure(u32 depth) {
    u32 page = below(POOL);
    while (dead[page]) page = (page + 1) % POOL;
    u64 *s = pool[page];
    u32 n = 1 + below(24);
    for (u32 i = 0; i < n; i++) {
        u64 v = value(depth + 1);
        switch (below(4)) {
        case 0: s[i] = (v & 0xffffffff) | value(depth + 1) << 32; break;
        case 1: s[i] = below(16) | below(16) << 32; break;
        default: s[i] = v;
        }
    }
    return (u64)s + (below(8) ? 0 : below(4096));
}

static u64 value(u32 depth) {
    switch (below(depth < 2 ? 12 : 9)) {
    case 0: return random64();
    case 1: return below(4);
    case 2: return below(64);
    case 3: return some_mfn();
    case 4: return some_mfn() << 12 | below(16) * 8 | below(8);
    case 5: return some_domid();
    case 6: { u64 half = start_info->nr_pages << 11; return 0xffffffff80000000ul + (below(3000) ? half + below(half) : below(half)); }
    case 7: return 1ul << below(64);
    case 8: { static const u64 edges[] = {0, ~0ul, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, 0xffff87ffffffffff, 0xffff880000000000,
                                          0x7fffffff, 0x80000000, 0xffffffff}; return edges[below(10)]; }
    default: return structure(depth);
    }
}

static u64 number(const char *name) {
    const char *p = start_info->cmd_line;
    for (; *p; p++)
        if (starts(p, name)) {
            u64 n = 0;
            for (p += length(name); *p >= '0' && *p <= '9'; p++) n = n * 10 + *p - '0';
            return n;
        }
    return 0;
}

/* Sub-operations that would only end or stop the test: shutting itself down, sleeping for ever. */
static int spares(u64 nr, u64 a, u64 b) {
    if (nr == HYPERVISOR_sched_op) return a == 1 || a == 2 || a == 3 || a == 5 || a == 6;
    if (nr == 6) return a == 1 || a == 2;
    if (nr == 23 || nr == HYPERVISOR_set_callbacks || nr == 3) return below(2000) != 0;
    if (nr == HYPERVISOR_vcpu_op) return (a == 2 && b == 0);
    if (nr == 26 || nr == 5 || nr == 30) return below(200) != 0;
    /* The pages of the pool and its own tables, by address: now and then only. */
    if ((nr == 14 || nr == 22) && (a >> 12) < (0xffffffff80000000ul >> 12) + start_info->nr_pages / 2) return below(20) != 0;
    return 0;
}

static u64 done;
static u64 calls[64];

void fuzz(void) {
    u64 count = number("count=");
    state[0] = number("seed=") * 0x9e3779b97f4a7c15ul + 1;
    state[1] = 0xda3e39cb94b95bdbul;
    say("FUZZ-START ", number("seed="));
    __builtin_setjmp(resume);
    while (done < count) {
        u64 nr = below(58), a = value(0), b = value(0), c = value(0), d = value(0);
        /* The first argument is most often a sub-operation number or a structure. */
        if (below(4)) a = below(2) ? below(40) : structure(0);
        if (below(2)) b = structure(0);
        if (below(3) == 0) d = some_domid();
        if (spares(nr, a, b)) continue;
        calls[nr & 63]++;
        done++;
        if (done % 250 == 0) say("FUZZ-PROGRESS ", done);
        register u64 r8 asm("r8") = value(0);
        asm volatile("" : "+r"(r8));
        hypercall(nr, a, b, c, d);
        if (nr == HYPERVISOR_set_trap_table || nr == 13) install_traps();
    }
    say("FUZZ-DONE ", done);
    poweroff(SHUTDOWN_poweroff);
}
