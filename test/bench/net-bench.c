/*
 * TCP in a guest: sends or receives a stream that both ends know, so that what arrives can be compared, but not while the clock runs.
 *
 * net-bench fetch ADDRESS PORT MIB   connects and receives
 * net-bench send ADDRESS PORT MIB    connects and sends
 * net-bench sink PORT MIB            waits for a connection and receives
 *
 * The receiver prints "NET bytes=N seconds=S intact=yes". The sender's clock runs until the receiver has closed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 * 1024 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  perror(what);
  printf("NET failed\n");
  exit(1);
}

static uint32_t word(uint32_t index) { return index * 0x9E3779B1u ^ index >> 15; }

static int dial(const char *address, const char *port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  inet_pton(AF_INET, address, &to.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
  return fd;
}

static int answer(const char *port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1)) fail("listen");
  printf("NET listening\n");
  fflush(stdout);
  return accept(fd, NULL, NULL);
}

static void take(int fd, size_t length) {
  char *all = malloc(length + PIECE);
  memset(all, 0, length + PIECE);
  double begin = now();
  size_t got = 0;
  for (ssize_t n; got < length + 1 && (n = read(fd, all + got, PIECE)) > 0;) got += n;
  double seconds = now() - begin;
  close(fd);
  int intact = got == length;
  for (size_t i = 0; intact && i < length / 4; i++) intact = ((uint32_t *)all)[i] == word(i);
  printf("NET bytes=%zu seconds=%.3f intact=%s\n", got, seconds, intact ? "yes" : "no");
}

static void give(int fd, size_t length) {
  char *all = malloc(length);
  for (size_t i = 0; i < length / 4; i++) ((uint32_t *)all)[i] = word(i);
  double begin = now();
  for (size_t at = 0; at < length;) {
    ssize_t n = write(fd, all + at, length - at < PIECE ? length - at : PIECE);
    if (n <= 0) fail("write");
    at += n;
  }
  shutdown(fd, SHUT_WR);
  char end;
  while (read(fd, &end, 1) > 0) {}
  printf("NET sent=%zu seconds=%.3f\n", length, now() - begin);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (argc == 5 && !strcmp(what, "fetch")) take(dial(argv[2], argv[3]), (size_t)atoi(argv[4]) << 20);
  else if (argc == 5 && !strcmp(what, "send")) give(dial(argv[2], argv[3]), (size_t)atoi(argv[4]) << 20);
  else if (argc == 4 && !strcmp(what, "sink")) take(answer(argv[2]), (size_t)atoi(argv[3]) << 20);
  else return fprintf(stderr, "net-bench fetch|send ADDRESS PORT MIB | sink PORT MIB\n"), 2;
  return 0;
}
