/* Mounts: mount(2), umount2(2), and where they go: openat2(2). */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel copies one page of data and cuts off the rest without a word (copy_mount_options in fs/namespace.c). This
 * is the smallest page there is. */
#define DATA_BYTES 4096

static int64_t mount_(struct call *call) {
  char source[PATH_MAX];
  char target[PATH_MAX];
  char type[PATH_MAX];
  char data[DATA_BYTES];
  int64_t error;
  int flags = argument_int(call, 3);
  if (!argument_path(call, 0, source, sizeof source, &error) ||
      !argument_path(call, 1, target, sizeof target, &error) || !argument_path(call, 2, type, sizeof type, &error) ||
      !argument_path(call, 4, data, sizeof data, &error) || call->failed)
    return error;
  /* Some file systems refuse data that is empty, where they take none. */
  return answer(mount(source, target, type, (unsigned long)flags, data[0] == '\0' ? NULL : data));
}

static int64_t unmount(struct call *call) {
  char target[PATH_MAX];
  int64_t error;
  int flags = argument_int(call, 1);
  if (!argument_path(call, 0, target, sizeof target, &error) || call->failed) return error;
  return answer(umount2(target, flags));
}

/* ST_RDONLY and the three others have the values of their MS_ flags. */
static int64_t mount_flags(struct call *call) {
  char path[PATH_MAX];
  int64_t error;
  struct statvfs found;
  if (!argument_path(call, 0, path, sizeof path, &error)) return error;
  if (statvfs(path, &found) < 0) return -errno;
  return (int64_t)(found.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC));
}

/* The system call is made by number because glibc has no wrapper. O_PATH opens nothing: a FIFO would wait, a device
 * act. */
static int64_t mount_open_inside(struct call *call) {
  char root[PATH_MAX];
  char path[PATH_MAX];
  int64_t error;
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
  if (!argument_path(call, 0, root, sizeof root, &error) || !argument_path(call, 1, path, sizeof path, &error))
    return error;
  int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return -errno;
  int64_t fd = fd_own(call->context, (int)syscall(SYS_openat2, directory, path, &how, sizeof how));
  close(directory);
  return fd;
}

const struct export mount_exports[] = {
    {"mount", mount_}, {"unmount", unmount}, {"mount_flags", mount_flags}, {"mount_open_inside", mount_open_inside},
    {NULL, NULL},
};
