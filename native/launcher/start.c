/*
 * `start`, where the daemon of the namespace lives. The socket's name is that of src/shim/address.ts.
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

/* Node reads the other groups: a pod's name stands in config.json, and a container of its own never finds a daemon. */
static bool is_grouped_by_namespace(void) {
  const char *group = getenv("TERMSHIM_GROUP");
  return group == NULL || *group == 0 || strcmp(group, "namespace") == 0;
}

/* FNV-1a; the zero byte behind the text counts, so that the end of one and the beginning of the next do not mix. */
static uint64_t hash_text(uint64_t hash, const char *text) {
  do
    hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
  while (*text++ != 0);
  return hash;
}

/* Behind the namespace's zero byte the group would stand, which is empty. */
static void format_address(const struct call *call, char into[static ADDRESS_LENGTH + 1]) {
  uint64_t hash = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), call->address), call->namespace);
  snprintf(into, ADDRESS_LENGTH + 1, ADDRESS_START "%0*" PRIx64, HASH_DIGITS, hash);
}

/* containerd 1.6 finds the daemon by this file in the bundle, its working directory, after it was started again. */
static bool write_address(const char *address) {
  /* Nothing that has the name is written to. */
  unlink(".address");
  int fd = open(".address", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool is_written = write(fd, address, ADDRESS_LENGTH) == ADDRESS_LENGTH;
  return close(fd) == 0 && is_written && rename(".address", "address") == 0;
}

/* Whether a living daemon promises to stay until this container is created, and containerd was told its address. */
static bool find_daemon(const char *address, const char *id, const struct question *question) {
  return ask_daemon(address, "Reserve", id, TALK_MS) == ANSWER_YES && write_address(address) &&
         write_answer(question, address);
}

/*
 * Only one at a time may find that there is no daemon, and start it. The lock is on the directory, so that no file of
 * it stays. Returns -1 if it was not to be had: Node says why.
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
