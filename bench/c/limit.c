/*
 * The limit: a bare copier in C, the best that is known here. What another peer loses against it, it loses to its
 * language and its shape, not to the kernel.
 *
 *   limit SOCKET
 *
 * One process, one edge-triggered epoll set, any number of consoles, the protocol of bench/peers/serve.ts. What was
 * measured and kept:
 *
 * - A pty read returns at most 4095 bytes, so full reads are collected up to one block before they are written: a
 *   sixth less CPU in a flood than one write after each read.
 * - A short read means that the source is empty, and the next byte makes a new edge: the read that would only say
 *   EAGAIN is left out (on a pty it waits for the kernel's worker). A hang-up makes no further edge, so from then on
 *   the source is read until it says so.
 * - A turn ends after 50 us, not only at a full block: while the writer is slower than the copier each read waits for
 *   it, and a key on another console would wait for sixteen of them (p99 0.6 ms instead of 3.3 ms beside a flood).
 * - EPOLLOUT is armed on a master only while input waits for it: each read by the slave would be an event.
 * - splice(2) copies on a tty, and is no gain.
 */
#define _GNU_SOURCE 1
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "handover.h"

enum { BLOCK = 65536, FULL_PTY_READ = 4095, BATCH = 64, TURN_NS = 50000 };

/* Which descriptor of a console an event is about; rides in the low bits of the console's address. */
enum role { MASTER, INPUT, OUTPUT, ROLE_BITS };

enum outcome { EMPTY, FULL, MORE, ENDED };

/* One direction. `pending` is what the sink refused, allocated only then; nothing is read until it has gone. */
struct copy {
  struct console *console;
  int source;
  int sink;
  char *pending;
  size_t start;
  size_t end;
  bool hung_up;
  bool queued;
  TAILQ_ENTRY(copy) entry;
};

struct console {
  int connection;
  struct copy input;
  struct copy output;
  bool output_armed;
};

static TAILQ_HEAD(queue, copy) queue = TAILQ_HEAD_INITIALIZER(queue);
static int set;
static char scratch[BLOCK];

static void keep_pending(struct copy *copy, const char *bytes, size_t length) {
  copy->pending = malloc(BLOCK);
  if (copy->pending == NULL) err(1, "malloc");
  memcpy(copy->pending, bytes, length);
  copy->start = 0;
  copy->end = length;
}

/* Returns how many bytes the sink took, or -1 when it is broken. */
static ssize_t deliver(int sink, const char *bytes, size_t length) {
  size_t taken = 0;
  while (taken < length) {
    ssize_t n = write(sink, bytes + taken, length - taken);
    if (n > 0)
      taken += (size_t)n;
    else if (errno == EAGAIN)
      break;
    else if (errno != EINTR)
      return -1;
  }
  return (ssize_t)taken;
}

static enum outcome deliver_pending(struct copy *copy) {
  ssize_t taken = deliver(copy->sink, copy->pending + copy->start, copy->end - copy->start);
  if (taken < 0) return ENDED;
  copy->start += (size_t)taken;
  if (copy->start < copy->end) return FULL;
  free(copy->pending);
  copy->pending = NULL;
  return MORE;
}

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* MORE: the block is full, or the turn is over. */
static size_t collect(const struct copy *copy, enum outcome *outcome) {
  size_t length = 0;
  uint64_t start = now_ns();
  *outcome = MORE;
  while (*outcome == MORE && length < BLOCK) {
    ssize_t n = read(copy->source, scratch + length, BLOCK - length);
    if (n > 0) {
      length += (size_t)n;
      if (n < FULL_PTY_READ && length < BLOCK && !copy->hung_up)
        *outcome = EMPTY;
      else if (now_ns() - start > TURN_NS)
        break;
    } else if (n == 0 || errno != EINTR) {
      *outcome = n < 0 && errno == EAGAIN ? EMPTY : ENDED;
    }
  }
  return length;
}

static enum outcome run_copy(struct copy *copy) {
  enum outcome outcome = copy->pending == NULL ? MORE : deliver_pending(copy);
  if (outcome != MORE) return outcome;
  size_t length = collect(copy, &outcome);
  ssize_t taken = deliver(copy->sink, scratch, length);
  if (taken < 0) return ENDED;
  if ((size_t)taken == length) return outcome;
  keep_pending(copy, scratch + taken, length - (size_t)taken);
  return FULL;
}

