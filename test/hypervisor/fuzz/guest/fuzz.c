/* The loop of operations, and the functions that make hypercalls and count them. */
#include "fuzz.h"

u8 arguments[LANES][2 * PAGE] __attribute__((aligned(4096), section(".bss.page")));
static u32 over;
enum { REPORT_EVERY = 16384, SAY_EVERY = 1024 };

/* Gives out pieces one after the other, beginning anywhere, so that now and then one is not aligned or crosses the end of a page. */
void *argument(struct lane *l, u32 bytes) {
    if (l->argument_at + bytes > sizeof arguments[0]) l->argument_at = 0;
    void *p = arguments[l->id] + l->argument_at;
    l->argument_at += (bytes + 7) & ~7;
    clear_bytes(p, bytes);
    return p;
}
static void arguments_anew(struct lane *l) {
    l->argument_at = once_in(l, 4) ? PAGE - below(l, 128) * 8 : below(l, PAGE / 8) * 8;
    if (wild_permille && once_in(l, 16)) l->argument_at += below(l, 8);
}

u64 in_ns(struct lane *l, u64 ns) {
    volatile struct vcpu_time_info *t = &l->info->time;
    u32 version, low, high, tries = 0;
    u64 system_time;
    /* Xen may exchange the figures at any moment: a counter from before them would be a time beyond all others. In a wild domain they may be nonsense. */
    do {
        version = t->version;
        barrier();
        asm volatile("rdtsc" : "=a"(low), "=d"(high));
        u64 delta = ((u64)high << 32 | low) - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        system_time = t->system_time + (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
        barrier();
    } while ((version & 1 || version != t->version) && ++tries < 100);
    return system_time + ns;
}

void count(struct lane *l, u32 nr, u32 sub, int ok) {
    if (nr >= NUMBERS || sub >= SUBOPS) return;
    l->tried[nr][sub]++;
    if (ok) l->ok[nr][sub]++;
}

struct entry { u64 op; s64 result; u64 args[6]; };

s64 call_raw(struct lane *l, u32 nr, u64 a, u64 b, u64 c, u64 d) {
    l->calls++;
    if (!once_in(l, 16)) return hypercall(nr, a, b, c, d);
    struct entry list[3];
    u32 n = 1 + below(l, 3), mine = below(l, n);
    for (u32 i = 0; i < n; i++)
        list[i] = i == mine ? (struct entry){nr, -1, {a, b, c, d, 0, 0}} : (struct entry){HYPERVISOR_xen_version, -1, {0, 0, 0, 0, 0, 0}};
    s64 error = hypercall(HV_multicall, (u64)list, n, 0, 0);
    l->calls += n - 1;
    count(l, HV_multicall, 0, !error);
    return error ? error : list[mine].result;
}

s64 call(struct lane *l, u32 nr, u32 sub, u64 a, u64 b, u64 c, u64 d) {
    s64 result = call_raw(l, nr, a, b, c, d);
    count(l, nr, sub, result >= 0);
    return result;
}

/* Reports what was tried and what succeeded since the last report, as "nr.sub=ok/tried". */
void report(struct lane *l) {
    char line[200];
    u32 n = 0;
    for (u32 nr = 0; nr < NUMBERS; nr++)
        for (u32 sub = 0; sub < SUBOPS; sub++) {
            if (!l->tried[nr][sub]) continue;
            n = append(line, n, n ? " " : "FUZZ-OK ", nr);
            n = append(line, n, ".", sub);
            n = append(line, n, "=", l->ok[nr][sub]);
            n = append(line, n, "/", l->tried[nr][sub]);
            l->tried[nr][sub] = l->ok[nr][sub] = 0;
            if (n < 150) continue;
            line[n++] = '\n';
            say_line(line, n);
            n = 0;
        }
    if (!n) return;
    line[n++] = '\n';
    say_line(line, n);
}

static void progress(struct lane *l) {
    if (l->calls / SAY_EVERY != l->reported / SAY_EVERY) {
        char line[80];
        u32 n = append(line, 0, "FUZZ-PROGRESS ", l->id);
        n = append(line, n, " ", l->calls);
        line[n++] = '\n';
        say_line(line, n);
    }
    if (l->calls / REPORT_EVERY != l->reported / REPORT_EVERY) report(l);
    l->reported = l->calls;
    u64 sum = 0;
    for (u32 i = 0; i < lane_count; i++) sum += *(volatile u64 *)&lanes[i].calls;
    if (sum < calls_wanted || __atomic_exchange_n(&over, 1, __ATOMIC_SEQ_CST)) return;
    for (u32 i = 0; i < lane_count; i++) report(&lanes[i]);
    say("FUZZ-DONE ", sum);
    poweroff(SHUTDOWN_poweroff);
}

static void (*const plays[])(struct lane *) = {
    window_play, window_play, table_play, table_play, table_play, table_play, base_play, descriptor_play, memory_play, memory_play,
    memory_play, grant_play, grant_play, map_play, map_play, map_play, event_play, event_play, vcpu_play, code_play, return_play,
    ask_play, judge_some, judge_some,
};

void fuzz(struct lane *l) {
    __builtin_setjmp(l->resume);
    /* Calls self() again, because what a register held before the jump may be lost. */
    for (;;) {
        l = self();
        grants_begin(l);
        forks_look(l);
        l->info->evtchn_upcall_mask = 1;
        progress(l);
        arguments_anew(l);
        for (u64 n = below(l, 4); n; n--) scribble(l);
        if (below(l, 1000) < wild_permille) wild_play(l);
        else plays[below(l, sizeof plays / sizeof *plays)](l);
    }
}
