/* What this kernel uses of Xen's public ABI for PVH guests (public/xen.h, memory.h, vcpu.h, event_channel.h, hvm/), written from its description. */
#ifndef PVH_H
#define PVH_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int s32;
typedef long s64;

#define PAGE 4096ul
#define SELF 0x7ff0

enum { MEMORY_OP = 12, SET_TIMER_OP = 15, XEN_VERSION = 17, CONSOLE_IO = 18, GRANT_TABLE_OP = 20, VCPU_OP = 24,
       SCHED_OP = 29, EVENT_CHANNEL_OP = 32, HVM_OP = 34 };
enum { MEM_DECREASE = 1, MEM_POPULATE = 6, MEM_ADD_TO_PHYSMAP = 7, MEM_REMOVE_FROM_PHYSMAP = 15 };
enum { SPACE_SHARED_INFO = 0, SPACE_GRANT_TABLE = 1, SPACE_GMFN = 2, SPACE_GMFN_FOREIGN = 4 };

struct add_to_physmap { u16 domid, size; u32 space; u64 index, gfn; };
struct reservation { u64 *extents; u64 count; u32 order, flags; u16 domid; };

struct regs { u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax, vector, error, rip, cs, rflags, rsp, ss; };

struct start_info {
    u32 magic, version, flags, modules;
    u64 modlist, cmdline, rsdp, memmap;
    u32 memmap_entries, reserved;
};
struct memmap_entry { u64 address, size; u32 type, reserved; };

static inline s64 hypercall(u64 n, u64 a, u64 b, u64 c, u64 d)
{
    register u64 r10 asm("r10") = d;
    s64 result;
    asm volatile("vmcall" : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10) : "0"(n) : "r8", "r9", "memory");
    return result;
}
static inline u64 rdmsr(u32 n)
{
    u32 low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(n));
    return low | (u64)high << 32;
}
static inline void wrmsr(u32 n, u64 value)
{
    asm volatile("wrmsr" :: "c"(n), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}
static inline void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
    asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "0"(leaf), "2"(sub));
}
static inline u32 apic_read(u32 offset) { return *(volatile u32 *)(0xfee00000ul + offset); }
static inline void apic_write(u32 offset, u32 value) { *(volatile u32 *)(0xfee00000ul + offset) = value; }

void say(const char *format, ...);
int has_word(const char *word);
u64 number_of(const char *word, u64 otherwise);
void power_off(u32 reason) __attribute__((noreturn));

extern struct start_info *info;
extern char end[];
/* A test sets this so that a fault is skipped: RIP becomes this address, and `faults` counts. */
extern volatile u64 resume_at;
extern volatile u32 faults, last_vector;
extern volatile u64 fault_address;
/* Called for vectors from 32 upwards. */
extern void (*volatile on_interrupt)(struct regs *);
/* Called for #DB and NMI. */
extern void (*volatile on_trap)(struct regs *);
/* Like resume_at, for all faults. */
extern volatile u64 skip_faults;
/* What the vCPUs from 1 upwards do once they are up. */
extern void (*volatile others_work)(u32 vcpu);
void traps_load(void);
void traps_fill(void);
void start_vcpus(u64 count);
extern volatile u32 vcpus_up;
s64 add_to_physmap(u32 space, u64 index, u64 gfn);
void attack(void);
void rules(void);
void timer(void);
void timers(void);
void restarts(void);
void inspected(void);
void modes(void);
void inspected_changing(void);
void endless_calls(void);
void device(void);
void demand(void);
void accesses(void);
void kept(void);
void shared(void);
void touched(void);
void xstate(void);
void own_console(void);
/* Makes the hypercall from 32-bit code, because the kernel itself is in long mode. Takes the first two arguments. */
s32 hypercall32(u32 number, u32 a, u32 b);
#endif
