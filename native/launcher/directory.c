/*
 * Whether a directory can be trusted, by the rule of src/os/file/directory-trust.ts. If it cannot, Node reports why.
 */
#include "launcher.h"
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_open_to_others(const struct stat *found) { return (found->st_mode & (S_IWGRP | S_IWOTH)) != 0; }

static unsigned read_number(const char *path, const char *format) {
  unsigned number = 0;
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  if (fscanf(file, format, &number) != 1) number = 0;
  fclose(file);
  return number;
}

/* In a user namespace the host's root has no uid and is shown as the overflow uid. Outside of one, all UINT_MAX uids
 * are mapped. */
static bool is_unknown_here(uid_t uid) {
  return uid == read_number("/proc/sys/kernel/overflowuid", "%u") &&
         read_number("/proc/self/uid_map", "%*u %*u %u") != UINT_MAX;
}

static bool is_owner_trusted(const struct stat *found) {
  return found->st_uid == 0 || found->st_uid == geteuid() || is_unknown_here(found->st_uid);
}

/* Whether no other user can replace an entry of `path`, which contains no links. */
static bool are_entries_safe(const char *path) {
  struct stat found;
  if (lstat(path, &found) < 0 || !is_owner_trusted(&found)) return false;
  return !is_open_to_others(&found) || (found.st_mode & S_ISVTX) != 0;
}

bool is_trusted_directory(const char *path) {
  struct stat found;
  char above[PATH_MAX];
  if (lstat(path, &found) < 0 || !S_ISDIR(found.st_mode)) return false;
  if (found.st_uid != 0 && found.st_uid != geteuid()) return false;
  if (is_open_to_others(&found) || realpath(path, above) == NULL) return false;
  for (char *slash; (slash = strrchr(above, '/')) != above;) {
    *slash = 0;
    if (!are_entries_safe(above)) return false;
  }
  return are_entries_safe("/");
}
