/*
 * Overlays with more lower directories than a page of options has room for, and overlays that are id-mapped.
 *
 * The paths of about forty layers fill a page. containerd shortens them by changing the working directory of a thread.
 * Here each directory is opened and named by its descriptor, so that a page has room for 200. This creates no files.
 */
#include "mounter.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char lower[] = "lowerdir=";

static bool append(char *data, size_t *length, const char *text) {
  size_t added = strlen(text);
  if (*length + added >= DATA_BYTES) {
    errno = ENAMETOOLONG;
    return fail("mount", "mount");
  }
  memcpy(data + *length, text, added + 1);
  *length += added;
  return true;
}

/*
 * Copies the first of the paths, which are separated by colons, without its escapes: a backslash before a colon makes
 * the colon part of the path (fs/overlayfs/params.c). Returns the end of the path. A path that is too long is cut off,
 * so it is not found.
 */
static const char *next_path(const char *at, char path[static PATH_MAX]) {
  size_t length = 0;
  for (; *at != 0 && *at != ':' && length < PATH_MAX - 1; at++) {
    if (*at == '\\' && at[1] != 0) at++;
    path[length++] = *at;
  }
  path[length] = 0;
  return at;
}

static bool append_held(char *data, size_t *length, const char *paths) {
  char path[PATH_MAX];
  char name[32];
  if (!append(data, length, lower)) return false;
  for (const char *at = paths; *at != 0;) {
    if (*at == ':') {
      if (!append(data, length, ":")) return false;
      at++;
      continue;
    }
    at = next_path(at, path);
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return fail("open", "open the lower directory %s of", path);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    if (!append(data, length, name)) return false;
  }
  return true;
}

bool overlay_data(const struct mount *entry, char data[static DATA_BYTES]) {
  size_t all = 0;
  size_t length = 0;
  data[0] = 0;
  for (int i = 0; i < entry->option_count; i++)
    all += strlen(entry->options[i]) + 1;
  for (int i = 0; i < entry->option_count; i++) {
    const char *option = entry->options[i];
    bool is_held = all >= DATA_BYTES && strncmp(option, lower, sizeof lower - 1) == 0;
    if (i > 0 && !append(data, &length, ",")) return false;
    if (!(is_held ? append_held(data, &length, option + sizeof lower - 1) : append(data, &length, option)))
      return false;
  }
  return true;
}

/* Mounts an id-mapped copy of each lower directory over the directory itself, in a private mount namespace. So the
 * paths in the options stay valid. */
static bool cover_lower_directories(const struct mount *entry, int user_namespace) {
  char path[PATH_MAX];
  for (int i = 0; i < entry->option_count; i++) {
    const char *option = entry->options[i];
    if (strncmp(option, lower, sizeof lower - 1) != 0) continue;
    for (const char *at = option + sizeof lower - 1; *at != 0;) {
      if (*at == ':') {
        at++;
        continue;
      }
      at = next_path(at, path);
      int tree = clone_mapped(path, user_namespace, 0);
      if (tree < 0) return false;
      bool is_attached = attach_tree(tree, path);
      close(tree);
      if (!is_attached) return false;
    }
  }
  return true;
}

/* Leaves a copy of the overlay in the shared table of descriptors. The copy is attached to no namespace, so it outlives
 * the one of this process. */
static bool mount_inside(const struct mount *entry, int user_namespace) {
  char data[DATA_BYTES];
  struct mount_point point;
  if (mount("", "/", "", MS_REC | MS_PRIVATE, "") < 0) return fail("mount", "make a mount namespace for");
  if (!cover_lower_directories(entry, user_namespace) || !overlay_data(entry, data)) return false;
  if (!open_mount_point(entry, &point)) return false;
  bool is_mounted = mount(entry->source, point.path, entry->type, entry->flags, data) == 0 || fail("mount", "mount");
  close_mount_point(&point);
  if (!is_mounted || !open_mount_point(entry, &point)) return false;
  report->tree = clone_tree(point.path, 0);
  close_mount_point(&point);
  return report->tree >= 0;
}

/*
 * An overlay itself cannot be id-mapped. Its lower directories can, and overlayfs needs them at paths. So a child makes
 * the overlay in a mount namespace of its own, and passes it on through the table of descriptors, which it shares with
 * this process. The host sees none of the other mounts, and nothing stays mounted if all processes are killed.
 */
bool mount_mapped_overlay(const struct mount *entry) {
  struct mount_point point;
  int status = 0;
  int user_namespace = open_user_namespace(entry);
  if (user_namespace < 0) return false;
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(mount_inside(entry, user_namespace) ? 0 : 1);
  }
  if (pid < 0) fail("clone", "make a mount namespace for");
  bool is_made = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
  close(user_namespace);
  if (!is_made || !open_mount_point(entry, &point)) return false;
  bool is_attached = attach_tree(report->tree, point.path);
  close_mount_point(&point);
  close(report->tree);
  return is_attached;
}
