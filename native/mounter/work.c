/* A process for what may wait without end, and one that waits for it as long as it wants to. */
#include "mounter.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long a process may take to go that was killed. One that waits in the kernel goes when that lets it. */
enum { LAST_MS = 200 };

static bool is_deaf;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

/* The signal that came, 0 when the time is up. */
static int await_signal(const sigset_t *set, int64_t until_ms) {
  int64_t left = until_ms - now_ms();
  if (left <= 0) return 0;
  struct timespec time = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
  int number = sigtimedwait(set, NULL, &time);
  return number < 0 ? errno == EINTR ? SIGCHLD : 0 : number;
}

static bool has_ended(pid_t pid, int *status) { return waitpid(pid, status, WNOHANG) == pid; }

/* A signal that is blocked is not discarded, whatever its action is, and would be found by sigtimedwait(2). */
void ignore_calls(void) {
  signal(SIGTERM, SIG_IGN);
  is_deaf = true;
}

/* stdin is /dev/null. */
enum outcome run_limited(bool (*work)(void *argument), void *argument, int limit_ms) {
  sigset_t set;
  int status;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  if (!is_deaf) sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    /* The end of our stdout does not wait for it. */
    dup2(0, 1);
    _exit(work(argument) ? 0 : 1);
  }
  if (pid < 0) return fail("fork", "begin") ? WORK_DONE : WORK_FAILED;
  enum outcome outcome = WORK_LATE;
  int number;
  for (int64_t until = now_ms() + limit_ms; (number = await_signal(&set, until)) != 0;) {
    if (has_ended(pid, &status)) return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? WORK_DONE : WORK_FAILED;
    if (number != SIGTERM) continue;
    outcome = WORK_CALLED_OFF;
    break;
  }
  kill(pid, SIGKILL);
  for (int64_t until = now_ms() + LAST_MS; !has_ended(pid, &status) && await_signal(&set, until) != 0;)
    continue;
  return outcome;
}

/* The second field behind the name, which may be anything; see proc_pid_stat(5). */
static pid_t parent_of(const char *pid) {
  char path[64];
  char text[512];
  snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  text[length < 0 ? 0 : length] = 0;
  const char *end = strrchr(text, ')');
  return end == NULL || strlen(end) < 4 ? 0 : (pid_t)strtol(end + 4, NULL, 10);
}

static void signal_children(int number) {
  DIR *processes = opendir("/proc");
  if (processes == NULL) return;
  for (struct dirent *entry; (entry = readdir(processes)) != NULL;)
    if (isdigit((unsigned char)*entry->d_name) && parent_of(entry->d_name) == getpid())
      kill((pid_t)strtol(entry->d_name, NULL, 10), number);
  closedir(processes);
}

void kill_children(int limit_ms) {
  for (int64_t until = now_ms() + limit_ms; now_ms() < until;) {
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
      continue;
    if (pid < 0) return;
    signal_children(SIGKILL);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  }
}
