/*
 * Reads what containerd writes to the stdin of `start`, and writes the answer in the form that it expects. containerd
 * 2.3 and later writes BootstrapParams and reads a BootstrapResult (proto/containerd/bootstrap.proto). Older versions
 * write the runtime's options or nothing, and read a bare address.
 */
#include "launcher.h"
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* When a user runs the shim by hand, stdin may never end. containerd's own shims have the same limit of bytes. */
enum { READ_MS = 2000, MOST_BYTES = 10 << 20, FIRST_BYTES = 4096 };

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool make_room(struct question *question, size_t *room) {
  if (question->length < *room) return true;
  if (*room == MOST_BYTES) return false;
  size_t more = *room == 0 ? FIRST_BYTES : *room * 2 > MOST_BYTES ? MOST_BYTES : *room * 2;
  uint8_t *bytes = realloc(question->bytes, more);
  if (bytes == NULL) return false;
  question->bytes = bytes;
  *room = more;
  return true;
}

/* True if stdin ended; false if it did not end in time or is too long. */
static bool read_stdin(struct question *question) {
  const int64_t deadline = now_ms() + READ_MS;
  for (size_t room = 0; make_room(question, &room);) {
    int64_t left = deadline - now_ms();
    if (poll(&(struct pollfd){.fd = 0, .events = POLLIN}, 1, left > 0 ? (int)left : 0) != 1) return false;
    ssize_t got = read(0, question->bytes + question->length, room - question->length);
    if (got == 0) return true;
    if (got < 0 && errno != EAGAIN && errno != EINTR) return true;
    if (got > 0) question->length += (size_t)got;
  }
  return false;
}

struct cursor {
  const uint8_t *at;
  const uint8_t *end;
};

static bool take_varint(struct cursor *from, uint64_t *value) {
  *value = 0;
  for (int shift = 0; from->at < from->end && shift < 64; shift += 7) {
    uint8_t byte = *from->at++;
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

static bool skip(struct cursor *from, uint64_t length) {
  if (length > (uint64_t)(from->end - from->at)) return false;
  from->at += length;
  return true;
}

/* Reads the value of a field, whose key was read before. `*text` is the content of a field of bytes, else empty. */
static bool take_field(struct cursor *from, int type, struct cursor *text) {
  uint64_t value;
  *text = (struct cursor){from->at, from->at};
  if (type == 0) return take_varint(from, &value);
  if (type == 1) return skip(from, 8);
  if (type == 5) return skip(from, 4);
  if (type != 2 || !take_varint(from, &value)) return false;
  text->at = from->at;
  if (!skip(from, value)) return false;
  text->end = from->at;
  return true;
}

static bool is_text(struct cursor text, const char *wanted) {
  size_t length = (size_t)(text.end - text.at);
  return length == strlen(wanted) && memcmp(text.at, wanted, length) == 0;
}

/* The options of a runtime are an Any, which can be parsed as BootstrapParams too. Only BootstrapParams contain the id
 * and the namespace of the call. */
static bool is_bootstrap(const struct question *question, const struct call *call) {
  struct cursor rest = {question->bytes, question->bytes + question->length};
  bool is_id = false, is_namespace = false;
  while (rest.at < rest.end) {
    struct cursor text;
    uint64_t key;
    /* Field numbers begin with 1. */
    if (!take_varint(&rest, &key) || key >> 3 == 0 || !take_field(&rest, key & 7, &text)) return false;
    if (key == (1 << 3 | 2)) is_id = is_text(text, call->id);
    if (key == (2 << 3 | 2)) is_namespace = is_text(text, call->namespace);
  }
  return is_id && is_namespace;
}

bool read_question(const struct call *call, struct question *question) {
  question->wants_result = false;
  if (isatty(0)) return true;
  question->is_read = true;
  /* An incomplete question is ignored. */
  if (!read_stdin(question)) question->length = 0;
  /* This is JSON, which Node parses. Neither BootstrapParams nor options begin with `{`. */
  if (question->length > 0 && question->bytes[0] == '{') return false;
  question->wants_result = is_bootstrap(question, call);
  return true;
}

bool write_answer(const struct question *question, const char *address) {
  /* BootstrapResult{version 1, address 2, protocol 3}. */
  char result[ADDRESS_LENGTH + 16];
  int length = question->wants_result
                   ? snprintf(result, sizeof result, "\x08\x02\x12%c%s\x1a\x05ttrpc", ADDRESS_LENGTH, address)
                   : snprintf(result, sizeof result, "%s", address);
  return write(1, result, (size_t)length) == length;
}

bool give_back(const struct question *question) {
  if (!question->is_read) return true;
  int fd = memfd_create("stdin", MFD_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = (ssize_t)question->length;
  bool is_back =
      write(fd, question->bytes, question->length) == length && lseek(fd, 0, SEEK_SET) == 0 && dup2(fd, 0) == 0;
  close(fd);
  return is_back;
}
