/* Plain descriptors, pipes, FIFOs and eventfds, and the table of those that the environment owns. */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool table_add(struct fd_table *table, int fd) {
  size_t word = (size_t)fd / 64;
  if (word >= table->word_count) {
    uint64_t *words = realloc(table->words, (word + 1) * sizeof *words);
    if (words == NULL) return false;
    memset(words + table->word_count, 0, (word + 1 - table->word_count) * sizeof *words);
    table->words = words;
    table->word_count = word + 1;
  }
  table->words[word] |= UINT64_C(1) << (fd % 64);
  return true;
}

/* False if it is not there. */
static bool table_remove(struct fd_table *table, int fd) {
  size_t word = (size_t)fd / 64;
  if (fd < 0 || word >= table->word_count) return false;
  uint64_t bit = UINT64_C(1) << (fd % 64);
  bool was_there = (table->words[word] & bit) != 0;
  table->words[word] &= ~bit;
  return was_there;
}

int64_t fd_own(struct context *context, int fd_or_error) {
  if (fd_or_error < 0) return -errno;
  if (table_add(&context->fds, fd_or_error)) return fd_or_error;
  close(fd_or_error);
  return -ENOMEM;
}

/* close(2) on Linux frees the descriptor whatever it answers, so it leaves the table first and EINTR is not retried. */
static int64_t disown_and_close(struct context *context, int fd) {
  return table_remove(&context->fds, fd) ? answer(close(fd)) : -EBADF;
}

void fd_teardown(struct context *context) {
  for (size_t word = 0; word < context->fds.word_count; word++)
    for (int bit = 0; bit < 64; bit++)
      if (context->fds.words[word] >> bit & 1) close((int)(word * 64) + bit);
  free(context->fds.words);
}

static int64_t fd_open(struct call *call) {
  char path[PATH_MAX];
  int64_t error;
  int flags = argument_int(call, 1);
  int mode = argument_int(call, 2);
  if (!argument_path(call, 0, path, sizeof path, &error) || call->failed) return error;
  return fd_own(call->context, open(path, flags | O_CLOEXEC, (mode_t)mode));
}

static int64_t fd_adopt(struct call *call) {
  int fd = argument_int(call, 0);
  if (call->failed) return 0;
  int flags = fcntl(fd, F_GETFD);
  if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0) return -errno;
  return table_add(&call->context->fds, fd) ? fd : -ENOMEM;
}

static int64_t fd_duplicate(struct call *call) {
  int fd = argument_int(call, 0);
  return call->failed ? 0 : fd_own(call->context, fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

static int64_t fd_release(struct call *call) {
  int fd = argument_int(call, 0);
  if (call->failed) return 0;
  return table_remove(&call->context->fds, fd) ? fd : -EBADF;
}

static int64_t fd_close(struct call *call) {
  int fd = argument_int(call, 0);
  return call->failed ? 0 : disown_and_close(call->context, fd);
}

static int64_t fd_read(struct call *call) {
  int fd = argument_int(call, 0);
  struct bytes into = argument_bytes(call, 1);
  return call->failed ? 0 : answer(read(fd, into.data, into.length));
}

static int64_t fd_write(struct call *call) {
  int fd = argument_int(call, 0);
  struct bytes from = argument_bytes(call, 1);
  return call->failed ? 0 : answer(write(fd, from.data, from.length));
}

static int64_t fd_discard(struct call *call) {
  int fd = argument_int(call, 0);
  int32_t most = argument_int(call, 1);
  if (call->failed) return 0;
  if (most < 0) return -EINVAL;
  size_t length = most < BLOCK_BYTES ? (size_t)most : BLOCK_BYTES;
  return answer(read(fd, call->context->pumps.scratch, length));
}

static int64_t fd_poll(struct call *call) {
  struct pollfd polled = {.fd = argument_int(call, 0), .events = POLLIN | POLLOUT};
  if (call->failed) return 0;
  return poll(&polled, 1, 0) < 0 ? -errno : polled.revents;
}

static int64_t fd_unread(struct call *call) {
  int fd = argument_int(call, 0);
  int count = 0;
  if (call->failed) return 0;
  return ioctl(fd, FIONREAD, &count) < 0 ? -errno : count;
}

static int64_t fd_set_nonblocking(struct call *call) {
  int fd = argument_int(call, 0);
  bool on = argument_bool(call, 1);
  if (call->failed) return 0;
  int before = fcntl(fd, F_GETFL);
  int after = on ? before | O_NONBLOCK : before & ~O_NONBLOCK;
  if (before < 0 || (after != before && fcntl(fd, F_SETFL, after) < 0)) return -errno;
  return (before & O_NONBLOCK) != 0;
}

/* Both ends stand in the table afterwards, or neither is open. */
static int64_t pipe_create(struct call *call) {
  napi_typedarray_type type;
  void *into = NULL;
  size_t length = 0;
  int ends[2];
  if (napi_get_typedarray_info(call->env, call->arguments[0], &type, &length, &into, NULL, NULL) != napi_ok ||
      type != napi_int32_array || length != 2) {
    argument_fail(call, "an Int32Array of two elements was expected");
    return 0;
  }
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  bool is_owned[] = {fd_own(call->context, ends[0]) >= 0, fd_own(call->context, ends[1]) >= 0};
  if (is_owned[0] && is_owned[1]) {
    memcpy(into, ends, sizeof ends);
    return 0;
  }
  for (int end = 0; end < 2; end++)
    if (is_owned[end]) disown_and_close(call->context, ends[end]);
  return -ENOMEM;
}

static int64_t fd_lock(struct call *call) {
  int fd = argument_int(call, 0);
  return call->failed ? 0 : answer(flock(fd, LOCK_EX | LOCK_NB));
}

static int64_t fifo_create(struct call *call) {
  char path[PATH_MAX];
  int64_t error;
  int mode = argument_int(call, 1);
  if (!argument_path(call, 0, path, sizeof path, &error) || call->failed) return error;
  return answer(mkfifo(path, (mode_t)mode));
}

static int64_t eventfd_create(struct call *call) {
  return fd_own(call->context, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

const struct export fd_exports[] = {
    {"fd_open", fd_open},
    {"fd_adopt", fd_adopt},
    {"fd_duplicate", fd_duplicate},
    {"fd_release", fd_release},
    {"fd_close", fd_close},
    {"fd_read", fd_read},
    {"fd_write", fd_write},
    {"fd_discard", fd_discard},
    {"fd_poll", fd_poll},
    {"fd_unread", fd_unread},
    {"fd_set_nonblocking", fd_set_nonblocking},
    {"pipe_create", pipe_create},
    {"fd_lock", fd_lock},
    {"fifo_create", fifo_create},
    {"eventfd_create", eventfd_create},
    {NULL, NULL},
};
