/*
 * A kernel that tries what ring 0 can do and prints what it sees to port E9. It must be the same on any x86 machine. QEMU and our engine run it, and
 * what the two print is compared. kernel.ts builds it.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

static void put(char c) { asm volatile("outb %0, $0xe9" : : "a"(c)); }
static void say(const char *text) { while (*text) put(*text++); }
static void hex(u32 value) {
    int any = 0;
    for (int shift = 28; shift >= 0; shift -= 4) {
        u32 digit = (value >> shift) & 15;
        if (digit || any || !shift) { put("0123456789abcdef"[digit]); any = 1; }
    }
}
static void field(const char *name, u32 value) { put(' '); say(name); put('='); hex(value); }

struct frame {
    u32 es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags, user_esp, user_ss, virtual_es, virtual_ds, virtual_fs, virtual_gs;
};
extern int attempt(void (*code)(void));
extern void finish(void) __attribute__((noreturn));
extern u32 vectors[], seen[4], user_flags, user_entry, control, limits[2], watched_data, kept_esp;
extern u16 selector, user_port, user_selector;
extern struct { u32 offset; u16 selector, pad; } far_pointer;
extern u64 long_log, long_resume;
extern struct { u16 limit; u32 base; } __attribute__((packed)) idt_pointer, long_idt_pointer;
extern u8 long_root[], long_stubs[], user_stack[], boot_stack[];

static u64 gdt[32] __attribute__((aligned(16)));
static u64 idt[256] __attribute__((aligned(16)));
static u64 long_idt[256] __attribute__((aligned(16)));
static u64 ldt[4];
static u32 tss[2 + 0x2000 / 4 + 32], task_tss[32], other_tss[32];
static u32 pages[8][1024] __attribute__((aligned(4096)));
static u8 ring0_stack[4096] __attribute__((aligned(16))), task_stack[4096] __attribute__((aligned(16)));

/* Traps after which the code goes on: they are counted up to a few, and printed. */
static int tracing;

void exception(struct frame *f) {
    u32 cr2, dr6;
    asm volatile("mov %%cr2, %0\n mov %%dr6, %1" : "=r"(cr2), "=r"(dr6));
    say(" #"); hex(f->vector);
    field("error", f->error);
    field("eip", f->eip);
    field("cs", f->cs & 0xffff);
    /* TCG does not set RF in the frame of a fault, as processors do (SDM volume 3, 17.3.1.1). */
    field("eflags", f->eflags & ~0x10000);
    if (f->vector == 14) field("cr2", cr2);
    if (f->vector == 1) { field("dr6", dr6); asm volatile("mov %0, %%dr6" : : "r"(0)); }
    if (f->cs & 3 || f->eflags & 0x20000) {
        field("esp", f->user_esp);
        field("ss", f->user_ss & 0xffff);
    }
    if (f->eflags & 0x20000) {
        field("es", f->virtual_es & 0xffff); field("ds", f->virtual_ds & 0xffff);
        field("fs", f->virtual_fs & 0xffff); field("gs", f->virtual_gs & 0xffff);
        field("si", f->esi & 0xffff); field("di", f->edi & 0xffff);
    }
    if (f->vector == 65) { field("eax", f->eax); field("ebx", f->ebx); field("ecx", f->ecx); field("edx", f->edx); }
    if (f->vector == 1 && tracing) {
        tracing--;
        /* Otherwise an instruction breakpoint would be hit again. */
        if (dr6 & 2) f->eflags |= 0x10000;
        return;
    }
    finish();
}

static void gate(int vector, u32 target, u32 type) {
    idt[vector] = (target & 0xffff) | ((u64)8 << 16) | ((u64)type << 40) | ((u64)(target >> 16) << 48);
}
static u64 segment(u32 base, u32 limit, u32 attributes) {
    return (limit & 0xffff) | ((u64)(base & 0xffffff) << 16) | ((u64)(attributes & 0xff) << 40) | ((u64)((limit >> 16) & 15) << 48) |
           ((u64)(attributes >> 8) << 52) | ((u64)(base >> 24) << 56);
}
static void load_task(void) {
    gdt[8] = segment((u32)tss, 0x2068, 0x89);
    asm volatile("ltr %w0" : : "r"(0x40));
}

