/* Runs work that may block for ever in a child process, and stops waiting for it after a time limit. */
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

/* How long to wait for a process to die after SIGKILL. A process that is blocked in the kernel may die later. */
enum { LAST_MS = 200 };

static bool ignores_sigterm;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

/* Returns the signal that came, or 0 when the time is up. */
static int await_signal(const sigset_t *set, int64_t until_ms) {
  int64_t left = until_ms - now_ms();
  if (left <= 0) return 0;
  struct timespec time = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
  int number = sigtimedwait(set, NULL, &time);
  return number < 0 ? errno == EINTR ? SIGCHLD : 0 : number;
}

static bool has_ended(pid_t pid, int *status) { return waitpid(pid, status, WNOHANG) == pid; }

/* SIG_IGN alone is not enough: a blocked signal stays pending, and sigtimedwait(2) would return it. */
void ignore_sigterm(void) {
  signal(SIGTERM, SIG_IGN);
  ignores_sigterm = true;
}

/* The caller has opened stdin on /dev/null. */
enum outcome run_limited(bool (*work)(void *argument), void *argument, int limit_ms) {
  sigset_t set;
  int status;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  if (!ignores_sigterm) sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    /* If the child outlives this process, it must not hold stdout open. */
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

/* The second field after the name. The name may contain anything, parentheses too; see proc_pid_stat(5). */
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

static bool is_child(const char *pid) { return parent_of(pid) == getpid(); }

int signal_processes(bool (*wanted)(const char *pid), int number) {
  int count = 0;
  DIR *processes = opendir("/proc");
  if (processes == NULL) return 0;
  for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
    if (!isdigit((unsigned char)*entry->d_name) || !wanted(entry->d_name)) continue;
    count += kill((pid_t)strtol(entry->d_name, NULL, 10), number) == 0;
  }
  closedir(processes);
  return count;
}

void kill_children(int limit_ms) {
  for (int64_t until = now_ms() + limit_ms; now_ms() < until;) {
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
      continue;
    if (pid < 0) return;
    signal_processes(is_child, SIGKILL);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  }
}

void close_after_error(int fd) {
  int error = errno;
  close(fd);
  errno = error;
}
