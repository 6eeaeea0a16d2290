/* Window size, termios and the pty master: ioctl_tty(2), termios(3), pts(4). */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define CANONICAL 256

static int64_t tty_open_master(struct call *call) {
  int unlock = 0;
  int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -errno;
  if (ioctl(fd, TIOCSPTLCK, &unlock) == 0) return fd_own(call->context, fd);
  int error = errno;
  close(fd);
  return -error;
}

static int64_t tty_pts_number(struct call *call) {
  int fd = argument_int(call, 0);
  unsigned int number = 0;
  if (call->failed) return 0;
  return ioctl(fd, TIOCGPTN, &number) < 0 ? -errno : (int64_t)number;
}

static int64_t tty_get_size(struct call *call) {
  int fd = argument_int(call, 0);
  struct winsize size;
  if (call->failed) return 0;
  return ioctl(fd, TIOCGWINSZ, &size) < 0 ? -errno : (int64_t)size.ws_col << 16 | size.ws_row;
}

static int64_t tty_set_size(struct call *call) {
  int fd = argument_int(call, 0);
  struct winsize size = {.ws_col = (unsigned short)argument_int(call, 1),
                         .ws_row = (unsigned short)argument_int(call, 2)};
  return call->failed ? 0 : answer(ioctl(fd, TIOCSWINSZ, &size));
}

static int64_t tty_get_termios(struct call *call) {
  int fd = argument_int(call, 0);
  struct bytes into = argument_bytes(call, 1);
  struct termios state;
  if (call->failed) return 0;
  if (into.length < sizeof state) return -EINVAL;
  /* The padding goes out too: what was on the stack must not. */
  memset(&state, 0, sizeof state);
  if (tcgetattr(fd, &state) < 0) return -errno;
  memcpy(into.data, &state, sizeof state);
  return sizeof state;
}

/* SIGTTOU is blocked for the call: a terminal is restored even where the shell has already taken it back. */
static int64_t tty_set_termios(struct call *call) {
  int fd = argument_int(call, 0);
  struct bytes from = argument_bytes(call, 1);
  struct termios state;
  sigset_t ttou, before;
  if (call->failed) return 0;
  if (from.length < sizeof state) return -EINVAL;
  memcpy(&state, from.data, sizeof state);
  sigemptyset(&ttou);
  sigaddset(&ttou, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &ttou, &before);
  int64_t result = answer(tcsetattr(fd, TCSANOW, &state));
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return result;
}

static int64_t tty_set_raw(struct call *call) {
  int fd = argument_int(call, 0);
  struct termios state;
  if (call->failed) return 0;
  if (tcgetattr(fd, &state) < 0) return -errno;
  cfmakeraw(&state);
  return answer(tcsetattr(fd, TCSANOW, &state));
}

static int64_t tty_clear_onlcr(struct call *call) {
  int fd = argument_int(call, 0);
  struct termios state;
  if (call->failed) return 0;
  if (tcgetattr(fd, &state) < 0) return -errno;
  state.c_oflag &= ~(tcflag_t)ONLCR;
  return answer(tcsetattr(fd, TCSANOW, &state));
}

static int64_t tty_end_of_file(struct call *call) {
  int fd = argument_int(call, 0);
  struct termios state;
  if (call->failed) return 0;
  if (tcgetattr(fd, &state) < 0) return -errno;
  return state.c_cc[VEOF] | (state.c_lflag & ICANON ? CANONICAL : 0);
}

/* The other side is opened for a moment by TIOCGPTPEER, which needs no path and so works for a tty in a container too.
 * poll(2) first brings in what the kernel's worker still holds; FIONREAD alone would not count it. */
static int64_t tty_unread_input(struct call *call) {
  int master = argument_int(call, 0);
  if (call->failed) return 0;
  int tty = ioctl(master, TIOCGPTPEER, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (tty < 0) return -errno;
  struct pollfd polled = {.fd = tty, .events = POLLIN};
  int count = 0;
  if (poll(&polled, 1, 0) > 0 && polled.revents & POLLIN && ioctl(tty, FIONREAD, &count) == 0 && count == 0) count = 1;
  close(tty);
  return count;
}

const struct export tty_exports[] = {
    {"tty_open_master", tty_open_master},
    {"tty_pts_number", tty_pts_number},
    {"tty_get_size", tty_get_size},
    {"tty_set_size", tty_set_size},
    {"tty_get_termios", tty_get_termios},
    {"tty_set_termios", tty_set_termios},
    {"tty_set_raw", tty_set_raw},
    {"tty_clear_onlcr", tty_clear_onlcr},
    {"tty_end_of_file", tty_end_of_file},
    {"tty_unread_input", tty_unread_input},
    {NULL, NULL},
};
