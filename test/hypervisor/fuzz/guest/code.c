/* Code that changes by stores, by mappings, by hypercalls, and while another vCPU executes it; and the ways back from the kernel. */
#include "fuzz.h"

enum { CODE_WINDOW = 0, ALIAS_WINDOW = PRIVATE - 2 };
extern char returned_entry[], user_code[];

/* Writes the code: mov $value, %eax; ret. */
static void write_code(volatile u8 *p, u32 value) {
    p[0] = 0xb8, p[1] = value, p[2] = value >> 8, p[3] = value >> 16, p[4] = value >> 24, p[5] = 0xc3;
}
static void run(void *code, u32 value, const char *what) {
    u32 got = ((u32 (*)(void))code)();
    if (got != value && !wild_permille) broken(what, value, got);
}

static void own_code(struct lane *l) {
    struct frame *f = frame_in(l, DATA), *g = frame_in(l, DATA);
    if (!f || !g || f == g || index_of(l, f) >= FRAMES / 3 || index_of(l, g) >= FRAMES / 3) return;
    u8 *code = window_address(l, CODE_WINDOW), *alias = window_address(l, ALIAS_WINDOW);
    u32 a = random64(l), b = random64(l), at = below(l, 4080);
    if (window_set(l, CODE_WINDOW, f->mfn, 1, 2) || window_set(l, ALIAS_WINDOW, once_in(l, 2) ? f->mfn : g->mfn, 1, 2)) return;
    write_code(code + at, a);
    run(code + at, a, "new code ");
    int same = l->window_mfn[ALIAS_WINDOW] == f->mfn;
    write_code(alias + at, b);
    run(code + at, same ? b : a, "code by another address ");
    switch (below(l, 4)) {
    case 0:
        if (!window_set(l, CODE_WINDOW, same ? f->mfn : g->mfn, 1, 2)) run(code + at, b, "code of another mapping ");
        break;
    case 1:
        if (!same && !extended(l, 17, f->mfn, g->mfn)) run(code + at, b, "code that Xen copied ");
        break;
    case 2: {
        u64 word = 0x00c300000000b8ul | (u64)a << 8;
        if (!update(l, f->mfn << 12 | (at & 0xff8), word, 0, DOMID_SELF)) run(code + (at & 0xff8), a, "code that Xen stored ");
        break;
    }
    default: {
        /* The frame changes by being another domain's frame for a while. */
        u64 pfn = start_info->nr_pages - 1 - l->id * FRAMES - index_of(l, f), mfn = f->mfn;
        struct memory_reservation r = {&mfn, 1, 0, 0, DOMID_SELF};
        withdraw(l, f);
        grant_end(f);
        f->state = ABSENT;
        if (call(l, HYPERVISOR_memory_op, 1, 1, (u64)&r, 0, 0) != 1) { f->state = DATA; return; }
        mfn = pfn;
        if (call(l, HYPERVISOR_memory_op, 6, 6, (u64)&r, 0, 0) != 1) return;
        f->mfn = mfn, f->state = DATA;
        fresh_check(l, mfn);
        if (window_set(l, CODE_WINDOW, mfn, 1, 2)) return;
        write_code(code + at, b);
        run(code + at, b, "code in a fresh frame ");
    }
    }
}

/*
 * An instruction that other vCPUs exchange while this one executes it. When Xen emulates it, it must emulate what it fetched once. The eight bytes
 * are stored at once. A vCPU may still see a mixture of two instructions, which can do anything, so only wild domains do this.
 */
static u64 changing[LANES][512] __attribute__((aligned(4096), section(".bss.page")));
static const u64 variants[] = {
    0xc3a20f,             /* cpuid */
    0xc3ec, 0xc3ee,       /* in, out */
    0xc36c, 0xc36e,       /* ins, outs */
    0xc36cf3, 0xc36ef3,   /* rep */
    0xc3320f, 0xc3300f,   /* rdmsr, wrmsr */
    0xc3c0200f, 0xc3c0220f, 0xc3d0200f, 0xc3d8200f, 0xc3e0200f, 0xc3e0220f, /* mov to and from control registers */
    0xc3c0210f, 0xc3c0230f, 0xc3f8210f, /* mov to and from debug registers */
    0xc3060f, 0xc3fa, 0xc3fb, /* clts, cli, sti */
    0xc33f010f, 0xc337010f, /* invlpg, lmsw (%rdi) */
    0xc3d1010f, 0xc3090f, 0xc3310f, 0xc3f9010f, /* xsetbv, wbinvd, rdtsc, rdtscp */
    0xa20f6e65780b0f,     /* the forced cpuid of PV guests, without a return after it */
    0xc3078948, 0xc3078748, 0xc3ab48, 0xc33fb10f48f0, 0xc307c70f48f0 & 0, /* stores to (%rdi) */
    0xc3, 0xc390,
};

