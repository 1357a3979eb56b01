/* Compiled programs of some size or shape: indirect calls, a virtual machine, sorting, hashing, doubles, trees. It prints what they have computed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state = 88172645463325252ull;
static uint64_t random64(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

struct shape { double (*area)(struct shape *); double a, b; };
static double square(struct shape *s) { return s->a * s->a; }
static double rectangle(struct shape *s) { return s->a * s->b; }
static double triangle(struct shape *s) { return s->a * s->b / 2; }
static double ellipse(struct shape *s) { return s->a * s->b * 3.14159; }
static uint64_t indirect(void) {
    static double (*const kinds[])(struct shape *) = { square, rectangle, triangle, ellipse };
    enum { COUNT = 5000 };
    static struct shape shapes[COUNT];
    for (int i = 0; i < COUNT; i++) shapes[i] = (struct shape){ kinds[random64() % 4], i % 17, i % 11 };
    double sum = 0;
    for (int round = 0; round < 5000; round++)
        for (int i = 0; i < COUNT; i++) sum += shapes[i].area(&shapes[i]);
    return (uint64_t)sum;
}

enum { ADD, SUB, XOR, SHIFT, LOAD, STORE, BRANCH, HALT };
static uint64_t machine(void) {
    static const uint8_t code[] = { LOAD, 1, ADD, 3, XOR, 2, STORE, 1, LOAD, 2, SHIFT, 5, ADD, 1, STORE, 2, LOAD, 0, SUB, 4, STORE, 0, BRANCH, 0, HALT, 0 };
    uint64_t memory[5] = { 5000000, 7, 11, 13, 1 }, a = 0;
    for (int at = 0;; at += 2) {
        uint8_t operand = code[at + 1];
        switch (code[at]) {
        case ADD: a += memory[operand]; break;
        case SUB: a -= memory[operand]; break;
        case XOR: a ^= memory[operand]; break;
        case SHIFT: a = a << operand | a >> (64 - operand); break;
        case LOAD: a = memory[operand]; break;
        case STORE: memory[operand] = a; break;
        case BRANCH: if (a) at = operand - 2; break;
        case HALT: return memory[1] ^ memory[2];
        }
    }
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}
static uint64_t sort(void) {
    enum { COUNT = 300000 };
    uint64_t *values = malloc(COUNT * 8), sum = 0;
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < COUNT; i++) values[i] = random64();
        qsort(values, COUNT, 8, compare);
        for (int i = 0; i < COUNT; i += 1000) sum = sum * 31 + values[i];
    }
    return sum;
}

static uint64_t hash(void) {
    enum { SLOTS = 1 << 20 };
    uint64_t *keys = calloc(SLOTS, 16), sum = 0;
    for (int n = 0; n < 4000000; n++) {
        uint64_t key = random64() % 600000 + 1;
        uint32_t slot = key * 0x9e3779b97f4a7c15ull >> 44;
        while (keys[slot * 2] && keys[slot * 2] != key) slot = (slot + 1) % SLOTS;
        keys[slot * 2] = key;
        sum += ++keys[slot * 2 + 1];
    }
    return sum;
}

static uint64_t mandelbrot(void) {
    uint64_t sum = 0;
    for (int y = 0; y < 400; y++)
        for (int x = 0; x < 400; x++) {
            double cr = x / 200.0 - 1.5, ci = y / 200.0 - 1.0, r = 0, i = 0;
            int n = 0;
            while (n < 200 && r * r + i * i < 4) { double t = r * r - i * i + cr; i = 2 * r * i + ci; r = t; n++; }
            sum = sum * 3 + n;
        }
    return sum;
}

static uint64_t matrix(void) {
    enum { N = 320 };
    static double a[N][N], b[N][N], c[N][N];
    for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) { a[i][j] = i + j % 7; b[i][j] = i % 5 - j; }
    for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) { double s = 0; for (int k = 0; k < N; k++) s += a[i][k] * b[k][j]; c[i][j] = s; }
    double sum = 0;
    for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) sum += c[i][j] * ((i + j) % 3);
    return (uint64_t)(int64_t)sum;
}

struct tree { struct tree *left, *right; };
static struct tree *grow(int depth) {
    struct tree *t = malloc(sizeof *t);
    t->left = depth ? grow(depth - 1) : 0;
    t->right = depth ? grow(depth - 1) : 0;
    return t;
}
static uint64_t count(struct tree *t) { return t ? 1 + count(t->left) + count(t->right) : 0; }
static void fell(struct tree *t) { if (t) { fell(t->left); fell(t->right); free(t); } }
static uint64_t trees(void) {
    uint64_t sum = 0;
    for (int n = 0; n < 120; n++) { struct tree *t = grow(14); sum += count(t); fell(t); }
    return sum;
}

int main(int count, char **arguments) {
    static const struct { const char *name; uint64_t (*run)(void); } tests[] = {
        { "indirect", indirect }, { "machine", machine }, { "sort", sort }, { "hash", hash },
        { "mandelbrot", mandelbrot }, { "matrix", matrix }, { "trees", trees },
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (count == 2 && !strcmp(arguments[1], tests[i].name)) return printf("%llx\n", (unsigned long long)tests[i].run()) < 0;
    fprintf(stderr, "one argument: indirect, machine, sort, hash, mandelbrot, matrix or trees\n");
    return 2;
}
