/* Finds what is mounted, and unmounts it; see proc_pid_mountinfo(5). */
#include "mounter.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

struct found {
  char *point;
  bool is_fuse;
};

struct list {
  struct found *items;
  size_t count;
};

/* Replaces the octal numbers that stand for blanks and backslashes. */
static void decode(char *text) {
  char *to = text;
  for (char *at = text; *at != 0; to++) {
    bool is_octal = *at == '\\' && strspn(at + 1, "01234567") >= 3;
    *to = is_octal ? (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0')) : *at;
    at += is_octal ? 4 : 1;
  }
  *to = 0;
}

/* The fifth field is the mount point, and the type follows the dash. False for a line of another form. */
static bool parse_line(char *line, struct found *found) {
  char *point = line;
  for (int i = 0; i < 4 && point != NULL; i++)
    point = strchr(point + 1, ' ');
  char *type = strstr(line, " - ");
  if (point == NULL || type == NULL) return false;
  found->is_fuse = strncmp(type + 3, "fuse", 4) == 0;
  char *end = strchr(++point, ' ');
  if (end == NULL) return false;
  *end = 0;
  decode(point);
  found->point = strdup(point);
  return found->point != NULL;
}

static bool is_at_or_below(const char *point, const char *path) {
  size_t length = strlen(path);
  return strncmp(point, path, length) == 0 && (point[length] == 0 || point[length] == '/');
}

/* Lists the mounts at the path and below it, the oldest first. */
static struct list list_mounts(const char *path) {
  struct list list = {NULL, 0};
  FILE *file = fopen("/proc/self/mountinfo", "re");
  char *line = NULL;
  size_t size = 0;
  while (file != NULL && getline(&line, &size, file) > 0) {
    struct found found;
    if (!parse_line(line, &found)) continue;
    struct found *items =
        is_at_or_below(found.point, path) ? realloc(list.items, (list.count + 1) * sizeof *list.items) : NULL;
    if (items == NULL) {
      free(found.point);
      continue;
    }
    list.items = items;
    list.items[list.count++] = found;
  }
  free(line);
  if (file != NULL) fclose(file);
  return list;
}

static void free_list(struct list *list) {
  for (size_t i = 0; i < list->count; i++)
    free(list->items[i].point);
  free(list->items);
}

const char *real_path_of(const char *path, char into[static PATH_MAX]) {
  ssize_t length = strncmp(path, "/proc/self/fd/", 14) == 0 ? readlink(path, into, PATH_MAX - 1) : -1;
  if (length < 0) return path;
  into[length] = 0;
  return into;
}

int count_mounts(const char *path) {
  char buffer[PATH_MAX];
  const char *point = real_path_of(path, buffer);
  struct list list = list_mounts(point);
  int count = 0;
  for (size_t i = 0; i < list.count; i++)
    count += strcmp(list.items[i].point, point) == 0;
  free_list(&list);
  return count;
}

bool has_fuse_mount(const char *path) {
  struct list list = list_mounts(path);
  bool has_one = false;
  for (size_t i = 0; i < list.count; i++)
    has_one |= list.items[i].is_fuse;
  free_list(&list);
  return has_one;
}

/* Unmounts all that is mounted at the path itself. umount2(2) says EINVAL when nothing is left. */
static bool detach(const char *path) {
  while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
    continue;
  return errno == EINVAL || errno == ENOENT || fail("umount", "unmount %s", path);
}

/* The newest first, because a mount may hide older ones. */
bool unmount_all(const char *path) {
  if (!detach(path)) return false;
  struct list list = list_mounts(path);
  bool is_done = true;
  for (size_t i = list.count; i-- > 0 && is_done;)
    is_done = detach(list.items[i].point);
  free_list(&list);
  return is_done;
}
