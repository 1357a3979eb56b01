/*
 * guest-load: what the build of a kernel asks of a machine, for a given time, with every result checked: processes, exec, pipes, signals, copy on
 * write, shared memory, threads, page faults, floating point across context switches.
 *
 * Build: gcc -O2 -static -pthread -o guest-load guest-load.c
 * Use: guest-load SECONDS [WORKERS]. Each worker does jobs in random order. Each job has one right result, whatever else runs.
 * Output: "LOAD-WRONG <job> ..." for a wrong result. At the end come the jobs by kind, and then "LOAD-DONE jobs=<n> wrong=<n>".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MOST_KINDS = 16 };

/* All workers share this. */
struct totals {
    atomic_ullong jobs[MOST_KINDS];
    atomic_ullong wrong;
};
static struct totals *totals;
static const char *current_job;

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void wrong(const char *format, ...) {
    char text[512];
    int length = snprintf(text, sizeof text, "LOAD-WRONG %s (process %d): ", current_job, (int)getpid());
    va_list list;
    va_start(list, format);
    length += vsnprintf(text + length, sizeof text - length - 1, format, list);
    va_end(list);
    text[length++] = '\n';
    atomic_fetch_add(&totals->wrong, 1);
    if (write(STDOUT_FILENO, text, length) != length) _exit(98);
}

/* A call that must not fail, because the guest has enough memory and processes. */
static long must(const char *call, long result) {
    if (result >= 0) return result;
    wrong("%s: %s", call, strerror(errno));
    _exit(97);
}
#define MUST(call) must(#call, (long)(call))

static void *map_memory(size_t bytes, int flags) {
    void *p = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
    if (p == MAP_FAILED) must("mmap", -1);
    return p;
}

static void write_all(int fd, const void *data, size_t bytes) {
    const char *at = data;
    while (bytes) {
        ssize_t done = write(fd, at, bytes);
        if (done < 0 && errno == EINTR) continue;
        MUST(done);
        at += done;
        bytes -= done;
    }
}
/* Reads up to the end. */
static size_t read_all(int fd, void *data, size_t bytes) {
    size_t sum = 0;
    while (sum < bytes) {
        ssize_t done = read(fd, (char *)data + sum, bytes - sum);
        if (done < 0 && errno == EINTR) continue;
        MUST(done);
        if (!done) break;
        sum += done;
    }
    return sum;
}

/* Waits for a child, which must exit with `status`. */
static void reap(pid_t child, int status) {
    int found;
    pid_t pid;
    do pid = waitpid(child, &found, 0);
    while (pid < 0 && errno == EINTR);
    if (pid != child) wrong("waitpid for %d gave %d", (int)child, (int)pid);
    else if (!WIFEXITED(found) || WEXITSTATUS(found) != status) wrong("child's status is %x, not exit %d", found, status);
}

static uint64_t hash(uint64_t h, const uint8_t *data, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) h = (h ^ data[i]) * 0x100000001b3ull;
    return h;
}

/* Three processes and three pipes: bytes are made, changed on the way and hashed at the end. */
static void job_pipeline(uint64_t seed) {
    enum { MOST = 1 << 16 };
    size_t bytes = 1 + next_random(&seed) % MOST, chunk = 1 + next_random(&seed) % 6000;
    uint8_t key = (uint8_t)next_random(&seed);
    static uint8_t data[MOST];
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word = next_random(&seed);
        memcpy(data + i, &word, bytes - i < 8 ? bytes - i : 8);
    }
    uint64_t expected = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < bytes; i++) expected = (expected ^ (uint8_t)(data[i] ^ key)) * 0x100000001b3ull;
    int first[2], second[2], result[2];
    MUST(pipe(first)), MUST(pipe(second)), MUST(pipe(result));
    pid_t maker = MUST(fork());
    if (!maker) {
        close(first[0]), close(second[0]), close(second[1]), close(result[0]), close(result[1]);
        for (size_t at = 0; at < bytes; at += chunk) write_all(first[1], data + at, bytes - at < chunk ? bytes - at : chunk);
        _exit(1);
    }
    pid_t filter = MUST(fork());
    if (!filter) {
        static uint8_t part[4096];
        close(first[1]), close(second[0]), close(result[0]), close(result[1]);
        for (ssize_t got; (got = MUST(read(first[0], part, sizeof part))) > 0; write_all(second[1], part, got))
            for (ssize_t i = 0; i < got; i++) part[i] ^= key;
        _exit(2);
    }
    pid_t hasher = MUST(fork());
    if (!hasher) {
        static uint8_t part[3000];
        uint64_t h = 0xcbf29ce484222325ull;
        close(first[0]), close(first[1]), close(second[1]), close(result[0]);
        for (ssize_t got; (got = MUST(read(second[0], part, sizeof part))) > 0;) h = hash(h, part, got);
        write_all(result[1], &h, sizeof h);
        _exit(3);
    }
    close(first[0]), close(first[1]), close(second[0]), close(second[1]), close(result[1]);
    uint64_t found = 0;
    if (read_all(result[0], &found, sizeof found) != sizeof found) wrong("the pipe ended early");
    else if (found != expected) wrong("%zu bytes hash to %llx, not %llx", bytes, (unsigned long long)found, (unsigned long long)expected);
    close(result[0]);
    reap(maker, 1), reap(filter, 2), reap(hasher, 3);
}

