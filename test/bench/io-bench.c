/*
 * What a block device achieves: sequential reads and writes of a mebibyte each, and random reads of 4 KiB with 32 under way at a time, without the
 * page cache. Argument: the device. It prints lines of the form: IO name bytes operations seconds. The sequential ones are done PASSES times, and the
 * first and the last pass are reported.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (1 << 20)
#define BLOCK 4096
#define DEPTH 32
#define PASSES 3
#define RANDOM_SECONDS 4.0

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  perror(what);
  printf("IO-FAILED %s\n", what);
  exit(1);
}

static void told(const char *name, uint64_t bytes, uint64_t operations, double seconds) {
  printf("IO %s %llu %llu %.3f\n", name, (unsigned long long)bytes, (unsigned long long)operations, seconds);
  fflush(stdout);
}

static void sequential(int fd, uint64_t size, char *buffer, int writes, const char *name) {
  double start = now();
  for (uint64_t at = 0; at + CHUNK <= size; at += CHUNK) {
    ssize_t moved = writes ? pwrite(fd, buffer, CHUNK, at) : pread(fd, buffer, CHUNK, at);
    if (moved != CHUNK) fail(writes ? "write" : "read");
  }
  if (writes && fsync(fd)) fail("fsync");
  if (name) told(name, size, size / CHUNK, now() - start);
}

static uint64_t state = 88172645463325252ull;
static uint64_t random64(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static void random_reads(int fd, uint64_t size, char *buffer) {
  aio_context_t context = 0;
  if (syscall(SYS_io_setup, DEPTH, &context)) fail("io_setup");
  struct iocb blocks[DEPTH], *first[DEPTH];
  struct io_event events[DEPTH];
  memset(blocks, 0, sizeof blocks);
  for (int i = 0; i < DEPTH; i++) {
    blocks[i].aio_fildes = fd;
    blocks[i].aio_lio_opcode = IOCB_CMD_PREAD;
    blocks[i].aio_buf = (uintptr_t)(buffer + i * BLOCK);
    blocks[i].aio_nbytes = BLOCK;
    blocks[i].aio_offset = random64() % (size / BLOCK) * BLOCK;
    first[i] = &blocks[i];
  }
  double start = now(), end = start;
  uint64_t done = 0;
  if (syscall(SYS_io_submit, context, DEPTH, first) != DEPTH) fail("io_submit");
  while (end - start < RANDOM_SECONDS) {
    int count = syscall(SYS_io_getevents, context, 1, DEPTH, events, 0);
    if (count < 1) fail("io_getevents");
    for (int i = 0; i < count; i++) {
      if (events[i].res != BLOCK) fail("read");
      struct iocb *block = (struct iocb *)(uintptr_t)events[i].obj;
      block->aio_offset = random64() % (size / BLOCK) * BLOCK;
      first[i] = block;
    }
    done += count;
    if (syscall(SYS_io_submit, context, count, first) != count) fail("io_submit");
    end = now();
  }
  told("random", done * BLOCK, done, end - start);
}

int main(int count, char **arguments) {
  if (count < 2) return 2;
  int fd = open(arguments[1], O_RDWR | O_DIRECT);
  if (fd < 0) fail(arguments[1]);
  uint64_t size = lseek(fd, 0, SEEK_END);
  char *buffer;
  if (posix_memalign((void **)&buffer, BLOCK, CHUNK)) return 1;
  for (int i = 0; i < CHUNK; i++) buffer[i] = i * 7 >> 3;
  for (int pass = 1; pass <= PASSES; pass++) {
    sequential(fd, size, buffer, 0, pass == 1 ? "read" : pass == PASSES ? "readSettled" : NULL);
    sequential(fd, size, buffer, 1, pass == 1 ? "write" : pass == PASSES ? "writeSettled" : NULL);
  }
  random_reads(fd, size, buffer);
  return 0;
}
