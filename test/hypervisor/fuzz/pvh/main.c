/* Start of day, traps, and the loop of operations. The guest writes to Xen's log. */
#include "fuzz.h"

extern u32 start_info_at;
struct start_info *info;
/* What the files of ../../pvh/guest need from their kernel. */
void (*volatile others_work)(u32 vcpu);

struct lane lanes[LANES];
u32 lane_count = 1;
u64 wild_permille, calls_wanted, peers[2];
static u32 over, said;
enum { REPORT_EVERY = 16384, SAY_EVERY = 1024, SAID = 10 };

static void escape(void) { __builtin_longjmp(self()->resume, 1); }

/* A fault ends the operation. An NMI, which the other vCPUs send, and an interrupt, which nobody waits for, do not. */
void trap(struct regs *r)
{
    struct lane *l = self();
    if (r->vector == 2 || r->vector >= 32) return;
    if (!l->resume[1] || r->vector == 8) {
        say("FUZZ-TRAP %d at %x", r->vector, r->rip);
        power_off(3);
    }
    l->traps++;
    r->rip = (u64)escape;
    r->rflags = 2;
    /* The stack is aligned as it is after a call. */
    r->rsp = (r->rsp & ~0xful) - 8;
}

void broken(const char *what, u64 a, u64 b)
{
    u32 n = __atomic_add_fetch(&said, 1, __ATOMIC_SEQ_CST);
    if (n <= SAID) say("FUZZ-BREAK %d %s %x %x", (u64)n, what, a, b);
}

void count(struct lane *l, u32 nr, u32 sub, int ok)
{
    if (nr >= NUMBERS || sub >= SUBOPS) return;
    l->tried[nr][sub]++;
    if (ok) l->ok[nr][sub]++;
}
struct entry { u64 op; s64 result; u64 args[6]; };
s64 call_raw(struct lane *l, u32 nr, u64 a, u64 b, u64 c)
{
    l->calls++;
    if (!once_in(l, 16)) return hypercall(nr, a, b, c, 0);
    struct entry list[2] = { { XEN_VERSION, -1, { 0 } }, { nr, -1, { a, b, c } } };
    u32 n = 1 + below(l, 2);
    s64 error = hypercall(13, (u64)(list + 2 - n), n, 0, 0);
    count(l, 13, 0, !error);
    return error ? error : list[1].result;
}
s64 call(struct lane *l, u32 nr, u32 sub, u64 a, u64 b, u64 c)
{
    s64 result = call_raw(l, nr, a, b, c);
    count(l, nr, sub, result >= 0);
    return result;
}
void *argument(struct lane *l, u32 bytes)
{
    if (l->argument_at + bytes > sizeof l->arguments) l->argument_at = 0;
    void *p = l->arguments + l->argument_at;
    l->argument_at += (bytes + 7) & ~7;
    memset(p, 0, bytes);
    return p;
}

static void report(struct lane *l)
{
    for (u32 nr = 0; nr < NUMBERS; nr++)
        for (u32 sub = 0; sub < SUBOPS; sub++) {
            if (!l->tried[nr][sub]) continue;
            say("FUZZ-OK P%d.%d=%d/%d", (u64)nr, (u64)sub, (u64)l->ok[nr][sub], (u64)l->tried[nr][sub]);
            l->tried[nr][sub] = l->ok[nr][sub] = 0;
        }
}
static void progress(struct lane *l)
{
    if (l->calls / SAY_EVERY != l->reported / SAY_EVERY) say("FUZZ-PROGRESS %d %d", (u64)l->id, l->calls);
    if (l->calls / REPORT_EVERY != l->reported / REPORT_EVERY) report(l);
    l->reported = l->calls;
    u64 sum = 0;
    for (u32 i = 0; i < lane_count; i++) sum += *(volatile u64 *)&lanes[i].calls;
    if (sum < calls_wanted || __atomic_exchange_n(&over, 1, __ATOMIC_SEQ_CST)) return;
    for (u32 i = 0; i < lane_count; i++) report(&lanes[i]);
    say("FUZZ-DONE %d", sum);
    power_off(0);
}

static void (*const plays[])(struct lane *) = {
    frame_play, frame_play, frame_play, frame_play, frame_play, grant_play, grant_play, map_play, map_play, map_play, event_play, event_play,
    vcpu_play, ask_play, ask_play, device_play, device_play, code_play, judge_some, judge_some,
    own_code_play, own_code_play, debug_play, extent_play,
};
static void fuzz(void)
{
    __builtin_setjmp(self()->resume);
    for (;;) {
        struct lane *l = self();
        forks_look(l);
        progress(l);
        l->argument_at = below(l, 2 * PAGE / 8) * 8;
        for (u64 n = below(l, 4); n; n--) scribble(l);
        if (below(l, 1000) < wild_permille) wild_play(l);
        else if (once_in(l, 4096)) rush_play(l);
        else plays[below(l, sizeof plays / sizeof *plays)](l);
    }
}

static void lane_init(struct lane *l, u32 id, u64 seed)
{
    l->id = id;
    l->domid = own_domid();
    l->random[0] = seed * 0x9e3779b97f4a7c15ul + id * 0xbf58476d1ce4e5b9ul + 1;
    l->random[1] = 0xda3e39cb94b95bdbul ^ seed << 17;
    for (u32 i = 0; i < 16; i++) random64(l);
    frames_init(l);
}

/* No vCPU begins before all of them have their trap tables, because an NMI that is sent to a vCPU in real mode is a triple fault. */
static u32 ready;
static void begin_together(void)
{
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < lane_count) asm volatile("pause");
    fuzz();
}

void begin(u32 which)
{
    traps_load();
    if (which) {
        apic_write(0xf0, 0x1ff);
        begin_together();
    }
    info = (struct start_info *)(u64)start_info_at;
    traps_fill();
    u64 seed = number_of("seed", 1);
    peers[0] = number_of("peer", 0);
    peers[1] = number_of("other", 0);
    wild_permille = number_of("wild", 0);
    calls_wanted = number_of("count", 100000);
    lane_count = number_of("vcpus", 1);
    large_init();
    for (u32 n = 0; n < lane_count; n++) lane_init(&lanes[n], n, seed);
    canaries_init();
    grants_init();
    forks_init();
    say("FUZZ-START PVH seed %d wild %d vcpus %d", seed, wild_permille, (u64)lane_count);
    start_vcpus(lane_count);
    begin_together();
}
