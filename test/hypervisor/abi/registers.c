/* Control registers, model-specific registers and the instructions that use them, as the kernel of a guest sees them. */
#include "abi.h"

#define TRY(name) do { attempt(s_##name, (u64)spare_pages[0]); check_entry(#name, s_##name); } while (0)
/* If the code comes back, the value that it left in RAX goes to `result`. */
u64 result __attribute__((used));
#define VALUE(name) do { if (attempt(s_##name, (u64)spare_pages[0]) == NOTHING) check(#name, result); else check_entry(#name, s_##name); } while (0)
#define KEEP "\n mov %rax, result(%rip)"

SUBJECT(lmsw, "smsw %ax; lmsw %ax");
SUBJECT(lmsw_memory, "smsw (%rdi); lmsw (%rdi)");
SUBJECT(invd, "invd");
SUBJECT(wbinvd, "wbinvd");
SUBJECT(invlpg, "invlpg (%rdi)");
SUBJECT(invlpg_of_xen, "movabs $0xffff830000000000, %rax; invlpg (%rax)");
SUBJECT(hlt, "hlt");
SUBJECT(clts, "clts");
SUBJECT(cli, "cli");
SUBJECT(sti, "sti");
SUBJECT(swapgs, "swapgs");
SUBJECT(lgdt, "lgdt (%rdi)");
SUBJECT(lidt, "lidt (%rdi)");
SUBJECT(lldt, "xor %eax, %eax; lldt %ax");
SUBJECT(ltr, "mov $0xe040, %eax; ltr %ax");
SUBJECT(rdpmc, "xor %ecx, %ecx; rdpmc");
SUBJECT(sysret, "sysretq");
SUBJECT(vmcall, "vmcall");
SUBJECT(read_cr0, "mov %cr0, %rax" KEEP);
SUBJECT(read_cr4, "mov %cr4, %rax" KEEP);
SUBJECT(read_cr1, "mov %cr1, %rax");
SUBJECT(read_cr8, "mov %cr8, %rax" KEEP);
SUBJECT(write_cr8, "xor %eax, %eax; mov %rax, %cr8");
SUBJECT(write_cr8_15, "mov $15, %eax; mov %rax, %cr8");
SUBJECT(write_cr0_wp, "mov %cr0, %rax; btr $16, %rax; mov %rax, %cr0");
SUBJECT(write_cr0_same, "mov %cr0, %rax; mov %rax, %cr0");
SUBJECT(write_cr3_bad, "mov $0x7ffff000, %eax; mov %rax, %cr3");
SUBJECT(write_cr4_zero, "xor %eax, %eax; mov %rax, %cr4; mov %cr4, %rax" KEEP);
SUBJECT(write_cr4_all, "mov $-1, %rax; mov %rax, %cr4; mov %cr4, %rax" KEEP);
SUBJECT(write_cr4_back, "mov $0x660, %eax; mov %rax, %cr4; mov %cr4, %rax" KEEP);
SUBJECT(smsw_after_fpu, "fninit; smsw %rax" KEEP);
SUBJECT(xgetbv, "xor %ecx, %ecx; xgetbv; mov %rax, result(%rip)");
SUBJECT(xsetbv_without_osxsave, "xor %ecx, %ecx; xor %edx, %edx; mov $3, %eax; xsetbv");
SUBJECT(xsetbv_3, "mov $0x40660, %eax; mov %rax, %cr4; xor %ecx, %ecx; xor %edx, %edx; mov $3, %eax; xsetbv");
SUBJECT(xsetbv_2, "xor %ecx, %ecx; xor %edx, %edx; mov $2, %eax; xsetbv");
SUBJECT(xsetbv_xcr1, "mov $1, %ecx; xor %edx, %edx; mov $3, %eax; xsetbv");
/* XSAVE and OSXSAVE of CPUID.1:ECX, with Xen's prefix and without. */
SUBJECT(cpuid_prefixed, "mov $1, %eax; ud2; .ascii \"xen\"; cpuid; mov %ecx, %eax; shr $26, %eax; and $3, %eax" KEEP);
SUBJECT(cpuid_plain, "mov $1, %eax; cpuid; mov %ecx, %eax; shr $26, %eax; and $3, %eax" KEEP);
SUBJECT(cpuid_with_osxsave, "mov $0x40660, %eax; mov %rax, %cr4; mov $1, %eax; cpuid; mov %ecx, %eax; shr $26, %eax; and $3, %eax" KEEP);
SUBJECT(user_xsetbv, "xor %ecx, %ecx; xor %edx, %edx; mov $3, %eax; xsetbv");
SUBJECT(read_dr6, "mov %dr6, %rax" KEEP);
SUBJECT(read_dr7, "mov %dr7, %rax" KEEP);
SUBJECT(read_dr4, "mov %dr4, %rax" KEEP);
SUBJECT(read_dr5, "mov %dr5, %rax" KEEP);
SUBJECT(read_dr4_with_de, "mov $0x668, %eax; mov %rax, %cr4; mov %dr4, %rax");
SUBJECT(write_dr5_with_de, "mov $0x668, %eax; mov %rax, %cr4; xor %eax, %eax; mov %rax, %dr5");
SUBJECT(write_dr7_gd, "mov $0x2000, %eax; mov %rax, %dr7");
SUBJECT(write_dr7_high, "mov $1, %eax; shl $40, %rax; mov %rax, %dr7");
SUBJECT(rdmsr, "mov %edi, %ecx; rdmsr; shl $32, %rdx; or %rdx, %rax" KEEP);
SUBJECT(wrmsr_same, "mov %edi, %ecx; rdmsr; wrmsr");
SUBJECT(wrmsr_1, "mov %edi, %ecx; mov $1, %eax; xor %edx, %edx; wrmsr");
SUBJECT(wrmsr_0, "mov %edi, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr");
SUBJECT(wrmsr_bad, "mov %edi, %ecx; mov $0x9000, %edx; xor %eax, %eax; wrmsr");
SUBJECT(user_cr0, "mov %cr0, %rax");
SUBJECT(user_rdmsr, "mov $0xc0000080, %ecx; rdmsr");
SUBJECT(user_cli, "cli");
SUBJECT(user_invlpg, "invlpg (%rsp)");
SUBJECT(user_hlt, "hlt");

