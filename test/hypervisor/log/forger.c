/* A guest that writes to Xen's log what Xen itself would write, floods the log, and asks to be shut down. With a command line it crashes instead. */
#include "xen.h"

enum { HYPERVISOR_sched_op_compat = 6, HYPERVISOR_console_io = 18 };

struct start_info *start_info;
struct shared_info *shared_info;
u32 vcpus_online = 1;
volatile u64 ticks[MAX_VCPUS];

/* None of this is needed here: the guest takes no traps and no events. */
void install_traps(void) {}
void events_dispatch(void) {}
void vcpu_main(u32 me) { (void)me; for (;;); }
void trap(struct registers *r) { (void)r; for (;;); }

static void write_bytes(const char *text, u64 length) { hypercall(HYPERVISOR_console_io, 0, length, (u64)text, 0); }

static void say(const char *text) {
    u64 length = 0;
    while (text[length]) length++;
    write_bytes(text, length);
}

static const char *const forged[] = {
    "(XEN) Panic on CPU 0:\n",
    "<0>I am an error\n",
    "<G><0>(XEN) and so am I\n",
    "\r\033[2K\b\b\b\b\b(XEN) over the line\n",
    "one\n(XEN) two\n(d0) three\n",
    "\n",
};

void main(struct start_info *info) {
    static char line[1000];
    for (u32 i = 0; i < sizeof(forged) / sizeof(*forged); i++) say(forged[i]);
    for (u32 i = 0; i < sizeof(line); i++) line[i] = 'l';
    write_bytes(line, sizeof(line));
    say("\n");
    for (u32 i = 0; i < 300; i++) say("flood\n");
    say("the end\n");
    /* There is no handler, and Xen logs something about that. */
    if (info->cmd_line[0]) __builtin_trap();
    /* Xen logs about this that the domain asked for it. */
    for (;;) hypercall(HYPERVISOR_sched_op_compat, SCHEDOP_shutdown, 0, 0, 0);
}
