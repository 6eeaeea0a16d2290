/* Id-mapped mounts; see MOUNT_ATTR_IDMAP in mount_setattr(2). */
#include "mounter.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Older versions of glibc and of the kernel's headers lack these names, so they have names of their own here. */
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#define TREE_CLONE 1u
#define EMPTY_PATH 0x1000u
#define IDMAP 0x00100000u
#define PRIVATE (1u << 18)
#define FROM_EMPTY_PATH 4u

struct attributes {
  uint64_t set;
  uint64_t clear;
  uint64_t propagation;
  uint64_t user_namespace;
};

static bool write_map(pid_t pid, const char *name, const char *map) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fail("open", "map the ids of");
  ssize_t length = (ssize_t)strlen(map);
  bool is_written = write(fd, map, (size_t)length) == length || fail("write", "set the %s of", name);
  close(fd);
  return is_written;
}

static int open_namespace_of(pid_t pid, const struct mount *entry) {
  char path[64];
  if (!write_map(pid, "uid_map", entry->uid_map) || !write_map(pid, "gid_map", entry->gid_map)) return -1;
  snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("open", "make a user namespace for");
  return fd;
}

/* The namespace needs the process only until it is open. */
int open_user_namespace(const struct mount *entry) {
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      pause();
  }
  if (pid < 0) {
    fail("clone", "make a user namespace for");
    return -1;
  }
  int fd = open_namespace_of(pid, entry);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  return fd;
}

int clone_tree(const char *path, unsigned int recursive) {
  int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, TREE_CLONE | O_CLOEXEC | recursive);
  if (tree < 0) fail("open_tree", "map the ids of");
  return tree;
}

int clone_mapped(const char *path, int user_namespace, unsigned int recursive) {
  struct attributes attributes = {.set = IDMAP, .propagation = PRIVATE, .user_namespace = (uint64_t)user_namespace};
  int tree = clone_tree(path, recursive);
  if (tree < 0) return -1;
  if (syscall(SYS_mount_setattr, tree, "", EMPTY_PATH | recursive, &attributes, sizeof attributes) == 0) return tree;
  fail("mount_setattr", "map the ids of");
  close(tree);
  return -1;
}

bool attach_tree(int tree, const char *path) {
  return syscall(SYS_move_mount, tree, "", AT_FDCWD, path, FROM_EMPTY_PATH) == 0 || fail("move_mount", "attach");
}
