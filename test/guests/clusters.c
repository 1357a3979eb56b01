/* Programs that go from one piece of code to the next through registers, in two threads at once: a bytecode interpreter, functions that are called through
   pointers, recursion, and handlers whose code changes while the interpreter runs. Prints a number for each, which does not depend on the machine. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef uint64_t u64;

/* The handlers of an interpreter with the labels of its cases in a table. Every handler touches memory. */
static u64 interpret(const unsigned char *code, u64 turns, u64 *memory)
{
    static void *const handlers[] = { &&add, &&sub, &&xor, &&mul, &&load, &&store, &&rotate, &&jump };
    u64 a = 1, at = 0;
#define NEXT do { if (!turns--) return a; at = (at + 1) & 255; goto *handlers[code[at] & 7]; } while (0)
    NEXT;
add: a += memory[a & 1023]; NEXT;
sub: a -= code[at]; NEXT;
xor: a ^= at << 7; NEXT;
mul: a *= 0x9e3779b97f4a7c15ul; NEXT;
load: a += memory[(a >> 20) & 1023] * 3; NEXT;
store: memory[a & 1023] = a; NEXT;
rotate: a = a << 13 | a >> 51; NEXT;
jump: at = (at + (a & 3)) & 255; NEXT;
}

static u64 twice(u64 x) { return x * 2 + 1; }
static u64 square(u64 x) { return x * x; }
static u64 shift(u64 x) { return x >> 3; }
static u64 negate(u64 x) { return ~x; }
static u64 (*volatile calls[4])(u64) = { twice, square, shift, negate };

static u64 through_pointers(u64 turns)
{
    u64 a = 3;
    for (u64 n = 0; n < turns; n++)
        a = calls[(a ^ n) & 3](a) + n;
    return a;
}

static __attribute__((noinline)) u64 tree(u64 depth, u64 seed)
{
    if (!depth)
        return seed & 0xff;
    return tree(depth - 1, seed * 6364136223846793005ul + 1) + 3 * tree(depth - 1, seed ^ depth);
}

/* MOV EAX, number; RET in pages of their own, of which one is written anew all the time. */
static u64 changing(u64 turns)
{
    unsigned char *page = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        exit(1);
    for (unsigned n = 0; n < 4; n++)
        memcpy(page + 4096 * n, (unsigned char[]){ 0xb8, n, 0, 0, 0, 0xc3 }, 6);
    u64 sum = 0;
    for (u64 n = 0; n < turns; n++) {
        unsigned which = (n * 7 + (n >> 5)) & 3;
        if (n % 5000 == 4999)
            page[4096 * which + 1] = n & 0xff;
        sum = sum * 31 + ((unsigned (*)(void))(page + 4096 * which))();
    }
    munmap(page, 4 * 4096);
    return sum;
}

static void *thread(void *number)
{
    u64 id = (u64)number, *memory = calloc(1024, 8);
    unsigned char code[256];
    for (u64 n = 0; n < 256; n++)
        code[n] = (n * 37 + id * 11 + (n >> 3)) & 0xff;
    static char text[2][400];
    sprintf(text[id], "interpret %lu %016lx\npointers %lu %016lx\ntree %lu %016lx\nchanging %lu %016lx\n", id,
            interpret(code, 6000000, memory), id, through_pointers(6000000 + id), id, tree(20, id + 5), id, changing(2000000 + id));
    return text[id];
}

int main(void)
{
    pthread_t threads[2];
    void *text[2];
    for (u64 n = 0; n < 2; n++)
        pthread_create(&threads[n], 0, thread, (void *)n);
    for (u64 n = 0; n < 2; n++)
        pthread_join(threads[n], &text[n]);
    printf("%s%sCLUSTERS-DONE\n", (char *)text[0], (char *)text[1]);
}
