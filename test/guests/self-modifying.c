/*
 * Code that is written and executed at once, as Intel's manual (volume 3, 9.1.3 and 12.6) describes it: a processor sees its own stores into code
 * with the next jump. It sees those of another one after both have handed over and the one that executes has serialised. Pages lie where systems put
 * them, also where the low half of the address is greater than every machine address. It prints a line for each case, "NAME: WRONG of COUNT wrong",
 * and SMC-DONE.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int (*function)(void);

static void serialise(void) {
  unsigned a = 0, b, c, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d)::"memory");
}

/* The code is: mov eax, value; ret. */
static void put(unsigned char *p, uint32_t value) {
  p[0] = 0xb8;
  memcpy(p + 1, &value, 4);
  p[5] = 0xc3;
}
static int call(unsigned char *p) {
  return ((function)p)();
}
static void report(const char *name, const char *what, int wrong, int count) {
  printf("%s, %s: %d of %d wrong\n", name, what, wrong, count);
}

/* On one processor: `w` and `x` are the same page, for writing and for executing. */
static void alone(const char *name, unsigned char *w, unsigned char *x) {
  int wrong = 0;
  for (int i = 0; i < 500; i++) {
    put(w, i * 3);
    wrong += call(x) != i * 3;
  }
  report(name, "nothing between", wrong, 500);
  wrong = 0;
  for (int i = 0; i < 500; i++) {
    put(w, i * 5);
    if (i & 1) serialise();
    else usleep(0);
    wrong += call(x) != i * 5;
  }
  report(name, "CPUID or a system call between", wrong, 500);

  /* xor eax, eax; mov ecx, 1000; add eax, imm32; dec ecx; jnz to the addition; ret */
  memcpy(w + 64, "\x31\xc0\xb9\xe8\x03\x00\x00\x05\x01\x00\x00\x00\xff\xc9\x75\xf7\xc3", 17);
  wrong = 0;
  for (int i = 1; i < 300; i++) {
    *(volatile uint32_t *)(w + 72) = i;
    wrong += call(x + 64) != i * 1000;
  }
  report(name, "immediate in a loop", wrong, 299);

  put(w + 128, 0);
  wrong = 0;
  for (int i = 0; i < 200; i++) {
    w[129] = i;
    wrong += call(x + 128) != i;
  }
  for (uint32_t i = 0; i < 200; i++) {
    __asm__ volatile("rep movsb" ::"D"(w + 129), "S"(&i), "c"(4L) : "memory");
    wrong += call(x + 128) != (int)i;
  }
  report(name, "byte stores and string stores", wrong, 400);

  if (w != x) return;
  /* mov byte [rip + 1], 42; mov eax, imm32; ret: the store changes the next instruction. */
  memcpy(w + 192, "\xc6\x05\x01\x00\x00\x00\x2a\xb8\x00\x00\x00\x00\xc3", 13);
  wrong = 0;
  for (int i = 0; i < 200; i++) {
    w[200] = 0;
    wrong += call(x + 192) != 42;
  }
  report(name, "next instruction", wrong, 200);
}

/* On two processors: one writes and hands over, and the other executes and hands back. */
static unsigned char *shared_write, *shared_execute;
static volatile int turn;
static volatile int expected;
enum { ROUNDS = 500 };

static void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}
static void wait_for(int value) {
  for (long spins = 0; __atomic_load_n(&turn, __ATOMIC_ACQUIRE) != value; spins++)
    if (spins > 1000) sched_yield();
}
static void *executor(void *unused) {
  long wrong = 0;
  stay_on(1);
  for (int i = 0; i < ROUNDS; i++) {
    wait_for(1);
    serialise();
    wrong += call(shared_execute) != expected;
    __atomic_store_n(&turn, 0, __ATOMIC_RELEASE);
  }
  return (void *)wrong;
}
static void together(const char *name, unsigned char *w, unsigned char *x) {
  pthread_t thread;
  void *wrong;
  shared_write = w;
  shared_execute = x;
  turn = 0;
  stay_on(0);
  pthread_create(&thread, NULL, executor, NULL);
  for (int i = 0; i < ROUNDS; i++) {
    wait_for(0);
    put(w, i * 7);
    expected = i * 7;
    __atomic_store_n(&turn, 1, __ATOMIC_RELEASE);
  }
  pthread_join(thread, &wrong);
  report(name, "written by another processor", (int)(long)wrong, ROUNDS);
}

static unsigned char *map_at(uint64_t at, int protection, int flags, int file) {
  return mmap((void *)at, 4096, protection, flags | (at ? MAP_FIXED_NOREPLACE : 0), file, 0);
}

int main(void) {
  static const uint64_t places[] = {0, 0x200000000, 0xc0000000, 0xfffff000, 0x7f1234560000, 0x7effc0a87000, 0x10000};
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    char name[64];
    unsigned char *p = map_at(places[i], 7, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (p == MAP_FAILED) {
      printf("no page at %#lx\n", (long)places[i]);
      continue;
    }
    snprintf(name, sizeof name, "page at %#lx", (long)places[i]);
    alone(name, p, p);
    together(name, p, p);
    munmap(p, 4096);
  }
  int file = memfd_create("code", 0);
  if (ftruncate(file, 4096)) return 1;
  unsigned char *w = map_at(0x7e1200400000, 3, MAP_SHARED, file);
  unsigned char *x = map_at(0x7e34c0800000, 5, MAP_SHARED, file);
  alone("a page mapped twice", w, x);
  together("a page mapped twice", w, x);
  puts("SMC-DONE");
  return 0;
}
