/*
 * Answers `delete` for a container of which nothing is left. containerd calls it after every container has ended, and
 * waits for it. Nearly always the daemon has deleted the container before, so its record is no longer in the bundle
 * (src/daemon/container-record.ts).
 */
#include "launcher.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The exit status 128 + SIGKILL. containerd uses it only if it never learned the real one. */
enum { TALK_MS = 1000, KILLED = 137 };

static bool is_gone(int bundle) {
  struct stat ignored;
  return fstatat(bundle, "termshim.json", &ignored, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* The text of a small file in the bundle. False if it does not fit, or cannot be read: errno says why. */
static bool read_text(int bundle, const char *name, char *into, size_t size) {
  int fd = openat(bundle, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, into, size);
  close(fd);
  errno = 0;
  if (length < 0 || (size_t)length == size) return false;
  into[length] = 0;
  return strlen(into) == (size_t)length;
}

/* `start` always writes this file. An address of another shim is not accepted. */
static bool read_address(int bundle, char into[static ADDRESS_LENGTH + 1]) {
  const size_t start = sizeof ADDRESS_START - 1;
  return read_text(bundle, "address", into, ADDRESS_LENGTH + 1) && strncmp(into, ADDRESS_START, start) == 0 &&
         strspn(into + start, "0123456789abcdef") == HASH_DIGITS;
}

/* The pid that the runtime wrote, or 0 if it wrote none. */
static bool read_pid(int bundle, uint32_t *pid) {
  char text[16];
  *pid = 0;
  if (!read_text(bundle, "init.pid", text, sizeof text)) return errno == ENOENT;
  size_t digits = strspn(text, "0123456789");
  *pid = (uint32_t)strtoul(text, NULL, 10);
  return digits > 0 && digits < 10 && text[digits] == 0;
}

/* Writes a protobuf field that is a number, and nothing if the number is 0. Returns the end of what it wrote. */
static uint8_t *put_number(uint8_t *at, int field, uint64_t value) {
  if (value == 0) return at;
  *at++ = (uint8_t)(field << 3);
  for (; value > 0x7f; value >>= 7)
    *at++ = (uint8_t)(value | 0x80);
  *at++ = (uint8_t)value;
  return at;
}

/* containerd.task.v2.DeleteResponse{pid 1, exit_status 2, exited_at 3 {seconds 1, nanos 2}}. */
static bool write_response(uint32_t pid) {
  /* Each number takes one byte for its field and at most ten for its value. */
  uint8_t response[4 * 11 + 2];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint8_t *at = put_number(put_number(response, 1, pid), 2, KILLED);
  uint8_t *time = at + 2;
  uint8_t *end = put_number(put_number(time, 1, (uint64_t)now.tv_sec), 2, (uint64_t)now.tv_nsec);
  memcpy(at, (uint8_t[]){3 << 3 | 2, (uint8_t)(end - time)}, 2);
  return write(1, response, (size_t)(end - response)) == end - response;
}

/*
 * If a daemon runs, it forgets what it still has of the container: it drops a reservation, and waits until a Create
 * that is under way has ended. That Create may have written a record, so the record is looked for a second time.
 */
static bool answer_in(int bundle, const char *id) {
  char address[ADDRESS_LENGTH + 1];
  uint32_t pid;
  if (!is_gone(bundle) || !read_address(bundle, address)) return false;
  if (ask_daemon(address, "Forget", id, TALK_MS) == ANSWER_UNKNOWN) return false;
  return is_gone(bundle) && read_pid(bundle, &pid) && write_response(pid);
}

bool answer_delete(const struct call *call) {
  int bundle = open(call->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (bundle < 0) return false;
  bool is_answered = answer_in(bundle, call->id);
  close(bundle);
  return is_answered;
}
