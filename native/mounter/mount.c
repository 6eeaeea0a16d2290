/* One mount of a container's root filesystem, in its steps, and away with it. */
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

/* RESOLVE_IN_ROOT: neither `..` nor a link leads out. The call is made by number because glibc has no wrapper; O_PATH
 * opens nothing. */
bool enter_place(const struct mount *entry, struct place *place) {
  place->fd = -1;
  snprintf(place->path, sizeof place->path, "%s", root);
  if (*entry->target == 0) return true;
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
  int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) place->fd = (int)syscall(SYS_openat2, directory, entry->target, &how, sizeof how);
  int error = errno;
  if (directory >= 0) close(directory);
  errno = error;
  if (place->fd < 0) return fail("openat2", "mount");
  snprintf(place->path, sizeof place->path, "/proc/self/fd/%d", place->fd);
  return true;
}

void leave_place(struct place *place) {
  if (place->fd >= 0) close(place->fd);
}

static bool at_place(const struct mount *entry, bool (*work)(const struct mount *entry, const char *path)) {
  struct place place;
  if (!enter_place(entry, &place)) return false;
  bool is_done = work(entry, place.path);
  leave_place(&place);
  return is_done;
}

/* Some file systems refuse data that is empty, where they take none. */
static bool call_mount(const struct mount *entry, const char *source, const char *path) {
  char data[DATA_BYTES];
  if (!overlay_data(entry, data)) return false;
  return mount(source, path, entry->type, entry->flags, *data == 0 ? NULL : data) == 0 || fail("mount", "mount");
}

/* The device is held until the mount holds it. */
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
 * What the source's mount forbids stays forbidden: in a user namespace the kernel refuses anything else (EPERM).
 * ST_RDONLY and the three others have the values of their MS_ flags.
 */
static bool remount_bind(const struct mount *entry, const char *path) {
  struct statvfs found;
  if (statvfs(path, &found) < 0) return fail("mount", "set the flags of");
  unsigned long inherited = found.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC) & ~entry->cleared;
  if (mount("", path, "", MS_REMOUNT | entry->flags | inherited, "") == 0) return true;
  return fail("mount", "set the flags of");
}

/* The call that makes a bind mount takes no other flag than MS_REC. */
static bool is_bind_with_flags(const struct mount *entry) {
  return (entry->flags & (MS_BIND | MS_REMOUNT)) == MS_BIND && (entry->flags & ~(unsigned long)(MS_BIND | MS_REC)) != 0;
}

/* A copy with its ids mapped, in the place of the mount itself. */
static bool map_ids(const struct mount *entry) {
  struct place place;
  int user_namespace = open_user_namespace(entry);
  if (user_namespace < 0 || !enter_place(entry, &place)) return false;
  int tree = clone_mapped(place.path, user_namespace, RECURSIVE);
  close(user_namespace);
  bool is_detached = tree >= 0 && (umount2(place.path, MNT_DETACH) == 0 || fail("umount", "map the ids of"));
  leave_place(&place);
  if (!is_detached) return false;
  report->done--;
  if (!enter_place(entry, &place)) return false;
  bool is_attached = attach_tree(tree, place.path);
  leave_place(&place);
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

/* Enters the mount in the report as soon as there is something to undo. */
bool make_mount(const struct mount *entry) {
  bool is_mapped = *entry->uid_map != 0;
  if (is_fuse(entry)) return at_place(entry, mount_program);
  if (is_mapped && strcmp(entry->type, "overlay") == 0) {
    if (!mount_mapped_overlay(entry)) return false;
    report->done++;
    return at_place(entry, set_propagations);
  }
  if (!at_place(entry, mount_source)) return false;
  if ((entry->flags & MS_REMOUNT) == 0) report->done++;
  if (is_bind_with_flags(entry) && !at_place(entry, remount_bind)) return false;
  if (is_mapped && !map_ids(entry)) return false;
  return at_place(entry, set_propagations);
}

void undo_mount(const struct mount *entry) {
  struct place place;
  if ((entry->flags & MS_REMOUNT) != 0 || !enter_place(entry, &place)) return;
  if (!is_fuse(entry) || count_mounts(place.path) > report->mounts_before) umount2(place.path, MNT_DETACH);
  leave_place(&place);
}
