/* The subreaper bit, pidfds and waitid: prctl(2), pidfd_open(2), pidfd_send_signal(2), waitid(2). */
#include "addon.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t process_set_subreaper(struct call *call) {
  bool on = argument_bool(call, 0);
  return call->failed ? 0 : answer(prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0));
}

/* A pidfd has CLOEXEC from birth. The system call is made by number because glibc has a wrapper only from 2.36 on. */
static int64_t pidfd_open_(struct call *call) {
  int pid = argument_int(call, 0);
  return call->failed ? 0 : fd_own(call->context, (int)syscall(SYS_pidfd_open, pid, 0));
}

static int64_t pidfd_signal(struct call *call) {
  int pidfd = argument_int(call, 0);
  int number = argument_int(call, 1);
  return call->failed ? 0 : answer(syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0));
}

/* Never P_ALL: libuv and node-pty wait for children of their own, by pid, and expect no thief. */
static int64_t process_reap(struct call *call) {
  int pid = argument_int(call, 0);
  siginfo_t info = {.si_pid = 0};
  if (call->failed) return 0;
  if (pid <= 0) return -EINVAL;
  if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) < 0) return -errno;
  return info.si_pid == 0 ? -EAGAIN : (int64_t)info.si_code << 8 | info.si_status;
}

static int64_t process_peek(struct call *call) {
  siginfo_t info = {.si_pid = 0};
  (void)call;
  if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) return errno == ECHILD ? 0 : -errno;
  return info.si_pid;
}

const struct export process_exports[] = {
    {"process_set_subreaper", process_set_subreaper},
    {"pidfd_open", pidfd_open_},
    {"pidfd_signal", pidfd_signal},
    {"process_reap", process_reap},
    {"process_peek", process_peek},
    {NULL, NULL},
};
