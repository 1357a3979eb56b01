/* Writes another word into each page of as many MiB as it is told. For each line that it reads it checks all of them again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WORDS 512
/* It is odd, so that each page has a different word. */
#define FACTOR 0x9e3779b97f4a7c15ull

int main(int count, char **arguments)
{
    size_t pages = count > 1 ? strtoul(arguments[1], 0, 10) * 256 : 0;
    volatile uint64_t *memory = mmap(0, pages * WORDS * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("memory-words");
        return 1;
    }
    for (size_t i = 0; i < pages; i++) memory[i * WORDS + i % WORDS] = (i + 1) * FACTOR;
    printf("WRITTEN %zu pages\n", pages);
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        size_t wrong = 0;
        for (size_t i = 0; i < pages; i++) wrong += memory[i * WORDS + i % WORDS] != (i + 1) * FACTOR;
        line[strcspn(line, "\n")] = 0;
        printf("LOOKED %s: %zu of %zu wrong\n", line, wrong, pages);
        fflush(stdout);
        if (!strcmp(line, "end")) break;
    }
    return 0;
}