static const u32 msrs[] = {
    0x0, 0x10, 0x17, 0x1b, 0x3a, 0x3b, 0x48, 0x49, 0x4e, 0x4f, 0x79, 0x8b, 0xc1, 0xce, 0xe7, 0xe8, 0xfe, 0x10b, 0x122, 0x140,
    0x174, 0x175, 0x176, 0x179, 0x17a, 0x17b, 0x186, 0x198, 0x199, 0x19a, 0x19b, 0x19c, 0x1a0, 0x1b0, 0x1b1, 0x1d9, 0x1db, 0x200,
    0x277, 0x280, 0x2ff, 0x309, 0x345, 0x38d, 0x38f, 0x400, 0x401, 0x408, 0x480, 0x606, 0x611, 0x6e0, 0x800, 0x802, 0xda0,
    0x40000000, 0x40000001, 0x40000100, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000103, 0xc0010010, 0xc0010015,
    0xc001001f, 0xc0010064, 0xc0010140, 0xc0011029,
};
static const u32 written[] = {0x17, 0x1b, 0x3a, 0x79, 0x8b, 0xe7, 0x174, 0x179, 0x17a, 0x198, 0x199, 0x1a0, 0x1b0, 0x1d9, 0x277, 0x345,
    0x38f, 0x400, 0x401, 0x6e0, 0xc0000080, 0xc0000082, 0xc0000103};

