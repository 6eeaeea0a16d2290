/*
 * termshim-mounter: mounts the root filesystem of one container, or unmounts it, and ends.
 *
 *     termshim-mounter mount ROOT LIMIT_MS MOUNT...
 *     termshim-mounter unmount ROOT LIMIT_MS
 *
 * A MOUNT is the arguments TYPE SOURCE TARGET FLAGS CLEARED PROPAGATIONS LOOP UID_MAP GID_MAP COUNT, and then COUNT
 * options (src/os/mount/mounter-arguments.ts). Status 0: all are mounted, or all are unmounted. Status 1: it failed,
 * and `mount` has left nothing mounted. stdout then says why: the index of the mount, the system call, the errno, what
 * was attempted, and the output of a FUSE program, each followed by a zero byte. Status 2: the arguments are wrong.
 */
#include "mounter.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>

/* Time limits: for processes to die after SIGKILL, for undoing mounts, for a FUSE program to exit by itself after its
 * mount is gone, and for an unmount that may wait for a FUSE program. */
enum { KILL_MS = 5000, UNDO_MS = 10000, FAREWELL_MS = 2000, FUSE_MS = 10000 };

struct report *report;
const char *root;

static struct mount *mounts;
static int mount_count;

bool fail(const char *call, const char *attempted, ...) {
  va_list arguments;
  report->error = errno;
  snprintf(report->call, sizeof report->call, "%s", call);
  va_start(arguments, attempted);
  vsnprintf(report->attempted, sizeof report->attempted, attempted, arguments);
  va_end(arguments);
  return false;
}

/* realpath(3) reads only links, so it does not wait for what is mounted at the root. */
static bool find_root(void) {
  if (realpath(root, report->root) == NULL) return false;
  root = report->root;
  return true;
}

static bool make_all(void *nothing) {
  (void)nothing;
  find_root();
  for (report->index = 0; report->index < mount_count; report->index++)
    if (!make_mount(&mounts[report->index])) return false;
  return true;
}

static bool is_remount(int i) { return (mounts[i].flags & MS_REMOUNT) != 0; }

/* The newest first. A remount is not counted and not undone: its mount may belong to others. */
static bool undo_all(void *nothing) {
  int end = 0;
  (void)nothing;
  for (int count = 0; end < mount_count && count < report->done; end++)
    count += !is_remount(end);
  while (end-- > 0)
    if (!is_remount(end)) undo_mount(&mounts[end]);
  return true;
}

static int say_failure(enum outcome outcome, int limit_ms) {
  if (outcome == WORK_LATE) {
    snprintf(report->words, sizeof report->words, "it did not end within %d ms", limit_ms);
    bool is_mount = mount_count > 0;
    snprintf(report->attempted, sizeof report->attempted, "%s%s", is_mount ? "mount" : "unmount ",
             is_mount ? "" : root);
    report->error = ETIMEDOUT;
  }
  printf("%d%c%s%c%d%c%s%c%s%c", report->index, 0, report->call, 0, report->error, 0, report->attempted, 0,
         report->words, 0);
  fflush(stdout);
  return 1;
}

/* If the undoing fails too, the report still gives the first error. */
static int mount_root(int limit_ms) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  /* A FUSE program whose helper has exited becomes a child of this process, so kill_children finds it. */
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  enum outcome outcome = run_limited(make_all, NULL, limit_ms);
  if (outcome == WORK_DONE) return 0;
  ignore_sigterm();
  if (*report->root != 0) root = report->root;
  struct report reason = *report;
  kill_children(KILL_MS);
  run_limited(undo_all, NULL, UNDO_MS);
  *report = reason;
  return say_failure(outcome, limit_ms);
}

static bool unmount_found(void *nothing) {
  (void)nothing;
  if (!find_root()) return errno == ENOENT || fail("realpath", "unmount %s", root);
  report->is_served = report->is_served || has_fuse_mount(root);
  return unmount_all(root);
}

/* An unmount may wait for a FUSE program that does not answer, until the program is killed. */
static int unmount_root(int limit_ms) {
  ignore_sigterm();
  enum outcome outcome = run_limited(unmount_found, NULL, limit_ms < FUSE_MS ? limit_ms : FUSE_MS);
  if (outcome == WORK_LATE && !report->is_served) outcome = run_limited(unmount_found, NULL, limit_ms - FUSE_MS);
  if (*report->root != 0) root = report->root;
  if (report->is_served && (outcome == WORK_LATE || run_limited(await_programs, NULL, FAREWELL_MS) != WORK_DONE)) {
    run_limited(kill_programs, NULL, KILL_MS);
    outcome = run_limited(unmount_found, NULL, UNDO_MS);
  }
  return outcome == WORK_DONE ? 0 : say_failure(outcome, limit_ms);
}

static unsigned long number_of(const char *text) { return strtoul(text, NULL, 10); }

/* False if arguments are missing. */
static bool read_mount(char ***at, char **end, struct mount *entry) {
  char **word = *at;
  if (end - word < 10) return false;
  *entry =
      (struct mount){.type = word[0], .source = word[1], .target = word[2], .uid_map = word[7], .gid_map = word[8]};
  entry->flags = number_of(word[3]);
  entry->cleared = number_of(word[4]);
  for (char *text = word[5]; *text != 0 && entry->propagation_count < MOST_PROPAGATIONS;)
    entry->propagations[entry->propagation_count++] = strtoul(text, &text, 10);
  entry->loop = (enum loop)number_of(word[6]);
  entry->option_count = (int)number_of(word[9]);
  entry->options = word + 10;
  if (entry->option_count < 0 || end - entry->options < entry->option_count) return false;
  *at = entry->options + entry->option_count;
  return true;
}

static bool read_mounts(char **at, char **end) {
  mounts = calloc((size_t)(end - at) / 10 + 1, sizeof *mounts);
  if (mounts == NULL) return false;
  while (at < end)
    if (!read_mount(&at, end, &mounts[mount_count++])) return false;
  return true;
}

static int say_usage(void) {
  fputs("Usage: termshim-mounter mount|unmount ROOT LIMIT_MS [MOUNT]...\n"
        "termshim runs this program to mount and unmount root filesystems.\n",
        stderr);
  return 2;
}

int main(int argc, char **argv) {
  report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (report == MAP_FAILED) return 2;
  if (argc < 4) return say_usage();
  int limit_ms = (int)number_of(argv[3]);
  root = argv[2];
  if (strcmp(argv[1], "unmount") == 0) return unmount_root(limit_ms);
  if (strcmp(argv[1], "mount") != 0 || !read_mounts(argv + 4, argv + argc)) return 2;
  return mount_root(limit_ms);
}
