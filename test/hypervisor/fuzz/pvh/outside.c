/* What is executed outside of memory: ports, registers, the APIC, addresses at which nothing answers; and code that changes while it is executed. */
#include "fuzz.h"

/* Returns an address for an access: one where nothing is, in the page of the APIC, a place that comes and goes, or a grant. It is aligned, and is
 * not at the end of its page. */
static u64 somewhere(struct lane *l)
{
    u64 at = below(l, 0xff0) & ~7ul;
    switch (below(l, 4)) {
    case 0: return NOWHERE * PAGE + at;
    case 1: return (at & 0xff0) == 0x300 || (at & 0xff0) == 0x310 ? NOWHERE * PAGE : 0xfee00000 + at;
    case 2: return MAP_PLACE(below(l, lane_count), below(l, MAPS)) * PAGE + at;
    default: {
        u32 place = below(l, PLACES);
        return gfn_of(&lanes[below(l, lane_count)], is_private(place) ? place + 1 : place) * PAGE + at;
    }
    }
}
static void ports(struct lane *l)
{
    u16 port = random64(l);
    u32 in;
    switch (below(l, 4)) {
    case 0: asm volatile("inl %w1, %0" : "=a"(in) : "d"(port)); break;
    case 1: asm volatile("outl %0, %w1" :: "a"((u32)random64(l)), "d"(port)); break;
    case 2: { u64 to = somewhere(l), n = below(l, 8); asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(port) : "memory"); break; }
    default: { u64 from = somewhere(l), n = below(l, 8); asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(port) : "memory"); }
    }
}
static void registers(struct lane *l)
{
    u32 msr = once_in(l, 2) ? 0x800 + below(l, 64) : below(l, 3) ? below(l, 0x500) : random64(l);
    /* Leaves out what would harm the vCPU itself: moving its APIC or switching it off, an INIT, its system calls, its hypercall page over
     * something else. */
    if (msr == 0x830 || msr == 0x1b || msr == 0x40000000 || (msr & ~0xfffu) == 0xc0000000 || msr == 0x277 || msr == 0x10) return;
    if (once_in(l, 2)) rdmsr(msr);
    else wrmsr(msr, random64(l));
}
static void apic(struct lane *l)
{
    u32 offset = below(l, 0xff8);
    if (once_in(l, 2)) apic_read(offset);
    else if ((offset & 0xff0) == 0x300) {
        /* Sends an IPI to itself, to one vCPU or to all: a vector or an NMI. */
        apic_write(0x310, below(l, lane_count) * 2 << 24);
        apic_write(0x300, (once_in(l, 4) ? 0x400 : 32 + below(l, 224)) | below(l, 4) << 18);
    } else apic_write(offset, random64(l));
}
static void nowhere(struct lane *l)
{
    u64 to = somewhere(l), from = somewhere(l), n = below(l, 2);
    volatile u32 *p = (volatile u32 *)to;
    switch (below(l, 6)) {
    case 0: *p = random64(l); break;
    case 1: *(volatile u8 *)p += 3; break;
    case 2: asm volatile("lock xaddl %%eax, %0" : "+m"(*p) :: "eax"); break;
    case 3: asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) :: "memory"); break;
    case 4: asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(1) : "memory"); break;
    default: asm volatile("btsl $3, %0; xchgw %%ax, %0" : "+m"(*p) :: "eax");
    }
}
void device_play(struct lane *l)
{
    l->calls++;
    switch (below(l, 4)) {
    case 0: ports(l); break;
    case 1: registers(l); break;
    case 2: apic(l); break;
    default: nowhere(l);
    }
}

/*
 * An instruction that other vCPUs exchange while this one executes it, most often for one that Xen or a device completes. The eight bytes are stored
 * at once. RDI and RSI hold addresses as above, DX a port, and RCX a small number.
 */
static u64 changing[LANES][8] __attribute__((aligned(64)));
static const u64 variants[] = {
    0xc3078948, 0xc3078b48, 0xc3070148, 0xc30787,         /* mov, add, xchg (%rdi) */
    0xc307c10ff0, 0xc307ab0f, 0xc30fb10f,                 /* lock xadd, bts, cmpxchg */
    0xc3a548, 0xc3aa, 0xc3a4f3, 0xc3aaf3,                 /* movs, stos, with rep */
    0xc3ed, 0xc3ef, 0xc36c, 0xc36e, 0xc36cf3, 0xc36ef3,   /* in, out, ins, outs */
    0xc3a20f, 0xc3310f, 0xc3320f,                         /* cpuid, rdtsc, rdmsr */
    0xc3c1010f,                                           /* vmcall */
    0xc33f010f, 0xc3d8200f, 0xc3c0200f,                   /* invlpg (%rdi), mov %cr3, %rax, mov %cr0, %rax */
    0xc30b0f, 0xc3cc, 0xc3,
};
/*
 * Fills the rest of the eight bytes with returns. A vCPU that stands behind an instruction when another takes its place goes on in the middle of that
 * one. It would run through zeros, which add to wherever RAX points: the guest itself would change what it judges by.
 */
static u64 with_returns(u64 variant)
{
    u32 length = 8 - __builtin_clzl(variant) / 8;
    return length < 8 ? variant | 0xc3c3c3c3c3c3c3c3ul << 8 * length : variant;
}
void code_play(struct lane *l)
{
    for (u32 n = 0; n < 4; n++) {
        u64 variant = with_returns(variants[below(l, sizeof variants / sizeof *variants)]);
        __atomic_store_n(&changing[below(l, lane_count)][below(l, 8)], variant, __ATOMIC_SEQ_CST);
    }
    u64 to = somewhere(l), from = somewhere(l), n = below(l, 3), rax = XEN_VERSION;
    void *code = &changing[l->id][below(l, 8)];
    if (!*(volatile u64 *)code) return;
    l->calls++;
    asm volatile("call *%[code]" : "+a"(rax), "+c"(n), "+D"(to), "+S"(from) : [code] "r"(code), "d"(0x7000 + below(l, 64))
                 : "rbx", "r8", "r9", "r10", "r11", "memory", "cc");
}
