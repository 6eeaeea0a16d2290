/*
 * Answers `start` if the daemon of the namespace runs. src/shim/address.ts computes the same name of its socket.
 */
#include "launcher.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TALK_MS = 2000, LOCK_MS = 10000 };

/* Node handles the other groups: the name of a pod is in config.json, and a container with its own daemon needs a new
 * one. */
static bool is_grouped_by_namespace(void) {
  const char *group = getenv("TERMSHIM_GROUP");
  return group == NULL || *group == 0 || strcmp(group, "namespace") == 0;
}

/* FNV-1a. The zero byte behind the text is hashed too, so that `ab` and `c` differ from `a` and `bc`. */
static uint64_t hash_text(uint64_t hash, const char *text) {
  do
    hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
  while (*text++ != 0);
  return hash;
}

/* The name of the group would be hashed last. It is empty here. */
static void format_address(const struct call *call, char into[static ADDRESS_LENGTH + 1]) {
  uint64_t hash = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), call->address), call->namespace);
  snprintf(into, ADDRESS_LENGTH + 1, ADDRESS_START "%0*" PRIx64, HASH_DIGITS, hash);
}

/* After a restart, containerd 1.6 finds the daemon by this file in the bundle, which is the working directory. */
static bool write_address(const char *address) {
  /* O_EXCL below: a file or link that another process put there is never written to. */
  unlink(".address");
  int fd = open(".address", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool is_written = write(fd, address, ADDRESS_LENGTH) == ADDRESS_LENGTH;
  return close(fd) == 0 && is_written && rename(".address", "address") == 0;
}

/* True if a daemon runs and has promised to run until this container is created, and containerd has got its address. */
static bool find_daemon(const char *address, const char *id, const struct question *question) {
  return ask_daemon(address, "Reserve", id, TALK_MS) == ANSWER_YES && write_address(address) &&
         write_answer(question, address);
}

/*
 * Only one process at a time may find that no daemon runs, and start one. The lock is on the directory, so that it
 * leaves no lock file. Returns -1 if it cannot have the lock; then Node reports why.
 */
static int lock_sockets(void) {
  mkdir("/run/containerd", 0711);
  mkdir(SOCKETS, 0700);
  int fd = open(SOCKETS, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return -1;
  set_alarm(LOCK_MS);
  bool is_locked = flock(fd, LOCK_EX) == 0;
  set_alarm(0);
  if (is_locked) return fd;
  close(fd);
  return -1;
}

bool answer_start(const struct call *call, struct rest *rest) {
  char address[ADDRESS_LENGTH + 1];
  if (!is_grouped_by_namespace() || !read_question(call, &rest->question)) return false;
  format_address(call, address);
  if (find_daemon(address, call->id, &rest->question)) return true;
  rest->lock = lock_sockets();
  return rest->lock >= 0 && find_daemon(address, call->id, &rest->question);
}
