/* What programs ask of a kernel, many times: fork, pipe, mprotect, map, signals, threads. It prints how often. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, MIB = 1 << 20 };

static void check(int holds, const char *what) {
    if (!holds) { perror(what); exit(1); }
}
static char *map(size_t bytes) {
    char *p = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(p != MAP_FAILED, "mmap");
    return p;
}

static uint64_t fork_16MiB(void) {
    char *p = map(16 * MIB);
    memset(p, 1, 16 * MIB);
    uint64_t sum = 0;
    for (int n = 0; n < 200; n++) {
        pid_t child = fork();
        check(child >= 0, "fork");
        if (!child) { for (int i = 0; i < 64; i++) p[i * PAGE]++; _exit(p[PAGE]); }
        int status;
        check(waitpid(child, &status, 0) == child, "waitpid");
        sum += WEXITSTATUS(status);
    }
    return sum;
}
static uint64_t pipe_words(void) {
    int there[2], back[2];
    check(!pipe(there) && !pipe(back), "pipe");
    uint64_t word = 1;
    pid_t child = fork();
    if (!child) {
        close(there[1]);
        while (read(there[0], &word, 8) == 8) { word = word * 3 + 1; check(write(back[1], &word, 8) == 8, "write"); }
        _exit(0);
    }
    for (int n = 0; n < 22000; n++) {
        check(write(there[1], &word, 8) == 8, "write");
        check(read(back[0], &word, 8) == 8, "read");
    }
    close(there[1]);
    waitpid(child, 0, 0);
    return word;
}
static uint64_t mprotect_pages(void) {
    char *p = map(256 * PAGE);
    memset(p, 1, 256 * PAGE);
    for (int n = 0; n < 40000; n++) {
        char *at = p + n * 7 % 256 * PAGE;
        check(!mprotect(at, PAGE, PROT_READ), "mprotect");
        check(!mprotect(at, PAGE, PROT_READ | PROT_WRITE), "mprotect");
        at[0]++;
    }
    uint64_t sum = 0;
    for (int i = 0; i < 256; i++) sum = sum * 31 + p[i * PAGE];
    return sum;
}
static uint64_t map_pages(void) {
    uint64_t sum = 0;
    for (int n = 0; n < 900; n++) {
        char *p = map(128 * PAGE);
        for (int i = 0; i < 128; i++) p[i * PAGE] = i;
        sum += p[n % 128 * PAGE];
        check(!munmap(p, 128 * PAGE), "munmap");
    }
    return sum;
}
static volatile uint64_t caught;
static void handler(int signal) { caught += signal; }
static uint64_t signals(void) {
    struct sigaction action = { .sa_handler = handler };
    sigaction(SIGUSR1, &action, 0);
    for (int n = 0; n < 50000; n++) kill(getpid(), SIGUSR1);
    return caught;
}
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;
static uint64_t turns;
static void *take_turns(void *own) {
    for (int n = 0; n < 40000; n++) {
        pthread_mutex_lock(&mutex);
        while (turn != (int)(intptr_t)own) pthread_cond_wait(&changed, &mutex);
        turn ^= 1;
        turns++;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&mutex);
    }
    return 0;
}
static uint64_t threads(void) {
    pthread_t t[2];
    for (intptr_t n = 0; n < 2; n++) pthread_create(&t[n], 0, take_turns, (void *)n);
    for (int n = 0; n < 2; n++) pthread_join(t[n], 0);
    return turns;
}

int main(int count, char **arguments) {
    static const struct { const char *name; uint64_t (*run)(void); } tests[] = {
        { "fork", fork_16MiB }, { "pipe", pipe_words }, { "mprotect", mprotect_pages },
        { "map", map_pages }, { "signals", signals }, { "threads", threads },
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (count == 2 && !strcmp(arguments[1], tests[i].name)) return printf("%llx\n", (unsigned long long)tests[i].run()) < 0;
    fprintf(stderr, "one argument: fork, pipe, mprotect, map, signals or threads\n");
    return 2;
}
