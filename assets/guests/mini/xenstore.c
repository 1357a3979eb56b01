/* A xenstore client (public/io/xs_wire.h): one request at a time, and two watches, on control/shutdown and on cpu. */
#include "xen.h"

struct header { u32 type, request, transaction, length; };

static struct store_ring *ring;
static volatile int shutdown_fired, vcpus_fired;
static u32 next_request;

static void woken(u32 port) { (void)port; }

static int is_full(void) { return ring->req_prod - *(volatile u32 *)&ring->req_cons >= sizeof ring->req; }

static void send_bytes(const void *data, u32 n) {
    const char *p = data;
    while (n) {
        if (is_full()) {
            event_send(start_info->store_evtchn);
            events_mask();
            if (is_full()) block();
            else events_unmask();
            continue;
        }
        ring->req[ring->req_prod & (sizeof ring->req - 1)] = *p++;
        barrier();
        ring->req_prod++;
        n--;
    }
}

int store_waiting(void) { return *(volatile u32 *)&ring->rsp_prod != ring->rsp_cons; }

static void receive_bytes(void *data, u32 n) {
    char *p = data;
    while (n) {
        if (!store_waiting()) {
            event_send(start_info->store_evtchn);
            events_mask();
            if (store_waiting()) events_unmask();
            else block();
            continue;
        }
        char c = ring->rsp[ring->rsp_cons & (sizeof ring->rsp - 1)];
        barrier();
        ring->rsp_cons++;
        if (p) *p++ = c;
        n--;
    }
}

/* Reads one message. A watch event is noted, and the result is -1. Otherwise it is the length of the payload, or -2 for an XS_ERROR. */
static int receive(u32 request, char *reply, u32 size) {
    struct header h;
    char path[8] = "";
    receive_bytes(&h, sizeof h);
    if (h.type == XS_WATCH_EVENT) reply = path, size = sizeof path;
    u32 keep = h.type == XS_WATCH_EVENT || h.request == request ? (h.length < size - 1 ? h.length : size - 1) : 0;
    if (keep) receive_bytes(reply, keep);
    receive_bytes(NULL, h.length - keep);
    event_send(start_info->store_evtchn);
    if (h.type == XS_WATCH_EVENT) {
        if (starts(path, "cpu")) vcpus_fired = 1;
        else shutdown_fired = 1;
        return -1;
    }
    reply[keep] = 0;
    return h.type == XS_ERROR ? -2 : (int)keep;
}

/* Returns the reply's length (cut to size - 1, with a NUL added), or -2 if xenstored answered with an error, which is then in reply. */
int store_request(u32 type, const char *path, const char *value, char *reply, u32 size) {
    u32 n = length(path) + 1, extra = value ? length(value) + (type == XS_WATCH) : 0;
    struct header h = {type, ++next_request, 0, n + extra};
    send_bytes(&h, sizeof h);
    send_bytes(path, n);
    if (extra) send_bytes(value, extra);
    event_send(start_info->store_evtchn);
    int got;
    do got = receive(h.request, reply, size); while (got == -1);
    return got;
}

/* Takes what has come unasked: watches that fired. */
void store_poll(void) {
    char ignored[64];
    while (store_waiting()) receive(0, ignored, sizeof ignored);
}

/* True once a watch on control/shutdown fired and the node has a value, which is acknowledged by emptying it. */
int store_shutdown_requested(char *how, u32 size) {
    char ignored[64];
    if (!shutdown_fired) return 0;
    shutdown_fired = 0;
    if (store_request(XS_READ, "control/shutdown", NULL, how, size) <= 0) return 0;
    store_request(XS_WRITE, "control/shutdown", NULL, ignored, sizeof ignored);
    return 1;
}

/* True once after a watch on cpu fired. */
int store_vcpus_changed(void) {
    int fired = vcpus_fired;
    vcpus_fired = 0;
    return fired;
}

/* Whether a vCPU is to run. Where xenstore says nothing of it, it is. */
int store_vcpu_available(u32 vcpu) {
    char path[32] = "cpu/", reply[16], *p = path + 4;
    if (vcpu >= 10) *p++ = '0' + vcpu / 10;
    *p++ = '0' + vcpu % 10;
    copy_bytes(p, "/availability", 14);
    return store_request(XS_READ, path, NULL, reply, sizeof reply) < 0 || !equal(reply, "offline");
}

void store_init(void) {
    char reply[64];
    ring = map_frame(start_info->store_mfn, 2);
    event_handle(start_info->store_evtchn, 0, woken);
    store_request(XS_WATCH, "control/shutdown", "s", reply, sizeof reply);
    store_request(XS_WATCH, "cpu", "c", reply, sizeof reply);
    store_request(XS_WRITE, "control/feature-suspend", "1", reply, sizeof reply);
}
