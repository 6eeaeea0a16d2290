/* The subreaper bit, pidfds and waitid: prctl(2), pidfd_open(2), pidfd_send_signal(2), waitid(2). */
#include "addon.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t process_set_subreaper(struct call *call) {
  bool on = call->arguments[0].number;
  return answer(prctl(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0));
}

/* A pidfd has CLOEXEC from birth. The system call is made by number because glibc has a wrapper only since 2.36. */
static int64_t process_pidfd(struct call *call) {
  return fd_own(call->context, (int)syscall(SYS_pidfd_open, call->arguments[0].number, 0));
}

static int64_t pidfd_signal(struct call *call) {
  return answer(syscall(SYS_pidfd_send_signal, call->arguments[0].number, call->arguments[1].number, NULL, 0));
}

/* Never P_ALL: libuv and node-pty wait for their own children by pid, and lose them if anything else reaps them. */
static int64_t process_reap(struct call *call) {
  int pid = call->arguments[0].number;
  siginfo_t info = {.si_pid = 0};
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
    {"process_set_subreaper", process_set_subreaper, {BOOL}},
    {"pidfd_open", process_pidfd, {INT}},
    {"pidfd_signal", pidfd_signal, {INT, INT}},
    {"process_reap", process_reap, {INT}},
    {"process_peek", process_peek, {NO_ARGUMENT}},
    {0},
};
