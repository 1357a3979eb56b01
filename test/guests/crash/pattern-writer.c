/*
 * Writes numbered blocks of 4 KiB without the page cache, to places that follow from their numbers. After each 32 of them it flushes and reports
 * that: "F number". So what is on the disk after a crash can be compared with what was promised. Argument: the device.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK 4096
#define FLUSH_EVERY 32

int main(int count, char **arguments) {
  if (count < 2) return 2;
  int fd = open(arguments[1], O_RDWR | O_DIRECT);
  if (fd < 0) return perror(arguments[1]), 1;
  uint64_t blocks = lseek(fd, 0, SEEK_END) / BLOCK;
  uint64_t *buffer;
  if (posix_memalign((void **)&buffer, BLOCK, BLOCK)) return 1;
  for (uint32_t number = 1;; number++) {
    uint64_t place = (uint32_t)(number * 2654435761u) % blocks;
    for (int sector = 0; sector < BLOCK / 512; sector++)
      for (int word = 0; word < 64; word += 2) {
        buffer[sector * 64 + word] = number;
        buffer[sector * 64 + word + 1] = place;
      }
    if (pwrite(fd, buffer, BLOCK, place * BLOCK) != BLOCK) return perror("write"), 1;
    if (number % FLUSH_EVERY) continue;
    if (fsync(fd)) return perror("fsync"), 1;
    printf("F %u\n", number);
    fflush(stdout);
  }
}
