/*
 * Executes one instruction of XSAVE's family at a time on the real CPU, in 64-bit mode, with a given state of x87, SSE and AVX. Cases come on standard input and
 * results go to standard output, in the structures of xstate.ts. The window of memory lies at the end of a page after which nothing is mapped.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define AREA 832
#define WINDOW 1024
#define PAGE ((uint8_t *)0x10000000)
#define WINDOW_START (PAGE + 4096 - WINDOW)

struct test_case {
    uint8_t state[AREA];   /* loaded by XRSTOR64 before the instruction */
    uint8_t memory[WINDOW];
    uint64_t rax, rdx, rcx, rbx;
    uint8_t code[8];       /* filled up with RET */
    uint8_t padding[24];
} __attribute__((aligned(64)));
struct result {
    uint32_t trap, error;
    uint64_t cr2;
    uint8_t state[AREA];   /* stored by XSAVE64 after it; not after an exception */
    uint8_t memory[WINDOW];
    uint64_t rax, rdx;
};

static struct test_case test;
static struct result result;
static uint8_t after[896] __attribute__((aligned(64)));
static uint8_t *code;
static sigjmp_buf back;

static void on_signal(int number, siginfo_t *info, void *context) {
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)number, (void)info;
    result.trap = g[REG_TRAPNO];
    result.error = g[REG_ERR];
    result.cr2 = g[REG_CR2];
    siglongjmp(back, 1);
}

static void check(int ok, const char *what) {
    if (!ok) { perror(what); exit(1); }
}

int main(void) {
    check(mmap(PAGE, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED, "window");
    code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(code != MAP_FAILED, "code");
    memset(code, 0xc3, 4096);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
    int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, 0);
    while (fread(&test, sizeof test, 1, stdin) == 1) {
        memset(&result, 0, sizeof result);
        memset(after, 0, sizeof after);
        memcpy(code, test.code, sizeof test.code);
        memcpy(WINDOW_START, test.memory, WINDOW);
        if (!sigsetjmp(back, 1)) {
            uint64_t rax = test.rax, rdx = test.rdx;
            result.trap = 3;
            asm volatile(
                "push %%rax\n push %%rdx\n"
                "mov $7, %%eax\n xor %%edx, %%edx\n"
                "xrstor64 (%[state])\n"
                "pop %%rdx\n pop %%rax\n"
                "call *%[code]\n"
                "push %%rax\n push %%rdx\n"
                "mov $7, %%eax\n xor %%edx, %%edx\n"
                "xsave64 (%[after])\n"
                "fninit\n vzeroall\n"
                "pop %%rdx\n pop %%rax\n"
                : "+a"(rax), "+d"(rdx)
                : [state] "r"(test.state), [code] "r"(code), [after] "r"(after), "c"(test.rcx), "b"(test.rbx)
                : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                  "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
            uint32_t mxcsr = 0x1f80;
            asm volatile("ldmxcsr %0" : : "m"(mxcsr));
            result.rax = rax;
            result.rdx = rdx;
            memcpy(result.state, after, AREA);
        }
        memcpy(result.memory, WINDOW_START, WINDOW);
        check(fwrite(&result, sizeof result, 1, stdout) == 1, "write");
    }
    return 0;
}
