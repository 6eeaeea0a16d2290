/*
 * What runs on the slave side of a console, or writes to a log.
 *
 *   program echo SLAVE          sends back what it reads, at once
 *   program flood SLAVE BYTES   waits for a byte, writes the pattern, then holds the slave open
 *   program tail SLAVE BYTES    waits for a byte, writes the pattern and exits, as a short command does
 *   program idle SLAVE...       writes a prompt on each slave, then holds them open
 *   program spin                keeps a CPU busy
 *   program lines FIFO BYTES    waits for a writer of the FIFO, writes lines of 20 to 179 characters, and stays
 *
 * Says "ready" when every slave is open and raw: before that, the line discipline would echo and translate.
 */
#define _GNU_SOURCE 1
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "pattern.h"

static int open_raw(const char *path) {
  struct termios termios;
  int slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0 || tcgetattr(slave, &termios) < 0) err(1, "%s", path);
  cfmakeraw(&termios);
  if (tcsetattr(slave, TCSANOW, &termios) < 0) err(1, "%s", path);
  return slave;
}

static void write_all(int fd, const unsigned char *bytes, size_t length) {
  while (length > 0) {
    ssize_t taken = write(fd, bytes, length);
    if (taken < 0) exit(1); /* The console was closed: the round is over. */
    bytes += taken;
    length -= (size_t)taken;
  }
}

static void say_ready(void) { write_all(STDOUT_FILENO, (const unsigned char *)"ready\n", 6); }

/* Until the master is closed: a read fails then. */
static void hold(int slave) {
  char byte;
  while (read(slave, &byte, 1) > 0)
    continue;
}

static void spin(void) {
  for (;;)
    __asm__ volatile("");
}

static void echo(int slave) {
  unsigned char block[4096];
  for (;;) {
    ssize_t length = read(slave, block, sizeof block);
    if (length <= 0) return;
    write_all(slave, block, (size_t)length);
  }
}

static void flood(int slave, uint64_t total) {
  unsigned char go;
  pattern_fill();
  if (read(slave, &go, 1) != 1) return;
  for (uint64_t position = 0; position < total;) {
    uint64_t left = total - position;
    size_t length = left < PATTERN_BLOCK ? (size_t)left : PATTERN_BLOCK;
    write_all(slave, pattern_at(position), length);
    position += length;
  }
}

/* The last line is another, so that who looks at the log knows when it is whole. */
static void lines(const char *fifo, uint64_t total) {
  static const char last[] = "the last line\n";
  static unsigned char block[64 * 1024];
  size_t filled = 0;
  for (uint32_t seed = 1; filled + 200 < sizeof block; filled++) {
    seed = seed * 1103515245 + 12345;
    size_t length = 20 + (seed >> 16) % 160;
    memset(block + filled, 'a' + (int)((seed >> 8) % 26), length);
    filled += length;
    block[filled] = '\n';
  }
  if (open(fifo, O_RDONLY | O_CLOEXEC) < 0) err(1, "%s", fifo);
  for (uint64_t position = 0; position < total; position += filled)
    write_all(STDOUT_FILENO, block, filled);
  write_all(STDOUT_FILENO, (const unsigned char *)last, sizeof last - 1);
  pause();
}

int main(int argc, char **argv) {
  const char *mode = argc < 2 ? "" : argv[1];
  if (strcmp(mode, "spin") == 0) {
    say_ready();
    spin();
  }
  if (argc < 3) errx(2, "usage: program echo|flood|tail|idle|spin|lines [SLAVE | FIFO [BYTES | SLAVE...]]");
  if (strcmp(mode, "lines") == 0 && argc == 4) {
    lines(argv[2], strtoull(argv[3], NULL, 10));
    return 0;
  }
  int slave = open_raw(argv[2]);
  if (strcmp(mode, "idle") == 0) {
    static const unsigned char prompt[] = "idle$ ";
    write_all(slave, prompt, sizeof prompt - 1);
    for (int i = 3; i < argc; i++)
      write_all(open_raw(argv[i]), prompt, sizeof prompt - 1);
    say_ready();
    hold(slave);
    return 0;
  }
  say_ready();
  if (strcmp(mode, "echo") == 0) echo(slave);
  if (argc < 4) return 0;
  flood(slave, strtoull(argv[3], NULL, 10));
  if (strcmp(mode, "flood") == 0) hold(slave);
  return 0;
}