static void test(const char *name, void (*code)(void)) {
    say(name);
    say(attempt(code) ? " ok\n" : "\n");
    asm volatile("clts");
}
#define TRY(name) do { extern void try_##name(void); test(#name, try_##name); } while (0)
extern void enter_user(void), enter_virtual(void), go_real(void), go_long(void);
#define USER(name) do { extern void user_##name(void); user_entry = (u32)user_##name; test("user " #name, enter_user); } while (0)

static void exceptions(void) {
    TRY(divide); TRY(int3); TRY(into); TRY(bound); TRY(ud2); TRY(fpu); TRY(int_beyond); TRY(int_64); TRY(null_ss);
    gate(64, vectors[32], 0x0e); TRY(int_64);
    gate(64, vectors[32], 0x85); TRY(int_64);
    gate(64, vectors[32], 0x8f); TRY(int_64);
    idt[64] = (idt[64] & ~((u64)0xffff << 16)) | ((u64)0x10 << 16); TRY(int_64);
    idt[64] &= ~((u64)0xffff << 16); TRY(int_64);
    gate(64, vectors[32], 0x8e);
}

static const struct { u16 selector; const char *name; } kinds[] = {
    {0, "null"}, {0x08, "code"}, {0x10, "data"}, {0x13, "data rpl 3"}, {0x20, "code 16"}, {0x28, "data 16"}, {0x30, "user code"}, {0x33, "user code rpl 3"},
    {0x3b, "user data rpl 3"}, {0x40, "tss"}, {0x48, "read-only"}, {0x50, "execute-only"}, {0x58, "not present"}, {0x60, "conforming"}, {0x68, "ldt"},
    {0x70, "call gate"}, {0x78, "expand-down"}, {0x80, "empty"}, {0x04, "in the ldt"}, {0x0c, "in the ldt, rpl 0"}, {0x24, "beyond the ldt"}, {0x100, "beyond the gdt"},
};

static void selectors(void) {
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        selector = kinds[i].selector;
        far_pointer.selector = selector;
        say(kinds[i].name);
        u32 rights = 0, limit = 0, flags;
        asm volatile("xor %0, %0\n lar %w3, %0\n pushf\n pop %2\n lsl %w3, %1" : "=&r"(rights), "+r"(limit), "=&r"(flags) : "r"(selector) : "cc");
        u8 r, w;
        asm volatile("verr %w2\n setz %0\n verw %w2\n setz %1" : "=&q"(r), "=&q"(w) : "r"(selector) : "cc");
        /* The place of the limit is undefined. */
        field("lar", rights & 0xf0ff00); field("zf", (flags >> 6) & 1); field("lsl", limit); field("verr", r); field("verw", w); put('\n');
        TRY(load_ds); TRY(load_ss);
        if ((selector & ~3) != 0x40 && (selector & ~3) != 0x68) {
            TRY(load_ldt); asm volatile("lldt %w0" : : "r"(0x68));
            /* TCG accepts a null TR. */
            if (selector) TRY(load_tr);
            load_task();
        }
        if ((selector & ~3) != 0x20 && selector != 0x70) { TRY(far_jump); TRY(far_call); }
    }
}

static void users(void) {
    gate(65, vectors[33], 0xee);
    USER(cli); USER(hlt); USER(cr0); USER(rdmsr); USER(lgdt); USER(int_64); USER(int_65); USER(popf); USER(kernel_data);
    user_flags = 0x3202; USER(cli); USER(popf);
    user_flags = 0x202;
    for (u16 port = 0x80; port < 0x90; port += 3) { user_port = port; field("port", port); USER(in); USER(out); }
    user_selector = 0x10; USER(load); user_selector = 0x38; USER(load); user_selector = 0x60; USER(load);
    far_pointer.selector = 0x73; seen[0] = 0;
    extern void gate_target_params(void);
    gdt[14] = ((u32)gate_target_params & 0xffff) | ((u64)8 << 16) | ((u64)0xec02 << 32) | ((u64)((u32)gate_target_params >> 16) << 48);
    USER(gate);
    field("seen", seen[0]); field("", seen[1]); field("", seen[2]); field("", seen[3] & 0xffff); put('\n');
    gdt[14] &= ~((u64)0x60 << 40); USER(gate);
    far_pointer.selector = 0x30; USER(gate);
}