/* The value that --child prints. */
static uint64_t child_value(uint64_t seed) {
    uint64_t sum = 0;
    for (int i = 0; i < 20000; i++) sum = sum * 31 + (next_random(&seed) >> (i & 31));
    return sum;
}

/* As make starts compilers: many at the same time, each a new program with arguments, an environment and a pipe. */
static void job_exec(uint64_t seed) {
    enum { MOST = 6 };
    int count = 1 + next_random(&seed) % MOST, pipes[MOST][2];
    pid_t children[MOST];
    uint64_t seeds[MOST];
    for (int i = 0; i < count; i++) {
        seeds[i] = next_random(&seed);
        MUST(pipe2(pipes[i], O_CLOEXEC));
        char text[32], status[16];
        snprintf(text, sizeof text, "%llu", (unsigned long long)seeds[i]);
        snprintf(status, sizeof status, "%d", 10 + i);
        children[i] = MUST(i % 2 ? vfork() : fork());
        if (!children[i]) {
            dup2(pipes[i][1], STDOUT_FILENO);
            char *environment[] = {"LOAD=guest", 0};
            execle("/proc/self/exe", "guest-load", "--child", text, status, (char *)0, environment);
            _exit(96);
        }
        close(pipes[i][1]);
    }
    for (int i = 0; i < count; i++) {
        char text[64] = "";
        read_all(pipes[i][0], text, sizeof text - 1);
        close(pipes[i][0]);
        unsigned long long found = strtoull(text, 0, 16), expected = child_value(seeds[i]);
        if (found != expected) wrong("child says \"%s\", not %llx", text, expected);
        reap(children[i], 10 + i);
    }
}

static volatile sig_atomic_t usr1_seen;
static void on_usr1(int signal) { (void)signal, usr1_seen++; }

/* All queued signals must arrive, in the order of their numbers and with their values, and a ping-pong by SIGUSR1 must lose none. */
static void job_signals(uint64_t seed) {
    enum { QUEUED = 60, ROUNDS = 30 };
    sigset_t waited, old;
    sigemptyset(&waited);
    sigaddset(&waited, SIGRTMIN), sigaddset(&waited, SIGRTMIN + 1), sigaddset(&waited, SIGUSR1);
    sigprocmask(SIG_BLOCK, &waited, &old);
    uint64_t sums[2] = {0, 0};
    int values[QUEUED], kinds[QUEUED];
    for (int i = 0; i < QUEUED; i++) {
        values[i] = (int)(next_random(&seed) & 0xffffff), kinds[i] = next_random(&seed) & 1;
        sums[kinds[i]] = sums[kinds[i]] * 33 + values[i];
    }
    pid_t parent = getpid(), child = MUST(fork());
    if (!child) {
        uint64_t found[2] = {0, 0};
        siginfo_t info;
        sigset_t queued = waited;
        sigdelset(&queued, SIGUSR1);
        for (int i = 0; i < QUEUED; i++) {
            int signal = MUST(sigwaitinfo(&queued, &info));
            if (info.si_pid != parent) wrong("signal from %d", (int)info.si_pid);
            found[signal - SIGRTMIN] = found[signal - SIGRTMIN] * 33 + info.si_value.sival_int;
        }
        if (found[0] != sums[0] || found[1] != sums[1]) wrong("queued signals came otherwise than sent");
        struct sigaction action = {.sa_handler = on_usr1};
        sigaction(SIGUSR1, &action, 0);
        sigset_t open = old;
        sigdelset(&open, SIGUSR1);
        usr1_seen = 0;
        for (int i = 0; i < ROUNDS; i++) {
            while (usr1_seen <= i) sigsuspend(&open);
            MUST(kill(parent, SIGUSR1));
        }
        _exit(usr1_seen == ROUNDS ? 4 : 95);
    }
    for (int i = 0; i < QUEUED; i++) {
        union sigval value = {.sival_int = values[i]};
        while (sigqueue(child, SIGRTMIN + kinds[i], value) < 0) {
            if (errno != EAGAIN) MUST(-1);
            sched_yield();
        }
    }
    sigset_t answer;
    sigemptyset(&answer), sigaddset(&answer, SIGUSR1);
    siginfo_t info;
    for (int i = 0; i < ROUNDS; i++) {
        MUST(kill(child, SIGUSR1));
        MUST(sigwaitinfo(&answer, &info));
    }
    reap(child, 4);
    sigprocmask(SIG_SETMASK, &old, 0);
}