static void enqueue(struct copy *copy) {
  if (copy->queued) return;
  copy->queued = true;
  TAILQ_INSERT_TAIL(&queue, copy, entry);
}

static void dequeue(struct copy *copy) {
  if (!copy->queued) return;
  copy->queued = false;
  TAILQ_REMOVE(&queue, copy, entry);
}

static void control(int operation, int fd, struct console *console, enum role role, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = (uintptr_t)console | role};
  if (epoll_ctl(set, operation, fd, &event) < 0) err(1, "epoll_ctl");
}

static void close_console(struct console *console) {
  dequeue(&console->input);
  dequeue(&console->output);
  close(console->input.source);
  close(console->input.sink);
  close(console->output.sink);
  if (send(console->connection, "\n", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE) err(1, "send");
  close(console->connection);
  free(console->input.pending);
  free(console->output.pending);
  free(console);
}

static void run(struct copy *copy) {
  struct console *console = copy->console;
  dequeue(copy);
  enum outcome outcome = run_copy(copy);
  if (outcome == MORE) enqueue(copy);
  if (copy == &console->output) {
    if (outcome == ENDED) close_console(console);
  } else if ((outcome == FULL) != console->output_armed) {
    console->output_armed = outcome == FULL;
    control(EPOLL_CTL_MOD, copy->sink, console, MASTER, EPOLLET | EPOLLIN | (console->output_armed ? EPOLLOUT : 0));
  }
}

static void run_queue(void) {
  size_t count = 0;
  struct copy *copy;
  TAILQ_FOREACH(copy, &queue, entry) count++;
  for (; count > 0 && !TAILQ_EMPTY(&queue); count--)
    run(TAILQ_FIRST(&queue));
}

static void source_is_ready(struct copy *copy) {
  if (copy->pending == NULL) enqueue(copy);
}

static void sink_is_ready(struct copy *copy) {
  if (copy->pending != NULL) enqueue(copy);
}

static void on_event(struct console *console, enum role role, uint32_t events) {
  if (role == INPUT) source_is_ready(&console->input);
  if (role == OUTPUT) sink_is_ready(&console->output);
  if (role != MASTER) return;
  if (events & EPOLLOUT) sink_is_ready(&console->input);
  if (events & EPOLLHUP) console->output.hung_up = true;
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) source_is_ready(&console->output);
}

static int open_fifo(const char *path) {
  int fd = path == NULL ? -1 : open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) err(1, "%s", path == NULL ? "no path" : path);
  return fd;
}

static void open_console(int listener) {
  char paths[2 * 4096];
  struct console *console = calloc(1, sizeof *console);
  if (console == NULL) err(1, "calloc");
  console->connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  int master = receive_master(console->connection, paths, sizeof paths);
  console->input = (struct copy){.console = console, .source = open_fifo(strtok(paths, "\n")), .sink = master};
  console->output = (struct copy){.console = console, .source = master, .sink = open_fifo(strtok(NULL, "\n"))};
  control(EPOLL_CTL_ADD, master, console, MASTER, EPOLLET | EPOLLIN);
  control(EPOLL_CTL_ADD, console->input.source, console, INPUT, EPOLLET | EPOLLIN);
  control(EPOLL_CTL_ADD, console->output.sink, console, OUTPUT, EPOLLET | EPOLLOUT);
}

int main(int argc, char **argv) {
  if (argc != 2) errx(2, "usage: limit SOCKET");
  int listener = listen_on(argv[1]);
  set = epoll_create1(EPOLL_CLOEXEC);
  control(EPOLL_CTL_ADD, listener, NULL, MASTER, EPOLLIN);
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) err(1, "stdout");
  for (;;) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(set, events, BATCH, TAILQ_EMPTY(&queue) ? -1 : 0);
    for (int i = 0; i < count; i++) {
      struct console *console = (struct console *)(events[i].data.u64 & ~(uint64_t)ROLE_BITS);
      if (console == NULL)
        open_console(listener);
      else
        on_event(console, (enum role)(events[i].data.u64 & ROLE_BITS), events[i].events);
    }
    run_queue();
  }
}
