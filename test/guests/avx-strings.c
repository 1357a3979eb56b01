/*
 * glibc's functions on strings and memory over many lengths and alignments, each as a checksum of what it returned and wrote. glibc chooses their forms by the
 * processor: with AVX2 those of 32-byte vectors. The first line says what it sees.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

enum { ROOM = 8192, ROUNDS = 4000 };
static unsigned char a[ROOM + 64], b[ROOM + 64];
static uint64_t state, sum;

static uint64_t next(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}
static void note(uint64_t value) { sum = (sum ^ value) * 0x100000001b3ull + (sum >> 29); }
static void note_memory(const unsigned char *from) {
    for (unsigned i = 0; i < ROOM; i += 8) { uint64_t word; memcpy(&word, from + i, 8); note(word); }
}
static void fill(unsigned alphabet) {
    for (unsigned i = 0; i < ROOM; i++) a[i] = 1 + next() % alphabet, b[i] = next() % 16 ? a[i] : 1 + next() % alphabet;
    a[ROOM - 1] = b[ROOM - 1] = 0;
}
static int sign(int value) { return (value > 0) - (value < 0); }

#define RUN(name, ...)                                                        \
    do {                                                                      \
        state = 0x9e3779b97f4a7c15ull, sum = 0xcbf29ce484222325ull;           \
        for (unsigned round = 0; round < ROUNDS; round++) {                   \
            if (round % 64 == 0) fill(round % 128 ? 3 : 250);                 \
            unsigned n = next() % (round % 8 ? 300 : 6000), x = next() % 96, y = next() % 96; \
            unsigned char *p = a + x, *q = b + y;                             \
            int c = 1 + next() % (round % 3 ? 3 : 255);                       \
            (void)n, (void)p, (void)q, (void)c;                               \
            __VA_ARGS__;                                                      \
        }                                                                     \
        note_memory(a), note_memory(b);                                       \
        printf("%s %016llx\n", name, (unsigned long long)sum);                \
    } while (0)
#define AT(pointer, base) note((pointer) ? (uint64_t)((unsigned char *)(pointer) - (base)) : ~0ull)

int main(void) {
    __builtin_cpu_init();
    printf("SEES avx %d avx2 %d fma %d f16c %d\n", !!__builtin_cpu_supports("avx"), !!__builtin_cpu_supports("avx2"),
           !!__builtin_cpu_supports("fma"), !!__builtin_cpu_supports("f16c"));
    RUN("memcpy", memcpy(q, p, n));
    RUN("memmove up", memmove(a + x + y / 2, p, n));
    RUN("memmove down", memmove(p, a + x + y / 2, n));
    RUN("memset", memset(p, c, n));
    RUN("memcmp", note(sign(memcmp(p, b + x, n))); note(sign(memcmp(p, q, n))));
    RUN("memchr", AT(memchr(p, c, n), a));
    RUN("memrchr", AT(memrchr(p, c, n), a));
    RUN("rawmemchr", AT(rawmemchr(p, 0), a));
    RUN("memmem", AT(memmem(p, 600, b + x + n % 500, 4), a));
    RUN("strlen", p[n] = 0; note(strlen((char *)p)); p[n] = 1);
    RUN("strnlen", note(strnlen((char *)p, n)));
    RUN("strchr", AT(strchr((char *)p, c), a));
    RUN("strchrnul", AT(strchrnul((char *)p, c), a));
    RUN("strrchr", p[n] = 0; AT(strrchr((char *)p, c), a); p[n] = 1);
    RUN("strcmp", note(sign(strcmp((char *)p, (char *)b + x))));
    RUN("strncmp", note(sign(strncmp((char *)p, (char *)b + x, n))); note(sign(strncmp((char *)p, (char *)q, n))));
    RUN("strcasecmp", note(sign(strcasecmp((char *)p, (char *)b + x))));
    RUN("strcpy", p[n] = 0; strcpy((char *)q, (char *)p); p[n] = 1; q[n] = 1);
    RUN("stpncpy", AT(stpncpy((char *)q, (char *)p, n), b));
    RUN("strstr", AT(strstr((char *)p, "\1\2\3\1"), a));
    RUN("strspn", note(strspn((char *)p, "\1\2")); note(strcspn((char *)p, "\3")));
    RUN("wmemset", wmemset((wchar_t *)(a + (x & ~3u)), c, n / 4));
    RUN("wcslen", note(wcsnlen((wchar_t *)(a + (x & ~3u)), n / 4)));
    RUN("wmemchr", note(!!wmemchr((wchar_t *)(a + (x & ~3u)), c * 0x01010101, n / 4)));
    puts("STRINGS-DONE");
    return 0;
}
