/* Makes one mount of a container's root filesystem, step by step, and undoes it. */
#include "mounter.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RECURSIVE 0x8000u

/* RESOLVE_IN_ROOT: neither `..` nor a link leads out of the root. The call is made by number because glibc has no
 * wrapper. O_PATH opens neither a device nor a FIFO. */
bool open_mount_point(const struct mount *entry, struct mount_point *point) {
  point->fd = -1;
  snprintf(point->path, sizeof point->path, "%s", root);
  if (*entry->target == 0) return true;
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
  int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) point->fd = (int)syscall(SYS_openat2, directory, entry->target, &how, sizeof how);
  if (directory >= 0) close_after_error(directory);
  if (point->fd < 0) return fail("openat2", "mount");
  snprintf(point->path, sizeof point->path, "/proc/self/fd/%d", point->fd);
  return true;
}

void close_mount_point(struct mount_point *point) {
  if (point->fd >= 0) close(point->fd);
}

static bool at_mount_point(const struct mount *entry, bool (*work)(const struct mount *entry, const char *path)) {
  struct mount_point point;
  if (!open_mount_point(entry, &point)) return false;
  bool is_done = work(entry, point.path);
  close_mount_point(&point);
  return is_done;
}

/* Some file systems that take no options refuse an empty string, so they get NULL. */
static bool call_mount(const struct mount *entry, const char *source, const char *path) {
  char data[DATA_BYTES];
  if (!overlay_data(entry, data)) return false;
  return mount(source, path, entry->type, entry->flags, *data == 0 ? NULL : data) == 0 || fail("mount", "mount");
}

/* The loop device stays open until the mount uses it. */
static bool mount_source(const struct mount *entry, const char *path) {
  char device[32];
  if (entry->loop == LOOP_NONE) return call_mount(entry, entry->source, path);
  int fd = open_loop(entry, device);
  if (fd < 0) return false;
  bool is_mounted = call_mount(entry, device, path);
  close(fd);
  return is_mounted;
}

/*
 * Flags that restrict the mount of the source, such as nosuid, are kept: in a user namespace the kernel refuses to
 * clear them (EPERM). The four ST_ flags have the values of the MS_ flags.
 */
static bool remount_bind(const struct mount *entry, const char *path) {
  struct statvfs found;
  if (statvfs(path, &found) < 0) return fail("mount", "set the flags of");
  unsigned long inherited = found.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC) & ~entry->cleared;
  if (mount("", path, "", MS_REMOUNT | entry->flags | inherited, "") == 0) return true;
  return fail("mount", "set the flags of");
}

/* A call that makes a bind mount ignores all flags except MS_REC, so the others need a remount. */
static bool is_bind_with_flags(const struct mount *entry) {
  return (entry->flags & (MS_BIND | MS_REMOUNT)) == MS_BIND && (entry->flags & ~(unsigned long)(MS_BIND | MS_REC)) != 0;
}

/* Replaces the mount by an id-mapped copy of it. */
static bool map_ids(const struct mount *entry) {
  struct mount_point point;
  int user_namespace = open_user_namespace(entry);
  if (user_namespace < 0 || !open_mount_point(entry, &point)) return false;
  int tree = clone_mapped(point.path, user_namespace, RECURSIVE);
  close(user_namespace);
  bool is_detached = tree >= 0 && (umount2(point.path, MNT_DETACH) == 0 || fail("umount", "map the ids of"));
  close_mount_point(&point);
  if (!is_detached) return false;
  report->done--;
  if (!open_mount_point(entry, &point)) return false;
  bool is_attached = attach_tree(tree, point.path);
  close_mount_point(&point);
  if (is_attached) report->done++;
  close(tree);
  return is_attached;
}

static bool set_propagations(const struct mount *entry, const char *path) {
  for (int i = 0; i < entry->propagation_count; i++)
    if (mount("", path, "", entry->propagations[i], "") < 0) return fail("mount", "set the propagation of");
  return true;
}

static bool mount_program(const struct mount *entry, const char *path) {
  report->mounts_before = count_mounts(path);
  report->done++;
  return mount_by_helper(entry, path);
}

/* Counts the mount in the report as soon as it must be undone. */
bool make_mount(const struct mount *entry) {
  bool is_mapped = *entry->uid_map != 0;
  if (is_fuse(entry)) return at_mount_point(entry, mount_program);
  if (is_mapped && strcmp(entry->type, "overlay") == 0) {
    if (!mount_mapped_overlay(entry)) return false;
    report->done++;
    return at_mount_point(entry, set_propagations);
  }
  if (!at_mount_point(entry, mount_source)) return false;
  if ((entry->flags & MS_REMOUNT) == 0) report->done++;
  if (is_bind_with_flags(entry) && !at_mount_point(entry, remount_bind)) return false;
  if (is_mapped && !map_ids(entry)) return false;
  return at_mount_point(entry, set_propagations);
}

void undo_mount(const struct mount *entry) {
  struct mount_point point;
  if ((entry->flags & MS_REMOUNT) != 0 || !open_mount_point(entry, &point)) return;
  if (!is_fuse(entry) || count_mounts(point.path) > report->mounts_before) umount2(point.path, MNT_DETACH);
  close_mount_point(&point);
}