static void tasks(void) {
    extern void task_code(void), task_jump_code(void);
    task_tss[8] = (u32)task_code; task_tss[9] = 2; task_tss[14] = (u32)(task_stack + sizeof task_stack);
    for (int n = 18; n < 24; n++) task_tss[n] = n == 19 ? 8 : 0x10;
    task_tss[24] = 0; task_tss[25] = 0x680000;
    for (int n = 0; n < 32; n++) other_tss[n] = task_tss[n];
    other_tss[8] = (u32)task_jump_code;
    gdt[17] = segment((u32)task_tss, 0x67, 0x89);
    gdt[18] = segment((u32)other_tss, 0x67, 0x89);
    far_pointer.selector = 0x88; TRY(task_call);
    u32 cr0; asm volatile("mov %%cr0, %0" : "=r"(cr0));
    field("seen", seen[0]); field("task", (u32)(gdt[17] >> 40) & 0xff); field("own", (u32)(gdt[8] >> 40) & 0xff); field("link", task_tss[0] & 0xffff);
    field("cr0", cr0 & 0xf); field("ecx", task_tss[11]); put('\n');
    far_pointer.selector = 0x90; TRY(task_jump);
    field("seen", seen[0]); field("other", (u32)(gdt[18] >> 40) & 0xff); field("own", (u32)(gdt[8] >> 40) & 0xff); put('\n');
    /* A task that is busy, one that is not present, one that is too short, and one by a task gate. */
    far_pointer.selector = 0x40; TRY(task_call);
    gdt[17] = segment((u32)task_tss, 0x67, 0x09); far_pointer.selector = 0x88; TRY(task_call);
    gdt[17] = segment((u32)task_tss, 0x66, 0x89); TRY(task_call);
    gdt[17] = segment((u32)task_tss, 0x67, 0x89); task_tss[8] = (u32)task_code;
    gdt[19] = ((u64)0x88 << 16) | ((u64)0x85 << 40); far_pointer.selector = 0x98; TRY(task_call);
    field("seen", seen[0]); put('\n');
    task_tss[8] = (u32)task_code; idt[64] = ((u64)0x88 << 16) | ((u64)0x85 << 40); seen[0] = 0; TRY(int_64);
    field("seen", seen[0]); put('\n');
    gate(64, vectors[32], 0x8e);
    asm volatile("clts");
}

static void controls(void) {
    /* QEMU's TCG does not refuse PG without PE, NW without CD, and unknown bits of CR4 and EFER. test/cpu/ring0.test.ts tries these. */
    static const u32 cr0s[] = {0x11, 0x60000011, 0x10033};
    for (int i = 0; i < 3; i++) { control = cr0s[i]; field("cr0", control); TRY(write_cr0); }
    control = 0x11; TRY(write_cr0);
    static const u32 cr4s[] = {0x10, 0x30, 0x600, 0};
    for (int i = 0; i < 4; i++) { control = cr4s[i]; field("cr4", control); TRY(write_cr4); }
    static const u32 efers[] = {0x100, 0x800, 0};
    for (int i = 0; i < 3; i++) { control = efers[i]; field("efer", control); TRY(write_efer); }
}