static void change_code(struct lane *l) {
    u64 n = below(l, sizeof variants / sizeof *variants);
    __atomic_store_n(&changing[below(l, lane_count)][below(l, 4)], variants[n] ?: 0xc3, __ATOMIC_SEQ_CST);
}
static void run_changing(struct lane *l) {
    struct frame *f = frame_in(l, once_in(l, 2) ? TABLE : DATA);
    u64 at = f ? (u64)view(l, f, f->state == DATA) + below(l, 512) * 8 : 0, rax = once_in(l, 2) ? 0 : random64(l), rcx = 1 + below(l, 4);
    if (f && !f->loose) f->loose = ONCE;
    asm volatile("call *%[code]" : "+a"(rax), "+c"(rcx), "+D"(at) : [code] "r"(&changing[l->id][below(l, 4)]), "d"(below(l, 1024)),
                 "S"(arguments[l->id]) : "rbx", "r8", "r9", "r10", "r11", "memory", "cc");
}

void code_play(struct lane *l) {
    if (wild_permille && once_in(l, 2)) {
        for (u64 n = 4; n; n--) change_code(l);
        run_changing(l);
        return;
    }
    if (once_in(l, 2)) own_code(l);
    else {
        /* Executes the instructions that Xen executes for a kernel, one at a time. */
        u64 value, cr = 0;
        switch (below(l, 8)) {
        case 0: asm volatile("movq %%cr0, %0; movq %0, %%cr0" : "=r"(value)); break;
        case 1: asm volatile("movq %%cr4, %0" : "=r"(value)); break;
        case 2: asm volatile("movq %0, %%cr2; movq %%cr2, %1" :: "r"(random64(l)), "r"(cr)); break;
        case 3: asm volatile("invlpg (%0)" :: "r"(window_address(l, below(l, WINDOWS)))); break;
        case 4: asm volatile("clts"); break;
        case 5: { u32 low, high; asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000100)); break; }
        case 6: { u32 a = 0, b, c = 0, d; asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d)); break; }
        default: asm volatile("movq %0, %%db7; movq %%db7, %0" : "+r"(cr)); break;
        }
    }
}

void came_by_syscall(void) { struct lane *l = self(); count(l, HV_iret, 3, 1); next_operation(l); }
void came_by_iret(void) { struct lane *l = self(); count(l, HV_iret, 1, 1); next_operation(l); }
void came_by_int(void) { struct lane *l = self(); count(l, HV_iret, 2, 1); next_operation(l); }

static void hypercall_iret(u64 rip, u64 cs, u64 flags, u64 rflags, u64 ss) {
    asm volatile("movq %%rsp, %%rax; andq $-16, %%rsp; pushq %[ss]; pushq %%rax; pushq %[rflags]; pushq %[cs]; pushq %[rip]; pushq %[flags]\n\t"
                 "pushq %%rcx; pushq %%r11; pushq %%rax; movl $23, %%eax; syscall"
                 :: [ss] "r"(ss), [rflags] "r"(rflags), [cs] "r"(cs), [rip] "r"(rip), [flags] "r"(flags) : "rax", "memory");
    __builtin_unreachable();
}

void return_play(struct lane *l) {
    u64 rflags = 0x2 | below(l, 4) << 12 | (once_in(l, 32) ? 0x100 : 0);
    l->calls++;
    switch (below(l, 8)) {
    case 0: case 1:
        count(l, HV_iret, 0, 1);
        hypercall_iret((u64)returned_entry, 0xe030, 0, rflags, 0xe02b);
        break;
    case 2:
        count(l, HV_iret, 0, 1);
        hypercall_iret((u64)returned_entry, 0xe030, 0x100, rflags, 0xe02b);
        break;
    case 3:
        /* Goes to user mode with a user base that has the kernel's half too, because otherwise this ends in a page fault in user mode. Without any
         * user base Xen ends the domain. */
        if (extended(l, NEW_USER_BASEPTR, mfn_of((void *)start_info->pt_base), 0)) return;
        hypercall_iret((u64)user_code, 0xe033, once_in(l, 2) ? 0x100 : 0, rflags | 0x200, 0xe02b);
        break;
    case 4:
        /* With selectors that cannot be loaded. Then Xen calls the failsafe callback, which is an invalid opcode here. */
        hypercall_iret((u64)returned_entry, below(l, 0x2000) << 3, 0, rflags, below(l, 0x2000) << 3 | 3);
        break;
    case 5: asm volatile("int $0x80"); break;
    case 6: if (once_in(l, 2)) asm volatile("int3"); else asm volatile("ud2"); break;
    default: {
        volatile u64 *nowhere = (u64 *)(once_in(l, 2) ? 0x8000000000000000ul : 0xffff800000000000ul + below(l, 1ul << 40));
        if (once_in(l, 2)) (void)*nowhere; else *nowhere = 1;
    }
    }
}
