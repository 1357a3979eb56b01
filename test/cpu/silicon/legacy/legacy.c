/*
 * Executes single instructions of 16- and 32-bit code on the real CPU, in compatibility mode through segments of the LDT. It reads the LDT and then
 * cases from standard input, and writes what each case did to standard output. A case is everything that a 32-bit user program has in registers and
 * segments, except the x87 FPU and MXCSR. The instruction is followed by INT3, so every case ends in a signal, and the signal's frame is the result. Build: gcc -O1
 * -no-pie -fno-stack-protector -o legacy legacy.c (x86-64 Linux).
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { WINDOW = 512 };
#define CODE_PAGE ((uint8_t *)0x10000000)
#define CODE (CODE_PAGE + 0x800)
/* The window lies across a page boundary. The pages around these two are not mapped. */
#define DATA_PAGES ((uint8_t *)0x20000000)
#define WINDOW_START (DATA_PAGES + 0x1000 - WINDOW / 2)

enum { ES, CS, SS, DS, FS, GS };

struct test_case {
    uint8_t code[24];
    uint32_t gpr[8]; /* EAX ECX EDX EBX ESP EBP ESI EDI */
    uint32_t eflags, eip;
    uint16_t segment[8];
    uint8_t memory[WINDOW];
    uint8_t ymm[8][32];
};

struct result {
    uint32_t trap, error, cr2, eip, eflags;
    uint32_t gpr[8];
    uint16_t segment[8];
    uint32_t pad;
    uint8_t memory[WINDOW];
    uint8_t ymm[8][32];
};

/* Offsets in the area of XSAVE, which a signal's frame has after the image of FXSAVE: XMM, XSTATE_BV, the upper halves of YMM. */
enum { XSAVE_XMM = 160, XSAVE_BV = 512, XSAVE_YMM = 576 };
enum { XSTATE_AVX = 4 };

/* What the entry code below reaches by 32-bit absolute addresses, because by then the segments are those of the case. */
struct entry {
    uint64_t gpr[8], rflags;
    uint32_t target;
    uint16_t code;
    uint16_t segment[8];
} entry;
uint8_t vectors[8][32];
uint8_t has_avx;

static struct result result;
static sigjmp_buf back;
static unsigned long fs_base;

static const int order[8] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI};

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number; (void)info;
    uint16_t ds, es, fs, gs;
    asm volatile("mov %%ds, %0\n mov %%es, %1\n mov %%fs, %2\n mov %%gs, %3" : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
    /* This comes before anything of the C library, whose thread data lies at FS. */
    long ignored;
    asm volatile("mov %4, %%fs\n syscall" : "=a"(ignored) : "a"(SYS_arch_prctl), "D"(ARCH_SET_FS), "S"(fs_base), "r"(0) : "rcx", "r11", "memory");
    ucontext_t *u = context;
    greg_t *g = u->uc_mcontext.gregs;
    for (int i = 0; i < 8; i++) result.gpr[i] = g[order[i]];
    const uint8_t *area = (const uint8_t *)u->uc_mcontext.fpregs;
    uint64_t present;
    memcpy(&present, area + XSAVE_BV, sizeof present);
    for (int i = 0; i < 8; i++) {
        memcpy(result.ymm[i], area + XSAVE_XMM + 16 * i, 16);
        memset(result.ymm[i] + 16, 0, 16);
        if (has_avx && present & XSTATE_AVX) memcpy(result.ymm[i] + 16, area + XSAVE_YMM + 16 * i, 16);
    }
    result.trap = g[REG_TRAPNO];
    result.error = g[REG_ERR];
    result.cr2 = g[REG_CR2];
    result.eip = g[REG_RIP];
    result.eflags = g[REG_EFL];
    result.segment[CS] = g[REG_CSGSFS] & 0xffff;
    result.segment[SS] = (uint64_t)g[REG_CSGSFS] >> 48;
    result.segment[DS] = ds;
    result.segment[ES] = es;
    result.segment[FS] = fs;
    result.segment[GS] = gs;
    siglongjmp(back, 1);
}

void enter(void);
asm("enter:\n"
    "cmpb $0, has_avx\n je 1f\n"
    "vmovups vectors+0, %ymm0\n vmovups vectors+32, %ymm1\n vmovups vectors+64, %ymm2\n vmovups vectors+96, %ymm3\n"
    "vmovups vectors+128, %ymm4\n vmovups vectors+160, %ymm5\n vmovups vectors+192, %ymm6\n vmovups vectors+224, %ymm7\n"
    "1:\n"
    "pushq entry+64\n"
    "movl entry+0, %eax\n movl entry+8, %ecx\n movl entry+16, %edx\n movl entry+24, %ebx\n"
    "movl entry+40, %ebp\n movl entry+48, %esi\n movl entry+56, %edi\n"
    "movw entry+78, %es\n movw entry+84, %ds\n movw entry+86, %fs\n movw entry+88, %gs\n"
    "popfq\n"
    "movw entry+82, %ss\n"
    "movl entry+32, %esp\n"
    "ljmpl *entry+72\n");

static void check(int ok, const char *what) {
    if (!ok) { perror(what); exit(1); }
}

int main(void) {
    static struct test_case test;
    check(mmap(CODE_PAGE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED, "code");
    check(mmap(DATA_PAGES, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED, "data");
    /* A case that never ends ends the harness. */
    alarm(100);
    has_avx = __builtin_cpu_supports("avx") != 0;
    uint32_t count;
    check(fread(&count, sizeof count, 1, stdin) == 1, "ldt");
    while (count--) {
        struct user_desc d;
        check(fread(&d, sizeof d, 1, stdin) == 1, "ldt");
        check(!syscall(SYS_modify_ldt, 0x11, &d, sizeof d), "modify_ldt");
    }
    check(!syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_base), "fs");
    stack_t stack = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17};
    check(!sigaltstack(&stack, 0), "sigaltstack");
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, 0);
    while (fread(&test, sizeof test, 1, stdin) == 1) {
        /* An earlier case may have written to the page. */
        memset(CODE_PAGE, 0xcc, 4096);
        memcpy(CODE, test.code, sizeof test.code);
        for (int i = 0; i < 8; i++) entry.gpr[i] = test.gpr[i];
        entry.rflags = test.eflags;
        entry.target = test.eip;
        entry.code = test.segment[CS];
        memcpy(entry.segment, test.segment, sizeof entry.segment);
        memcpy(vectors, test.ymm, sizeof vectors);
        memset(DATA_PAGES, 0, 8192);
        memcpy(WINDOW_START, test.memory, WINDOW);
        if (!sigsetjmp(back, 1)) enter();
        memcpy(result.memory, WINDOW_START, WINDOW);
        check(fwrite(&result, sizeof result, 1, stdout) == 1, "write");
    }
    return 0;
}