static void set_paging(u32 root, u32 cr4) {
    asm volatile("mov %0, %%cr4\n mov %1, %%cr3\n mov %%cr0, %%eax\n or $0x80010000, %%eax\n mov %%eax, %%cr0" : : "r"(cr4), "r"(root) : "eax", "memory");
}
static void no_paging(void) {
    asm volatile("mov %%cr0, %%eax\n and $0x7ffeffff, %%eax\n mov %%eax, %%cr0\n xor %%eax, %%eax\n mov %%eax, %%cr4" : : : "eax", "memory");
}
static void touch(u32 address) {
    control = address; field("at", address);
    TRY(read); TRY(write); TRY(execute);
}
static void paging(void) {
    /* Two levels: pages of 4 MiB for the first 8 MiB, and a table for 0x800000. */
    pages[0][0] = 0x83; pages[0][1] = 0x400083;
    pages[0][2] = (u32)pages[1] | 7;
    pages[1][0] = (u32)pages[4] | 3; pages[1][1] = (u32)pages[4] | 1; pages[1][2] = (u32)pages[4] | 2; pages[1][3] = (u32)pages[4] | 7;
    ((u8 *)pages[4])[0] = 0xc3;
    set_paging((u32)pages[0], 0x10);
    for (u32 at = 0x800000; at < 0x804000; at += 0x1000) { pages[4][0] = 0xc3; asm volatile("invlpg (%0)" : : "r"(at) : "memory"); touch(at); }
    touch(0x1000000);
    for (int n = 0; n < 4; n++) field("pte", pages[1][n] & 0xfff);
    field("pde", pages[0][2] & 0xfff); field("pde", pages[0][0] & 0xfff); put('\n');
    /* From ring 3, which may not use the pages of the kernel. */
    pages[0][0] = 0x87; asm volatile("mov %%cr3, %%eax\n mov %%eax, %%cr3" : : : "eax", "memory"); USER(kernel_data);
    pages[0][0] = 0x83; asm volatile("mov %%cr3, %%eax\n mov %%eax, %%cr3" : : : "eax", "memory"); USER(kernel_data);
    no_paging();
    /* PAE with NX. */
    u64 *directory = (u64 *)pages[2], *top = (u64 *)(pages[3] + 8), *table = (u64 *)pages[5];
    top[0] = (u32)directory | 1;
    directory[0] = 0x83; directory[1] = 0x200083; directory[4] = (u32)table | 7;
    table[0] = (u32)pages[4] | 3 | (u64)1 << 63; table[1] = (u32)pages[4] | 1; table[3] = (u32)pages[4] | 3;
    asm volatile("mov $0xc0000080, %%ecx\n rdmsr\n or $0x800, %%eax\n wrmsr" : : : "eax", "ecx", "edx");
    set_paging((u32)top, 0x20);
    /* Reserved bits are left out, because TCG then does not set P in the error code. */
    for (u32 at = 0x800000; at < 0x804000; at += 0x1000) { pages[4][0] = 0xc3; touch(at); }
    for (int n = 0; n < 4; n++) field("pte", (u32)table[n] & 0xfff);
    put('\n');
    no_paging();
    asm volatile("mov $0xc0000080, %%ecx\n rdmsr\n and $~0x800, %%eax\n wrmsr" : : : "eax", "ecx", "edx");
}

static void debugging(void) {
    extern void watched_code(void);
    tracing = 6; TRY(trace); tracing = 0;
    asm volatile("mov %0, %%dr0\n mov %1, %%dr1\n mov %2, %%dr7" : : "r"(&watched_data), "r"(watched_code), "r"(0x000d040a));
    tracing = 6; TRY(watched); tracing = 0;
    asm volatile("mov %0, %%dr7" : : "r"(0x400));
}

static void virtual_one(const char *name, u8 *code, u8 *end) {
    for (u32 i = 0; code + i < end; i++) ((u8 *)0x8000)[i] = code[i];
    for (u32 flags = 0x20002; flags <= 0x23002; flags += 0x3000) { user_flags = flags; say(name); field("flags", flags); test("", enter_virtual); }
}
#define VIRTUAL(name, next) do { extern u8 virtual_##name[], virtual_##next[]; virtual_one("virtual " #name, virtual_##name, virtual_##next); } while (0)
static void virtuals(void) {
    VIRTUAL(int, cli); VIRTUAL(cli, pushf); VIRTUAL(pushf, arpl); VIRTUAL(arpl, segments); VIRTUAL(segments, far); VIRTUAL(far, iret); VIRTUAL(iret, port);
    user_flags = 0x202;
}

static void reals(void) {
    extern u8 real_code[], real_int21[], real_fault[], real_end[];
    for (u32 i = 0; real_code + i < real_end; i++) ((u8 *)0x9000)[i] = real_code[i];
    for (u32 i = 0; i < 8; i++) ((u32 *)0x88000)[i] = 0;
    for (u32 i = 0; i < 256; i++) ((u32 *)0xa000)[i] = (0x900 << 16) | (u32)(real_fault - real_code);
    ((u32 *)0xa000)[0x21] = (0x900 << 16) | (u32)(real_int21 - real_code);
    *(u16 *)0x8ff0 = 0x3ff; *(u32 *)0x8ff2 = 0xa000;
    say("real mode");
    go_real();
    for (u32 i = 0; i < 14; i++) field("", ((u16 *)0x88000)[i]);
    put('\n');
}