/* Children that signals kill must report so, groups must get signals as a whole, and stopped children must continue. */
static void job_kill(uint64_t seed) {
    static const int signals[] = {SIGKILL, SIGTERM, SIGSEGV, SIGPIPE, SIGABRT};
    int signal = signals[next_random(&seed) % 5], status;
    pid_t child = MUST(fork());
    if (!child) {
        if (signal == SIGPIPE) {
            int ends[2];
            MUST(pipe(ends));
            close(ends[0]);
            if (write(ends[1], "x", 1) == 1) _exit(94);
        } else if (signal == SIGSEGV) {
            volatile uintptr_t nowhere = 8;
            *(volatile int *)nowhere = 1;
        } else if (signal == SIGABRT) abort();
        for (;;) pause();
    }
    if (signal == SIGKILL || signal == SIGTERM) {
        if (next_random(&seed) & 1) {
            MUST(kill(child, SIGSTOP));
            MUST(waitpid(child, &status, WUNTRACED));
            if (!WIFSTOPPED(status)) wrong("status %x, not stopped", status);
            if (signal == SIGTERM) MUST(kill(child, SIGCONT));
        }
        MUST(kill(child, signal));
    }
    MUST(waitpid(child, &status, 0));
    if (!WIFSIGNALED(status) || WTERMSIG(status) != signal) wrong("status is %x, not signal %d", status, signal);
}

/* Only the process that writes after a fork may see it, in every page of a tree of processes. */
static void job_copy_on_write(uint64_t seed) {
    enum { PAGES = 200, DEPTH = 3 };
    uint64_t *memory = map_memory(PAGES * PAGE, MAP_PRIVATE);
    for (int i = 0; i < PAGES; i++) memory[i * 512 + i] = seed + i;
    int depth = 0;
    pid_t children[DEPTH + 1] = {0};
    for (; depth < DEPTH; depth++) {
        children[depth] = MUST(fork());
        if (children[depth]) break;
        /* The child owns what it changes, and passes it on to its own child. */
        for (int i = depth; i < PAGES; i += 2) memory[i * 512 + i] ^= 0x1111ull << depth;
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < PAGES; i++) {
            uint64_t expected = seed + i;
            for (int d = 0; d < depth; d++)
                if (i >= d && (i - d) % 2 == 0) expected ^= 0x1111ull << d;
            if (memory[i * 512 + i] != expected) wrong("page %d at depth %d: %llx, not %llx", i, depth, (unsigned long long)memory[i * 512 + i], (unsigned long long)expected);
        }
        sched_yield();
    }
    if (depth < DEPTH) reap(children[depth], 20 + depth + 1);
    if (depth) _exit(20 + depth);
    munmap(memory, PAGES * PAGE);
}

struct shared {
    pthread_mutex_t mutex;
    atomic_ullong counted;
    uint64_t guarded, sum;
};

/* Processes that share memory: atomic counts must be exact, and a mutex between them must exclude. */
static void job_shared(uint64_t seed) {
    enum { CHILDREN = 3, ROUNDS = 400 };
    struct shared *shared = map_memory(PAGE, MAP_SHARED);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared->mutex, &attributes);
    pid_t children[CHILDREN];
    for (int c = 0; c < CHILDREN; c++) {
        children[c] = MUST(fork());
        if (children[c]) continue;
        for (int i = 0; i < ROUNDS; i++) {
            atomic_fetch_add(&shared->counted, seed & 0xff);
            pthread_mutex_lock(&shared->mutex);
            uint64_t seen = shared->guarded;
            if (i % 64 == 0) sched_yield();
            shared->guarded = seen + 1;
            shared->sum += seen;
            pthread_mutex_unlock(&shared->mutex);
        }
        _exit(5);
    }
    for (int c = 0; c < CHILDREN; c++) reap(children[c], 5);
    uint64_t all = CHILDREN * ROUNDS;
    if (shared->counted != all * (seed & 0xff)) wrong("counted %llu of %llu", (unsigned long long)shared->counted, (unsigned long long)(all * (seed & 0xff)));
    if (shared->guarded != all || shared->sum != all * (all - 1) / 2) wrong("guarded count is %llu of %llu", (unsigned long long)shared->guarded, (unsigned long long)all);
    munmap(shared, PAGE);
}

struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled, emptied;
    uint64_t items[16];
    int count, first, closed;
    uint64_t taken, sum;
};
static void *take_items(void *argument) {
    struct queue *q = argument;
    for (;;) {
        pthread_mutex_lock(&q->mutex);
        while (!q->count && !q->closed) pthread_cond_wait(&q->filled, &q->mutex);
        if (!q->count) break;
        uint64_t item = q->items[q->first];
        q->first = (q->first + 1) % 16, q->count--;
        q->taken++, q->sum += item * item;
        pthread_cond_signal(&q->emptied);
        pthread_mutex_unlock(&q->mutex);
    }
    pthread_mutex_unlock(&q->mutex);
    return 0;
}

/* Threads with a bounded queue between them: futexes, wake-ups, stacks that are made and unmapped. */
static void job_threads(uint64_t seed) {
    enum { THREADS = 3, ITEMS = 500 };
    struct queue q = {.mutex = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .emptied = PTHREAD_COND_INITIALIZER};
    pthread_t threads[THREADS];
    uint64_t expected = 0;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], 0, take_items, &q)) MUST(-1);
    for (int i = 0; i < ITEMS; i++) {
        uint64_t item = next_random(&seed) >> 40;
        expected += item * item;
        pthread_mutex_lock(&q.mutex);
        while (q.count == 16) pthread_cond_wait(&q.emptied, &q.mutex);
        q.items[(q.first + q.count++) % 16] = item;
        pthread_cond_signal(&q.filled);
        pthread_mutex_unlock(&q.mutex);
    }
    pthread_mutex_lock(&q.mutex);
    q.closed = 1;
    pthread_cond_broadcast(&q.filled);
    pthread_mutex_unlock(&q.mutex);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], 0);
    if (q.taken != ITEMS || q.sum != expected) wrong("%llu of %d items, sum %llx, not %llx", (unsigned long long)q.taken, ITEMS, (unsigned long long)q.sum, (unsigned long long)expected);
}

static uint8_t *guarded;
static volatile sig_atomic_t faults;
static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    uint8_t *page = (uint8_t *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1));
    if (mprotect(page, PAGE, PROT_READ | PROT_WRITE)) _exit(93);
    faults++;
}

/* Every first write to a protected page must fault once, with its address, and go on after the handler. */
static void job_faults(uint64_t seed) {
    enum { PAGES = 64 };
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
    sigaction(SIGSEGV, &action, &old);
    guarded = map_memory(PAGES * PAGE, MAP_PRIVATE);
    MUST(mprotect(guarded, PAGES * PAGE, PROT_READ));
    faults = 0;
    for (int i = 0; i < PAGES; i++) {
        guarded[i * PAGE + seed % PAGE] += (uint8_t)i;
        guarded[i * PAGE + seed % PAGE] ^= 0x5a;
    }
    if (faults != PAGES) wrong("%d faults, not %d", (int)faults, PAGES);
    for (int i = 0; i < PAGES; i++)
        if (guarded[i * PAGE + seed % PAGE] != (i ^ 0x5a)) wrong("page %d has %x", i, guarded[i * PAGE + seed % PAGE]);
    munmap(guarded, PAGES * PAGE);
    sigaction(SIGSEGV, &old, 0);
}

static volatile sig_atomic_t ticks;
static volatile double disturbed = 1;
static void on_tick(int signal) {
    (void)signal, ticks++;
    /* The handler has registers of its own. */
    disturbed = disturbed * 1.0000001 + (double)((long double)ticks / 3);
}

