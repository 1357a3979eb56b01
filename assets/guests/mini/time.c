#include "xen.h"

/* Nanoseconds since the host's start: system_time plus the scaled distance of the TSC (vcpu_time_info protocol). */
u64 now(void) {
    volatile struct vcpu_time_info *t = &shared_info->vcpu[vcpu_id()].time;
    u32 version;
    u64 time;
    do {
        version = t->version;
        barrier();
        u32 low, high;
        asm volatile("rdtsc" : "=a"(low), "=d"(high));
        u64 delta = ((u64)high << 32 | low) - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        time = t->system_time + (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
        barrier();
    } while ((version & 1) || version != t->version);
    return time;
}