static void longs(void) {
    u64 *root = (u64 *)long_root, *third = (u64 *)pages[6], *second = (u64 *)pages[7];
    root[0] = (u32)third | 7; third[0] = (u32)second | 7;
    for (int n = 0; n < 4; n++) second[n] = (u64)n * 0x200000 | 0x87;
    second[4] = 0x800085;
    for (int n = 0; n < 66; n++) {
        if (n > 31 && n < 64) continue;
        u32 target = (u32)long_stubs + 16 * (n < 32 ? n : n - 32);
        long_idt[2 * n] = (target & 0xffff) | ((u64)0x18 << 16) | ((u64)(n == 65 ? 0xee : 0x8e) << 40) | ((u64)(target >> 16) << 48) | (n == 12 ? (u64)1 << 32 : 0);
        long_idt[2 * n + 1] = 0;
    }
    long_idt_pointer.base = (u32)long_idt;
    long_idt_pointer.limit = sizeof long_idt - 1;
    u64 *t = (u64 *)(void *)((u8 *)tss + 4);
    t[0] = (u32)(ring0_stack + sizeof ring0_stack); t[4] = (u32)(task_stack + sizeof task_stack);
    extern void long_gate_target(void);
    gdt[14] = ((u32)long_gate_target & 0xffff) | ((u64)0x18 << 16) | ((u64)0x8c00 << 32) | ((u64)((u32)long_gate_target >> 16) << 48);
    gdt[15] = 0;
    gdt[8] = segment((u32)tss, 0x2068, 0x89); gdt[9] = 0;
    static u32 log[512];
    long_log = (u32)log;
    selector = 0x58;
    say("long mode\n");
    go_long();
    for (u32 *at = log; at < (u32 *)(u32)long_log; at += 2) {
        if (at[0] == 0x100) put('\n');
        field("", at[0]); put(':'); hex(at[1]);
    }
    put('\n');
}

void main(void) {
    /* There are no interrupts but our own. */
    asm volatile("outb %0, $0x21\n outb %0, $0xa1" : : "a"((u8)0xff));
    gdt[1] = segment(0, 0xfffff, 0xc9b); gdt[2] = segment(0, 0xfffff, 0xc93);
    gdt[3] = segment(0, 0xfffff, 0xa9b); gdt[4] = segment(0, 0xffff, 0x9b); gdt[5] = segment(0, 0xffff, 0x93);
    gdt[6] = segment(0, 0xfffff, 0xcfb); gdt[7] = segment(0, 0xfffff, 0xcf3);
    gdt[9] = segment(0, 0xfffff, 0xc91); gdt[10] = segment(0, 0xfffff, 0xc99); gdt[11] = segment(0, 0xfffff, 0xc13);
    gdt[12] = segment(0, 0xfffff, 0xc9f); gdt[13] = segment((u32)ldt, sizeof ldt - 1, 0x82);
    extern void gate_target(void);
    gdt[14] = ((u32)gate_target & 0xffff) | ((u64)8 << 16) | ((u64)0x8c00 << 32) | ((u64)((u32)gate_target >> 16) << 48);
    gdt[15] = segment(0, 0xfff, 0xc97);
    ldt[0] = segment(0, 0xfffff, 0xcf3); ldt[1] = segment(0, 0xfffff, 0xc93);
    for (int n = 0; n < 32; n++) gate(n, vectors[n], n == 3 || n == 4 ? 0xee : 0x8e);
    gate(64, vectors[32], 0x8e);
    gate(65, vectors[33], 0xee);
    struct { u16 limit; u32 base; } __attribute__((packed)) pointer = {sizeof gdt - 1, (u32)gdt};
    asm volatile("lgdt %0" : : "m"(pointer));
    idt_pointer.limit = 66 * 8 - 1; idt_pointer.base = (u32)idt;
    asm volatile("lidt %0" : : "m"(idt_pointer));
    asm volatile("ljmp $8, $1f\n 1: mov %w0, %%ds\n mov %w0, %%es\n mov %w0, %%ss\n mov %w0, %%fs\n mov %w0, %%gs\n lldt %w1" : : "r"(0x10), "r"(0x68));
    tss[1] = (u32)(ring0_stack + sizeof ring0_stack); tss[2] = 0x10; tss[25] = 104 << 16;
    /* Every second port is allowed. */
    for (int n = 26; n < 2074; n++) tss[n] = 0x55555555;
    load_task();
    asm volatile("mov %0, %%dr6" : : "r"(0));
    exceptions(); selectors(); users(); tasks(); controls(); paging(); debugging(); virtuals(); reals(); longs();
    say("end\n");
}
