/*
 * The hostile guest: 2 to 4 vCPUs that make random and nearly valid hypercalls. Each vCPU has frames, windows, grant references and page tables of
 * its own and knows what they are, so that long sequences of calls succeed. The other vCPUs write into them meanwhile, by addresses whose
 * translations may be stale. Isolation is judged by what a vCPU knows of its frames (judge.c).
 */
#ifndef FUZZ_H
#define FUZZ_H
#include "xen.h"

/* The numbers that mini's xen.h does not have. */
enum {
    HV_mmu_update = 1, HV_set_gdt = 2, HV_stack_switch = 3, HV_fpu_taskswitch = 5, HV_sched_op_compat = 6, HV_set_debugreg = 8,
    HV_get_debugreg = 9, HV_update_descriptor = 10, HV_multicall = 13, HV_event_channel_op_compat = 16, HV_console_io = 18,
    HV_grant_table_op = 20, HV_vm_assist = 21, HV_update_va_mapping_otherdomain = 22, HV_iret = 23, HV_set_segment_base = 25,
    HV_mmuext_op = 26, HV_nmi_op = 28, HV_callback_op = 30, HV_physdev_op = 33,
    HV_hvm_op = 34, HV_dm_op = 41,
};
enum { PIN_L1 = 0, UNPIN = 4, NEW_BASEPTR = 5, SET_LDT = 13, NEW_USER_BASEPTR = 15 };

enum {
    LANES = 4,            /* the largest number of vCPUs */
    STACK = 32768,
    FRAMES = 48,          /* frames of each vCPU, from the top of the domain's memory downwards */
    PRIVATE = 8,          /* windows that only the vCPU itself uses */
    SHARED = 8,           /* windows that the other vCPUs write to and read at any time */
    MAPS = 12,            /* windows for grants that the peers make */
    WINDOWS = PRIVATE + SHARED + MAPS,
    HOOK_SLOT = 320,      /* L4 slot of the boot tables to which vCPU 0's own tables are attached; those of the other vCPUs follow */
    FIRST_REF = 16, REFS = 24, SEALED_REFS = 8, /* grant references of each vCPU; the first ones grant sealed frames, for reading only */
    SUBOPS = 32, NUMBERS = 42,
};

enum state {
    ABSENT,   /* given back to Xen */
    DATA,     /* this domain's; any of its vCPUs may have written to it */
    SEALED,   /* full of a pattern that nobody may change; it may be granted for reading */
    GRANTED,  /* granted to a peer for writing */
    TABLE,    /* pinned as a page table: it changes only by this vCPU's updates */
    DESCRIPTORS, /* in the GDT of this vCPU */
};

/* A table whose contents are not known just now (ONCE), or are not known for as long as it is a table (ALWAYS). */
enum { ONCE = 1, ALWAYS = 2 };
/* `sealed` is what the pattern of a sealed frame is made of: the number that the frame had then. */
struct frame { u64 mfn, sealed; u32 state, level, ref; int loose; };

struct lane {
    u64 random[2];
    void *resume[5];
    u32 id, depth, traps, argument_at;
    u64 calls, reported;
    struct frame frames[FRAMES];
    u64 window_mfn[WINDOWS];      /* the frame that each window maps; 0 if none */
    u8 window_writable[WINDOWS];
    u32 turn;                     /* which of the private windows is used next */
    struct vcpu_info *info;
    u32 ports[8];
    u32 gdt_frame, ldt_frame, base_frame; /* the number of the frame that is loaded, plus 1 */
    volatile u32 arrived;         /* the last word that code which was jumped to has left */
    u32 tried[NUMBERS][SUBOPS], ok[NUMBERS][SUBOPS];
};

extern struct lane lanes[LANES];
extern u32 lane_count;
extern u64 peers[2], wild_permille, calls_wanted;
extern u8 windows[LANES][WINDOWS][PAGE];
extern u8 stacks[LANES][STACK];
extern u64 shadow[LANES][FRAMES][512];

/* Returns the lane of the vCPU that runs. It is found by the stack, so that none of the registers that are changed at random matters. */
static inline struct lane *self(void) {
    u64 sp;
    asm volatile("movq %%rsp, %0" : "=r"(sp));
    return &lanes[(sp - (u64)stacks) / STACK % LANES];
}

