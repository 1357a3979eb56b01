/*
 * The hostile guest as a PVH domain: 2 to 4 vCPUs that change their second stage, grants, events and devices at random, by calls that are nearly
 * valid. Each vCPU has places of its own, which are guest frame numbers, and knows what is at them. The others write there meanwhile, except to
 * private places, by which isolation is judged.
 */
#ifndef FUZZ_H
#define FUZZ_H
#include "pvh.h"

enum {
    LANES = 4,
    STACK = 16384,     /* as in ../../pvh/guest/entry.S */
    PLACES = 48,       /* places of each vCPU; every third one is private */
    RAM_PLACES = 24,   /* the first of these places are memory from the beginning on */
    MAPS = 12,         /* places where grants of the peers are mapped */
    FIRST_REF = 16, REFS = 24, /* as in ../guest: the peers guess these references and map them */
    SUBOPS = 32, NUMBERS = 42,
    EXTENTS = 2,       /* of 2 MiB, which each vCPU has in a domain of more than 1 GiB */
    RUSH_PAGES = 1024, /* pages of which each vCPU has one word */
};

/*
 * Guest frame numbers. Memory ends at 16 MiB, and the places above are empty until something is put there. In a domain of more than 1 GiB, whose memory
 * begins as one entry of 1 GiB, they all lie `above` that, and the places with memory lie far apart in it.
 */
#define RAM_PLACE(lane, n) (above ? 0x1000ul + ((lane) * RAM_PLACES + (n)) * 0xa00ul : 0xc00ul + (lane) * 0x40ul + (n))
#define HOLE_PLACE(lane, n) (above + 0x8000ul + (lane) * 0x40ul + (n))
#define MAP_PLACE(lane, n) (above + 0x9000ul + (lane) * 0x40ul + (n))
#define TABLE_PLACE (above + 0xa000ul)
#define STATUS_PLACE (above + 0xa008ul)
#define INFO_PLACE (above + 0xa010ul)
#define NOWHERE (above + 0x30000ul)
#define EXTENT_PLACE(lane, n) (0x3d000ul + ((lane) * EXTENTS + (n)) * 512)
#define RUSH_PLACE 0x600ul

/* CODE: a private place with a function that returns its tag. */
enum state { ABSENT, DATA, SEALED, GRANTED, CODE };
struct place { u64 tag; u32 state, ref; };
struct map { u64 handle; u32 used, flags; };

struct lane {
    u64 random[2];
    void *resume[5];
    u32 id, traps, argument_at;
    u64 calls, reported;
    u32 domid, forks; /* the domain as it was when the operation began, and the number of its forks then (forks.c) */
    u64 rush, rushed; /* what this vCPU writes to its words just now, and in how many pages it has done so */
    struct place places[PLACES];
    struct map maps[MAPS];
    u32 ports[8];
    u32 tried[NUMBERS][SUBOPS], ok[NUMBERS][SUBOPS];
    u8 arguments[2 * PAGE];
};
extern struct lane lanes[LANES];
extern u32 lane_count;
extern u64 wild_permille, calls_wanted, peers[2], above;
extern char stacks[];
void *memset(void *to, int value, u64 count);

static inline struct lane *self(void)
{
    u64 sp;
    asm volatile("movq %%rsp, %0" : "=r"(sp));
    return &lanes[(sp - (u64)stacks) / STACK % LANES];
}
static inline u64 random64(struct lane *l)
{
    u64 a = l->random[0], b = l->random[1];
    l->random[0] = b;
    a ^= a << 23;
    return (l->random[1] = a ^ b ^ (a >> 18) ^ (b >> 5)) + b;
}
static inline u64 below(struct lane *l, u64 n) { return (u64)((random64(l) >> 32) * n) >> 32; }
static inline int once_in(struct lane *l, u64 n) { return below(l, n) == 0; }
static inline u64 some_peer(struct lane *l) { return peers[below(l, 2)]; }
static inline u64 gfn_of(struct lane *l, u32 place) { return place < RAM_PLACES ? RAM_PLACE(l->id, place) : HOLE_PLACE(l->id, place - RAM_PLACES); }
static inline int is_private(u32 place) { return place % 3 == 0; }

/* In main.c. */
s64 call(struct lane *l, u32 nr, u32 sub, u64 a, u64 b, u64 c);
s64 call_raw(struct lane *l, u32 nr, u64 a, u64 b, u64 c);
void count(struct lane *l, u32 nr, u32 sub, int ok);
void broken(const char *what, u64 a, u64 b);
/* Returns room for the structures of a call, all zero, one piece after the other. In a wild domain the other vCPUs write into it. */
void *argument(struct lane *l, u32 bytes);

/* In frames.c. Each does one operation, as do the functions below. */
void frames_init(struct lane *l);
s32 place_in(struct lane *l, enum state state, int private);
void frame_play(struct lane *l);
void judge_some(struct lane *l);
void scribble(struct lane *l);
void canaries_init(void);

void grants_init(void);
void grant_play(struct lane *l);
void map_play(struct lane *l);
/* Returns false if a peer may be using the frame of that place by its grant. */
int grant_end(struct lane *l, u32 place);

void event_play(struct lane *l);
void vcpu_play(struct lane *l);
void ask_play(struct lane *l);
void wild_play(struct lane *l);

/* In forks.c. This domain may be copied at any moment, and this code may run in a copy from then on. */
void forks_init(void);
/* To be called when an operation begins: finds out whether this is another domain by now, with what that has not inherited. */
void forks_look(struct lane *l);
u32 own_domid(void);
/* Writes to this vCPU's word of many pages, and judges what was in them. */
void rush_play(struct lane *l);
void own_code_play(struct lane *l);
void debug_play(struct lane *l);
/* In grants.c: a copy has no grants, and its table is at no place. */
void grants_lost(struct lane *l);

/* In large.c. */
void large_init(void);
void extent_play(struct lane *l);

void device_play(struct lane *l);
void code_play(struct lane *l);
#endif