/* Floating point, SSE and x87, interrupted by timer signals and other processes. The result must always be the same. */
static void job_floating(uint64_t seed) {
    static uint64_t expected[8];
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART}, old;
    struct itimerval interval = {{0, 700}, {0, 700}}, off = {{0, 0}, {0, 0}};
    int kind = seed & 7;
    /* The first time it is not disturbed by signals. */
    if (expected[kind]) sigaction(SIGALRM, &action, &old), setitimer(ITIMER_REAL, &interval, 0);
    double s = 0.5 + kind, t[4] = {1, 2, 3, 4};
    long double x = 0.25L + kind;
    for (int i = 0; i < 60000; i++) {
        s = s * 0.999 + 1.0 / (1 + i);
        for (int k = 0; k < 4; k++) t[k] = t[k] * 0.75 + s * k;
        x = x * 0.9999L + 1.0L / (3 + i);
    }
    if (expected[kind]) setitimer(ITIMER_REAL, &off, 0), sigaction(SIGALRM, &old, 0);
    double all = s + t[0] + t[1] + t[2] + t[3] + (double)x;
    uint64_t bits;
    memcpy(&bits, &all, 8);
    if (!expected[kind]) expected[kind] = bits;
    else if (bits != expected[kind]) wrong("%llx, not %llx", (unsigned long long)bits, (unsigned long long)expected[kind]);
}

/* Files are written, renamed, mapped, cut and removed. */
static void job_files(uint64_t seed) {
    enum { BYTES = 50000 };
    char name[32], other[40];
    snprintf(name, sizeof name, "/tmp/load-%d", (int)getpid()), snprintf(other, sizeof other, "%s.o", name);
    static uint8_t data[BYTES], back[BYTES];
    for (int i = 0; i < BYTES; i++) data[i] = (uint8_t)(seed >> (i & 31)) + i;
    int fd = MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
    for (int at = 0, part; at < BYTES; at += part) {
        part = 1 + next_random(&seed) % 9000;
        if (part > BYTES - at) part = BYTES - at;
        write_all(fd, data + at, part);
    }
    MUST(rename(name, other));
    uint8_t *mapped = mmap(0, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) MUST(-1);
    if (memcmp(mapped, data, BYTES)) wrong("the mapping differs from what was written");
    mapped[BYTES / 2] ^= 0xff, data[BYTES / 2] ^= 0xff;
    munmap(mapped, BYTES);
    MUST(lseek(fd, 0, SEEK_SET));
    if (read_all(fd, back, BYTES) != BYTES || memcmp(back, data, BYTES)) wrong("what is read differs from what was written");
    MUST(ftruncate(fd, 100));
    if (MUST(lseek(fd, 0, SEEK_END)) != 100) wrong("the file was not cut");
    close(fd);
    MUST(unlink(other));
    if (open(other, O_RDONLY) >= 0) wrong("the file is there after its removal");
}

static const struct { const char *name; void (*run)(uint64_t seed); } jobs[] = {
    {"pipeline", job_pipeline}, {"exec", job_exec}, {"signals", job_signals}, {"kill", job_kill},
    {"copy-on-write", job_copy_on_write}, {"shared", job_shared}, {"threads", job_threads},
    {"faults", job_faults}, {"floating", job_floating}, {"files", job_files},
};
enum { KINDS = sizeof jobs / sizeof *jobs };

static void worker(int number, double until) {
    uint64_t state = 0x1234567u * (number + 1);
    while (now_seconds() < until) {
        int kind = next_random(&state) % KINDS;
        current_job = jobs[kind].name;
        jobs[kind].run(next_random(&state) | 1);
        atomic_fetch_add(&totals->jobs[kind], 1);
    }
    _exit(0);
}

int main(int argc, char **argv) {
    setvbuf(stdout, 0, _IONBF, 0);
    if (argc > 3 && !strcmp(argv[1], "--child")) {
        const char *environment = getenv("LOAD");
        if (!environment || strcmp(environment, "guest")) return 92;
        printf("%llx", (unsigned long long)child_value(strtoull(argv[2], 0, 10)));
        return atoi(argv[3]);
    }
    double seconds = argc > 1 ? atof(argv[1]) : 10;
    int workers = argc > 2 ? atoi(argv[2]) : 6, bad = 0;
    totals = map_memory(PAGE, MAP_SHARED);
    current_job = "main";
    double until = now_seconds() + seconds;
    for (int i = 0; i < workers; i++)
        if (!MUST(fork())) worker(i, until);
    for (int i = 0; i < workers; i++) {
        int status;
        MUST(wait(&status));
        if (status) bad++, wrong("a worker ended with status %x", status);
    }
    unsigned long long sum = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        printf("LOAD-JOBS %s %llu\n", jobs[kind].name, (unsigned long long)totals->jobs[kind]);
        sum += totals->jobs[kind];
    }
    printf("LOAD-DONE jobs=%llu wrong=%llu\n", sum, (unsigned long long)totals->wrong);
    return totals->wrong || bad ? 1 : 0;
}