static char name[64];
static const char *of_msr(const char *what, u32 msr) {
    u32 n = 0;
    for (; *what; what++) name[n++] = *what;
    for (s32 shift = 28; shift >= 0; shift -= 4) name[n++] = "0123456789abcdef"[msr >> shift & 15];
    name[n] = 0;
    return name;
}
static void check_msr(const char *what, u32 msr, void (*code)(u64), u64 value) {
    if (attempt(code, msr) == NOTHING) check(of_msr(what, msr), value ? result : 0);
    else check_entry(of_msr(what, msr), code);
}

static void check_again(const char *as, void (*code)(u64)) {
    attempt(code, 0);
    check(as, result);
}

void check_registers(void) {
    VALUE(read_cr0); VALUE(read_cr4); VALUE(smsw_after_fpu);
    TRY(read_cr1); VALUE(read_cr8); TRY(write_cr8); TRY(write_cr8_15);
    TRY(lmsw); TRY(lmsw_memory); TRY(invd); TRY(wbinvd); TRY(invlpg); TRY(invlpg_of_xen); TRY(hlt); TRY(clts); TRY(cli); TRY(sti);
    TRY(swapgs); TRY(lgdt); TRY(lidt); TRY(lldt); TRY(ltr); TRY(rdpmc); TRY(sysret); TRY(vmcall);
    TRY(write_cr0_wp); TRY(write_cr0_same); TRY(write_cr3_bad);
    VALUE(xgetbv); TRY(xsetbv_without_osxsave);
    VALUE(write_cr4_zero); VALUE(write_cr4_all); VALUE(write_cr4_back); check_again("xgetbv again", s_xgetbv);
    TRY(xsetbv_3); TRY(xsetbv_2); TRY(xsetbv_xcr1);
    attempt_user((void (*)(void))s_user_xsetbv, 0x202);
    check_entry("user xsetbv", s_user_xsetbv);
    VALUE(cpuid_with_osxsave);
    attempt(s_write_cr4_back, 0);
    VALUE(cpuid_prefixed); VALUE(cpuid_plain);
    attempt_user((void (*)(void))s_user_xsetbv, 0x202);
    check_entry("user xsetbv without OSXSAVE", s_user_xsetbv);
    VALUE(read_dr6); VALUE(read_dr7); VALUE(read_dr4); VALUE(read_dr5);
    TRY(read_dr4_with_de); TRY(write_dr5_with_de);
    attempt(s_write_cr4_back, 0);
    TRY(write_dr7_gd); TRY(write_dr7_high);
    for (u32 i = 0; i < sizeof msrs / sizeof *msrs; i++) if (msrs[i] != 0x10) check_msr("rdmsr ", msrs[i], s_rdmsr, 1);
    for (u32 i = 0; i < sizeof written / sizeof *written; i++) {
        check_msr("wrmsr same ", written[i], s_wrmsr_same, 0);
        if (written[i] != 0xc0000103) check_msr("wrmsr 1 ", written[i], s_wrmsr_1, 0);
        if (written[i] != 0xc0000080) check_msr("wrmsr 0 ", written[i], s_wrmsr_0, 0);
    }
    check_msr("wrmsr not canonical ", 0xc0000100, s_wrmsr_bad, 0);
    check_msr("wrmsr not canonical ", 0xc0000102, s_wrmsr_bad, 0);
    static struct { void (*code)(u64); const char *name; } users[] = {
        {s_user_cr0, "user mov cr0"}, {s_user_rdmsr, "user rdmsr"}, {s_user_cli, "user cli"}, {s_user_invlpg, "user invlpg"}, {s_user_hlt, "user hlt"},
    };
    for (u32 i = 0; i < sizeof users / sizeof *users; i++) {
        attempt_user((void (*)(void))users[i].code, 0x202);
        check_entry(users[i].name, users[i].code);
    }
    struct { u32 submap, features; } features = {0, 0};
    hypercall(HYPERVISOR_xen_version, 6, (u64)&features, 0, 0);
    /* Only dom0 has bit 11. The builder of dom0 asks for bit 4, but libxenguest does not. */
    check("features", features.features & ~(1u << 11 | 1u << 4));
}