static inline u64 random64(struct lane *l) {
    u64 a = l->random[0], b = l->random[1];
    l->random[0] = b;
    a ^= a << 23;
    return (l->random[1] = a ^ b ^ (a >> 18) ^ (b >> 5)) + b;
}
static inline u64 below(struct lane *l, u64 n) { return (u64)((random64(l) >> 32) * n) >> 32; }
static inline int once_in(struct lane *l, u64 n) { return below(l, n) == 0; }
/* Returns one of the other two hostile domains: a PV domain and a PVH domain. */
static inline u64 some_peer(struct lane *l) { return peers[below(l, 2)]; }
static inline u32 index_of(struct lane *l, struct frame *f) { return f - l->frames; }

/* In main.c. */
void say(const char *text, u64 value);
void say_line(const char *text, u32 n);
void install_traps(void);
u32 append(char *line, u32 n, const char *text, u64 value);

/* In fuzz.c. */
void fuzz(struct lane *l);
/* Makes a hypercall that is counted under `nr` and `sub`. Now and then it is made as one of a multicall. */
s64 call(struct lane *l, u32 nr, u32 sub, u64 a, u64 b, u64 c, u64 d);
void count(struct lane *l, u32 nr, u32 sub, int ok);
/* Makes one whose operations each have a status of their own. The caller tells count() about them. */
s64 call_raw(struct lane *l, u32 nr, u64 a, u64 b, u64 c, u64 d);
void report(struct lane *l);
void next_operation(struct lane *l) __attribute__((noreturn));

/* In judge.c. */
void broken(const char *what, u64 a, u64 b);
void canaries_init(void);
void canaries_check(void);
void seal(struct lane *l, struct frame *f);
void seal_check(struct lane *l, struct frame *f);
void fresh_check(struct lane *l, u64 mfn);
void table_note(struct lane *l, struct frame *f);
void table_check(struct lane *l, struct frame *f);
void judge_some(struct lane *l);
void judge_domain(void) __attribute__((noreturn));

/* Returns the L1 entry of a kernel address. */
u64 entry_of(const void *address);

/* In forks.c: dom0 may ask on the console for the domain to suspend, so that it can be forked. To be called when an operation begins. */
void forks_init(void);
void forks_look(struct lane *l);
static inline u64 pfn_of_frame(struct lane *l, struct frame *f) { return start_info->nr_pages - 1 - l->id * FRAMES - index_of(l, f); }

/* In frames.c. */
void frames_init(struct lane *l);
struct frame *frame_in(struct lane *l, enum state state);
/* Shows a frame in a private window. Ends the operation if the frame cannot be mapped, or not in this way. */
u64 *view(struct lane *l, struct frame *f, int writable);
u64 *view_mfn(struct lane *l, u64 mfn, int writable);
s64 window_set(struct lane *l, u32 window, u64 mfn, int writable, u32 flush);
/* Takes the frame out of all windows, most often without asking for a flush. */
void withdraw(struct lane *l, struct frame *f);
void scribble(struct lane *l);
void window_play(struct lane *l);
static inline void *window_address(struct lane *l, u32 window) { return windows[l->id][window]; }

/* Returns room for the structures of a hypercall. In a wild domain the other vCPUs write into it while the call runs. */
void *argument(struct lane *l, u32 bytes);
/* Returns the system time that is `ns` nanoseconds from now. */
u64 in_ns(struct lane *l, u64 ns);
extern u8 arguments[LANES][2 * PAGE];

/* One function for each subject. Each does an operation with what the lane has. */
s64 update(struct lane *l, u64 address, u64 value, u32 kind, u64 domid);
s64 extended(struct lane *l, u32 cmd, u64 a, u64 b);
void table_play(struct lane *l);
void base_play(struct lane *l);
void descriptor_play(struct lane *l);
void memory_play(struct lane *l);
void grants_init(void);
/* When an operation begins: whatever of this vCPU's a trap has ended in the middle of an entry is over. */
void grants_begin(struct lane *l);
/* Before and after the domain is suspended, while only one vCPU runs. In a copy there is nothing of what was granted and mapped. */
void grants_suspend(struct lane *l);
void grants_resume(int is_copy);
void grant_play(struct lane *l);
void map_play(struct lane *l);
int grant_in_use(struct lane *l, struct frame *f);
int grant_end(struct frame *f);
void event_play(struct lane *l);
void vcpu_play(struct lane *l);
void code_play(struct lane *l);
void return_play(struct lane *l);
void ask_play(struct lane *l);
void wild_play(struct lane *l);
#endif
