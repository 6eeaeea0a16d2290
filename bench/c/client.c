/*
 * The measuring side: writes to a console's stdin, reads its stdout, prints what it saw as one line of JSON. In C, so
 * that its own share of a round trip is small.
 *
 *   client echo IN OUT COUNT    COUNT round trips of 8 bytes, after 200 to warm up
 *   client flood IN OUT BYTES   sends "go", then reads BYTES and compares each with the pattern
 *
 * IN and OUT are FIFOs, or both the same path of a conmon attach socket (SOCK_SEQPACKET; what comes from it has one
 * byte in front that names the stream). A wait of more than 2 s ends the run: what did not come by then is lost.
 */
#define _GNU_SOURCE 1
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"

enum { WARM_UP = 200, MESSAGE_BYTES = 8, SILENCE_S = 2 };

struct ends {
  int in;
  int out;
  bool attached;
};

static void on_alarm(int signal) { (void)signal; }

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static struct ends attach(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0 || strlen(path) >= sizeof address.sun_path) errx(1, "%s: cannot attach", path);
  strcpy(address.sun_path, path);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) err(1, "%s", path);
  return (struct ends){.in = fd, .out = fd, .attached = true};
}

static struct ends open_ends(const char *in, const char *out) {
  struct stat file;
  if (stat(out, &file) < 0) err(1, "%s", out);
  if (S_ISSOCK(file.st_mode)) return attach(out);
  struct ends ends = {.in = open(in, O_WRONLY | O_CLOEXEC), .out = open(out, O_RDONLY | O_CLOEXEC), .attached = false};
  if (ends.in < 0) err(1, "%s", in);
  if (ends.out < 0) err(1, "%s", out);
  return ends;
}

/* Reads what comes next into `block`, behind one byte kept free for the stream's tag. 0: it ended or fell silent. */
static size_t receive(const struct ends *ends, unsigned char *block, size_t size) {
  ssize_t length = ends->attached ? read(ends->out, block, size + 1) - 1 : read(ends->out, block + 1, size);
  return length < 0 ? 0 : (size_t)length;
}

static bool round_trip(const struct ends *ends, const unsigned char *message) {
  unsigned char block[1 + 64];
  size_t got = 0;
  if (write(ends->in, message, MESSAGE_BYTES) != MESSAGE_BYTES) return false;
  while (got < MESSAGE_BYTES) {
    size_t length = receive(ends, block, sizeof block - 1);
    if (length == 0 || got + length > MESSAGE_BYTES || memcmp(block + 1, message + got, length) != 0) return false;
    got += length;
  }
  return true;
}

static int ascending(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return a < b ? -1 : a > b;
}

static int echo(const struct ends *ends, size_t count) {
  uint64_t *times = calloc(count + 1, sizeof *times);
  size_t done = 0;
  if (times == NULL) err(1, "calloc");
  for (size_t i = 0; i < count + WARM_UP; i++) {
    unsigned char message[MESSAGE_BYTES + 1];
    snprintf((char *)message, sizeof message, "%07u\n", (unsigned)(i % 10000000u));
    alarm(SILENCE_S);
    uint64_t start = now_ns();
    if (!round_trip(ends, message)) break;
    if (i >= WARM_UP) times[done++] = now_ns() - start;
  }
  qsort(times, done, sizeof *times, ascending);
  size_t last = done == 0 ? 0 : done - 1;
  printf("{\"count\":%zu,\"expected\":%zu,\"p50\":%llu,\"p90\":%llu,\"p99\":%llu,\"max\":%llu}\n", done, count,
         (unsigned long long)times[done / 2], (unsigned long long)times[done * 90 / 100],
         (unsigned long long)times[done * 99 / 100], (unsigned long long)times[last]);
  free(times);
  return 0;
}

/* The position of the first byte of `block` that is not the pattern's, or -1. */
static int64_t first_difference(uint64_t position, const unsigned char *block, size_t length) {
  const unsigned char *expected = pattern_at(position);
  if (memcmp(block, expected, length) == 0) return -1;
  size_t i = 0;
  while (block[i] == expected[i])
    i++;
  return (int64_t)(position + i);
}

static int flood(const struct ends *ends, uint64_t expected) {
  static unsigned char block[1 + PATTERN_BLOCK];
  uint64_t position = 0;
  int64_t bad = -1;
  pattern_fill();
  uint64_t start = now_ns(), end = start;
  if (write(ends->in, "g", 1) != 1) err(1, "go");
  while (position < expected) {
    alarm(SILENCE_S);
    size_t length = receive(ends, block, PATTERN_BLOCK);
    if (length == 0) break;
    if (bad < 0) bad = first_difference(position, block + 1, length);
    position += length;
    end = now_ns();
  }
  printf("{\"bytes\":%llu,\"expected\":%llu,\"firstBad\":%lld,\"seconds\":%.6f}\n", (unsigned long long)position,
         (unsigned long long)expected, (long long)bad, (double)(end - start) / 1e9);
  return 0;
}

int main(int argc, char **argv) {
  struct sigaction action = {.sa_handler = on_alarm}; /* No SA_RESTART: the alarm ends a read with EINTR. */
  sigaction(SIGALRM, &action, NULL);
  if (argc != 5) errx(2, "usage: client echo|flood IN OUT COUNT|BYTES");
  struct ends ends = open_ends(argv[2], argv[3]);
  uint64_t amount = strtoull(argv[4], NULL, 10);
  return strcmp(argv[1], "echo") == 0 ? echo(&ends, (size_t)amount) : flood(&ends, amount);
}
