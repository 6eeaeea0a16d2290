/*
 * Mounts that a FUSE program makes and serves. mount.fuse or mount.fuse3 starts the program, as with containerd. The
 * program then runs in the background. Its environment contains the path of the root, by which it is found later.
 */
#include "mounter.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARK "TERMSHIM_MOUNT"

/* For the helper: source, target, two words for each option, `-t`, the program, the end. */
#define MOST_WORDS 1024

static const char *program_of(const struct mount *entry, const char **helper) {
  const char *dot = strchr(entry->type, '.');
  if (dot == NULL) return NULL;
  size_t length = (size_t)(dot - entry->type);
  *helper = strncmp(entry->type, "fuse3", length) == 0 && length == 5 ? "mount.fuse3" : "mount.fuse";
  bool is_named =
      length == 5 ? strncmp(entry->type, "fuse3", 5) == 0 : length == 4 && strncmp(entry->type, "fuse", 4) == 0;
  return is_named ? dot + 1 : NULL;
}

bool is_fuse(const struct mount *entry) {
  const char *helper;
  return program_of(entry, &helper) != NULL;
}

static void run_helper(const struct mount *entry, const char *target, int output) {
  const char *helper = NULL;
  const char *words[MOST_WORDS];
  int count = 0;
  const char *program = program_of(entry, &helper);
  words[count++] = helper;
  words[count++] = entry->source;
  words[count++] = target;
  for (int i = 0; i < entry->option_count && count < MOST_WORDS - 4; i++) {
    words[count++] = "-o";
    words[count++] = entry->options[i];
  }
  words[count++] = "-t";
  words[count++] = program;
  words[count] = NULL;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setenv(MARK, root, 1);
  dup2(output, 1);
  dup2(output, 2);
  execvp(helper, (char **)words);
  dprintf(2, "%s", strerror(errno));
  _exit(127);
}

/* Reports the end of the helper's output in one line. */
static void keep_words(int output, const char *helper) {
  char said[WORDS_BYTES / 2];
  off_t size = lseek(output, 0, SEEK_END);
  off_t from = size > (off_t)sizeof said - 1 ? size - ((off_t)sizeof said - 1) : 0;
  ssize_t length = pread(output, said, sizeof said - 1, from);
  said[length < 0 ? 0 : length] = 0;
  for (char *at = said; *at != 0; at++)
    if (iscntrl((unsigned char)*at)) *at = ' ';
  for (size_t end = strlen(said); end > 0 && said[end - 1] == ' ';)
    said[--end] = 0;
  snprintf(report->words, sizeof report->words, "%s: %s", helper, *said == 0 ? "it printed no message" : said);
}

/* The output goes into memory. A pipe would not end before the FUSE program, which inherits it, ends. */
bool mount_by_helper(const struct mount *entry, const char *path) {
  char target[PATH_MAX];
  const char *helper = NULL;
  int status = 0;
  program_of(entry, &helper);
  int output = memfd_create("output", MFD_CLOEXEC);
  pid_t pid = output < 0 ? -1 : fork();
  if (pid == 0) run_helper(entry, real_path_of(path, target), output);
  if (pid < 0) return fail("fork", "mount");
  bool is_mounted = waitpid(pid, &status, 0) == pid && status == 0;
  if (!is_mounted) {
    fail("", "mount");
    report->error = 0;
    keep_words(output, helper);
  }
  close(output);
  return is_mounted;
}

/* Whether the environment of the process contains the mark of this root. */
static bool is_marked(const char *pid) {
  static char text[256 * 1024];
  char path[64];
  char mark[PATH_MAX + sizeof MARK + 1];
  snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  size_t length = 0;
  for (ssize_t got; length < sizeof text - 1 && (got = read(fd, text + length, sizeof text - 1 - length)) > 0;)
    length += (size_t)got;
  close(fd);
  text[length] = 0;
  snprintf(mark, sizeof mark, MARK "=%s", root);
  for (char *at = text; at < text + length; at += strlen(at) + 1)
    if (strcmp(at, mark) == 0) return true;
  return false;
}

static bool signal_until_none(int number) {
  while (signal_processes(is_marked, number) > 0)
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  return true;
}

bool kill_programs(void *nothing) {
  (void)nothing;
  return signal_until_none(SIGKILL);
}

bool await_programs(void *nothing) {
  (void)nothing;
  return signal_until_none(0);
}
