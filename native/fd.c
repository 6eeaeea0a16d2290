/* Plain descriptors, pipes, FIFOs and eventfds, and the set of descriptors that the environment owns. */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool owned_add(struct owned_fds *owned, int fd) {
  size_t word = (size_t)fd / 64;
  if (word >= owned->word_count) {
    uint64_t *words = realloc(owned->words, (word + 1) * sizeof *words);
    if (words == NULL) return false;
    memset(words + owned->word_count, 0, (word + 1 - owned->word_count) * sizeof *words);
    owned->words = words;
    owned->word_count = word + 1;
  }
  owned->words[word] |= UINT64_C(1) << (fd % 64);
  return true;
}

/* False if it is not there. */
static bool owned_remove(struct owned_fds *owned, int fd) {
  size_t word = (size_t)fd / 64;
  if (fd < 0 || word >= owned->word_count) return false;
  uint64_t bit = UINT64_C(1) << (fd % 64);
  bool was_there = (owned->words[word] & bit) != 0;
  owned->words[word] &= ~bit;
  return was_there;
}

int64_t fd_own(struct context *context, int fd_or_error) {
  if (fd_or_error < 0) return -errno;
  if (owned_add(&context->fds, fd_or_error)) return fd_or_error;
  close(fd_or_error);
  return -ENOMEM;
}

/* close(2) on Linux frees the descriptor whatever it returns, so the set loses it first, and EINTR is not retried. */
static int64_t disown_and_close(struct context *context, int fd) {
  return owned_remove(&context->fds, fd) ? answer(close(fd)) : -EBADF;
}

void fd_teardown(struct context *context) {
  for (size_t word = 0; word < context->fds.word_count; word++)
    for (int bit = 0; bit < 64; bit++)
      if (context->fds.words[word] >> bit & 1) close((int)(word * 64) + bit);
  free(context->fds.words);
}

static int64_t fd_open(struct call *call) {
  int flags = call->arguments[1].number;
  mode_t mode = (mode_t)call->arguments[2].number;
  return fd_own(call->context, open(call->arguments[0].path, flags | O_CLOEXEC, mode));
}

static int64_t fd_adopt(struct call *call) {
  int fd = call->arguments[0].number;
  int flags = fcntl(fd, F_GETFD);
  if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0) return -errno;
  return owned_add(&call->context->fds, fd) ? fd : -ENOMEM;
}

static int64_t fd_duplicate(struct call *call) {
  return fd_own(call->context, fcntl(call->arguments[0].number, F_DUPFD_CLOEXEC, 0));
}

static int64_t fd_release(struct call *call) {
  int fd = call->arguments[0].number;
  return owned_remove(&call->context->fds, fd) ? fd : -EBADF;
}

static int64_t fd_close(struct call *call) { return disown_and_close(call->context, call->arguments[0].number); }

static int64_t fd_read(struct call *call) {
  struct bytes into = call->arguments[1].bytes;
  return answer(read(call->arguments[0].number, into.data, into.length));
}

static int64_t fd_write(struct call *call) {
  struct bytes from = call->arguments[1].bytes;
  return answer(write(call->arguments[0].number, from.data, from.length));
}

static int64_t fd_discard(struct call *call) {
  int32_t most = call->arguments[1].number;
  if (most < 0) return -EINVAL;
  return answer(read(call->arguments[0].number, call->context->pumps.scratch, smaller((size_t)most, BLOCK_BYTES)));
}

static int64_t fd_poll(struct call *call) {
  struct pollfd polled = {.fd = call->arguments[0].number, .events = POLLIN | POLLOUT};
  return poll(&polled, 1, 0) < 0 ? -errno : polled.revents;
}

static int64_t fd_unread(struct call *call) {
  int count = 0;
  return ioctl(call->arguments[0].number, FIONREAD, &count) < 0 ? -errno : count;
}

static int64_t fd_set_nonblocking(struct call *call) {
  int fd = call->arguments[0].number;
  bool on = call->arguments[1].number;
  int before = fcntl(fd, F_GETFL);
  int after = on ? before | O_NONBLOCK : before & ~O_NONBLOCK;
  if (before < 0 || (after != before && fcntl(fd, F_SETFL, after) < 0)) return -errno;
  return (before & O_NONBLOCK) != 0;
}

/* On return both ends are owned, or neither is open. */
static int64_t pipe_create(struct call *call) {
  napi_typedarray_type type;
  void *into = NULL;
  size_t length = 0;
  int ends[2];
  if (napi_get_typedarray_info(call->env, call->arguments[0].value, &type, &length, &into, NULL, NULL) != napi_ok ||
      type != napi_int32_array || length != 2)
    return call_refuse(call, "an Int32Array of two elements was expected");
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

static int64_t fd_lock(struct call *call) { return answer(flock(call->arguments[0].number, LOCK_EX | LOCK_NB)); }

static int64_t fifo_create(struct call *call) {
  return answer(mkfifo(call->arguments[0].path, (mode_t)call->arguments[1].number));
}

static int64_t eventfd_create(struct call *call) {
  return fd_own(call->context, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

const struct export fd_exports[] = {
    {"fd_open", fd_open, {PATH, INT, INT}},
    {"fd_adopt", fd_adopt, {INT}},
    {"fd_duplicate", fd_duplicate, {INT}},
    {"fd_release", fd_release, {INT}},
    {"fd_close", fd_close, {INT}},
    {"fd_read", fd_read, {INT, BYTES}},
    {"fd_write", fd_write, {INT, BYTES}},
    {"fd_discard", fd_discard, {INT, INT}},
    {"fd_poll", fd_poll, {INT}},
    {"fd_unread", fd_unread, {INT}},
    {"fd_set_nonblocking", fd_set_nonblocking, {INT, BOOL}},
    {"pipe_create", pipe_create, {VALUE}},
    {"fd_lock", fd_lock, {INT}},
    {"fifo_create", fifo_create, {PATH, INT}},
    {"eventfd_create", eventfd_create, {NO_ARGUMENT}},
    {0},
};
