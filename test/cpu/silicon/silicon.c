/*
 * Executes single instructions on the real CPU: reads cases from standard input, and writes what each did to standard output. A case is the whole
 * state that a user program sees. The instruction is followed by INT3, so every case ends in a signal, and the signal's frame is the result. Build:
 * gcc -O1 -o silicon silicon.c (x86-64 Linux).
 */
#define _GNU_SOURCE
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
#include <asm/prctl.h>

enum { WINDOW = 512 };
/* The first and the last bytes of the mapped pages, which masked accesses may reach; they are zero before each case. */
enum { EDGE = 64 };
#define CODE_PAGE ((uint8_t *)0x10000000)
#define CODE (CODE_PAGE + 0x800)
/* The window lies across a page boundary. The pages around these two are not mapped. */
#define DATA_PAGES ((uint8_t *)0x20000000)
#define WINDOW_START (DATA_PAGES + 0x1000 - WINDOW / 2)

struct test_case {
    uint8_t code[24];
    uint64_t gpr[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8..R15 */
    uint64_t rflags;
    uint8_t fx[512] __attribute__((aligned(16)));
    uint8_t memory[WINDOW];
    uint8_t ymm[256]; /* the upper halves of YMM0..15 */
};

struct result {
    uint32_t trap, error;
    uint64_t cr2, rip, rflags;
    uint64_t gpr[16];
    uint8_t fx[512];
    uint8_t memory[WINDOW];
    uint8_t ymm[256];
};

/* Offsets in the area of XSAVE, which a signal's frame has after the image of FXSAVE. */
enum { XSAVE_BV = 512, XSAVE_YMM = 576 };
enum { XSTATE_AVX = 4 };
/* What the kernel puts into the image if the rest of the area follows (asm/sigcontext.h: FP_XSTATE_MAGIC1, sw_reserved). */
enum { XSTATE_MAGIC = 0x46505853, XSTATE_MAGIC_AT = 464 };

/* What the entry code below reaches through GS. */
static struct {
    uint64_t gpr[16], rflags, harness_rsp, target, has_avx;
    uint8_t fx[512] __attribute__((aligned(64)));
    uint64_t xstate_bv, header[7];
    uint8_t ymm[256];
} entry __attribute__((aligned(64)));

static struct result result;
static sigjmp_buf back;

static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number; (void)info;
    ucontext_t *u = context;
    greg_t *g = u->uc_mcontext.gregs;
    for (int i = 0; i < 16; i++) result.gpr[i] = g[order[i]];
    result.trap = g[REG_TRAPNO];
    result.error = g[REG_ERR];
    result.cr2 = g[REG_CR2];
    result.rip = g[REG_RIP];
    result.rflags = g[REG_EFL];
    const uint8_t *area = (const uint8_t *)u->uc_mcontext.fpregs;
    memcpy(result.fx, area, 512);
    uint32_t magic;
    uint64_t present;
    memcpy(&magic, area + XSTATE_MAGIC_AT, sizeof magic);
    memcpy(&present, area + XSAVE_BV, sizeof present);
    if (magic == XSTATE_MAGIC && present & XSTATE_AVX) memcpy(result.ymm, area + XSAVE_YMM, sizeof result.ymm);
    else memset(result.ymm, 0, sizeof result.ymm);
    siglongjmp(back, 1);
}

static void enter(void) {
    asm volatile(
        "testb $1, %%gs:%c[avx]\n jz 1f\n"
        "movl %[component], %%eax\n xorl %%edx, %%edx\n xrstor64 %%gs:%c[fx]\n"
        "1: fxrstorq %%gs:%c[fx]\n"
        "movq %%rsp, %%gs:%c[saved]\n"
        "pushq %%gs:%c[flags]\n"
        "movq %%gs:0, %%rax\n movq %%gs:8, %%rcx\n movq %%gs:16, %%rdx\n movq %%gs:24, %%rbx\n"
        "movq %%gs:40, %%rbp\n movq %%gs:48, %%rsi\n movq %%gs:56, %%rdi\n"
        "movq %%gs:64, %%r8\n movq %%gs:72, %%r9\n movq %%gs:80, %%r10\n movq %%gs:88, %%r11\n"
        "movq %%gs:96, %%r12\n movq %%gs:104, %%r13\n movq %%gs:112, %%r14\n movq %%gs:120, %%r15\n"
        "popfq\n"
        "movq %%gs:32, %%rsp\n"
        "jmpq *%%gs:%c[target]\n"
        :
        : [avx] "i"(__builtin_offsetof(__typeof__(entry), has_avx)), [component] "i"(XSTATE_AVX), [fx] "i"(__builtin_offsetof(__typeof__(entry), fx)), [saved] "i"(__builtin_offsetof(__typeof__(entry), harness_rsp)),
          [flags] "i"(__builtin_offsetof(__typeof__(entry), rflags)), [target] "i"(__builtin_offsetof(__typeof__(entry), target))
        : "memory");
    __builtin_unreachable();
}

static void check(int ok, const char *what) {
    if (!ok) { perror(what); exit(1); }
}

int main(void) {
    static struct test_case test;
    check(mmap(CODE_PAGE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED, "code");
    check(mmap(DATA_PAGES, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED, "data");
    stack_t stack = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17};
    check(!sigaltstack(&stack, 0), "sigaltstack");
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, 0);
    check(!syscall(SYS_arch_prctl, ARCH_SET_GS, &entry), "gs");
    memset(CODE_PAGE, 0xcc, 4096);
    entry.target = (uint64_t)CODE;
    entry.has_avx = __builtin_cpu_supports("avx") != 0;
    entry.xstate_bv = XSTATE_AVX;
    while (fread(&test, sizeof test, 1, stdin) == 1) {
        memcpy(CODE, test.code, sizeof test.code);
        memcpy(entry.gpr, test.gpr, sizeof entry.gpr);
        entry.rflags = test.rflags;
        memcpy(entry.fx, test.fx, 512);
        memcpy(entry.ymm, test.ymm, sizeof entry.ymm);
        memset(DATA_PAGES, 0, EDGE);
        memset(DATA_PAGES + 0x2000 - EDGE, 0, EDGE);
        memcpy(WINDOW_START, test.memory, WINDOW);
        if (!sigsetjmp(back, 1)) enter();
        memcpy(result.memory, WINDOW_START, WINDOW);
        check(fwrite(&result, sizeof result, 1, stdout) == 1, "write");
    }
    return 0;
}
