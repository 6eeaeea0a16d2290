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
  unsigned int number = 0;
  return ioctl(call->arguments[0].number, TIOCGPTN, &number) < 0 ? -errno : (int64_t)number;
}

static int64_t tty_get_size(struct call *call) {
  struct winsize size;
  if (ioctl(call->arguments[0].number, TIOCGWINSZ, &size) < 0) return -errno;
  return (int64_t)size.ws_col << 16 | size.ws_row;
}

static int64_t tty_set_size(struct call *call) {
  struct winsize size = {.ws_col = (unsigned short)call->arguments[1].number,
                         .ws_row = (unsigned short)call->arguments[2].number};
  return answer(ioctl(call->arguments[0].number, TIOCSWINSZ, &size));
}

static int64_t tty_get_termios(struct call *call) {
  struct bytes into = call->arguments[1].bytes;
  struct termios state;
  if (into.length < sizeof state) return -EINVAL;
  /* JavaScript gets the padding too, which must not hold what was on the stack. */
  memset(&state, 0, sizeof state);
  if (tcgetattr(call->arguments[0].number, &state) < 0) return -errno;
  memcpy(into.data, &state, sizeof state);
  return sizeof state;
}

/* SIGTTOU is blocked during the call, so that a terminal is restored even after the shell has taken it back. */
static int64_t tty_set_termios(struct call *call) {
  struct bytes from = call->arguments[1].bytes;
  struct termios state;
  sigset_t ttou, before;
  if (from.length < sizeof state) return -EINVAL;
  memcpy(&state, from.data, sizeof state);
  sigemptyset(&ttou);
  sigaddset(&ttou, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &ttou, &before);
  int64_t result = answer(tcsetattr(call->arguments[0].number, TCSANOW, &state));
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return result;
}

static int64_t change_termios(int fd, void (*change)(struct termios *state)) {
  struct termios state;
  if (tcgetattr(fd, &state) < 0) return -errno;
  change(&state);
  return answer(tcsetattr(fd, TCSANOW, &state));
}

static void clear_onlcr(struct termios *state) { state->c_oflag &= ~(tcflag_t)ONLCR; }

static int64_t tty_set_raw(struct call *call) { return change_termios(call->arguments[0].number, cfmakeraw); }

static int64_t tty_clear_onlcr(struct call *call) { return change_termios(call->arguments[0].number, clear_onlcr); }

static int64_t tty_end_of_file(struct call *call) {
  struct termios state;
  if (tcgetattr(call->arguments[0].number, &state) < 0) return -errno;
  return state.c_cc[VEOF] | (state.c_lflag & ICANON ? CANONICAL : 0);
}

/* TIOCGPTPEER opens the other side for a moment. It needs no path, so it works for a tty in a container too. poll(2)
 * first makes the kernel's worker deliver what it still holds, which FIONREAD would not count. */
static int64_t tty_unread_input(struct call *call) {
  int tty = ioctl(call->arguments[0].number, TIOCGPTPEER, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (tty < 0) return -errno;
  struct pollfd polled = {.fd = tty, .events = POLLIN};
  int count = 0;
  if (poll(&polled, 1, 0) > 0 && polled.revents & POLLIN && ioctl(tty, FIONREAD, &count) == 0 && count == 0) count = 1;
  close(tty);
  return count;
}

const struct export tty_exports[] = {
    {"tty_open_master", tty_open_master, {NO_ARGUMENT}},
    {"tty_pts_number", tty_pts_number, {INT}},
    {"tty_get_size", tty_get_size, {INT}},
    {"tty_set_size", tty_set_size, {INT, INT, INT}},
    {"tty_get_termios", tty_get_termios, {INT, BYTES}},
    {"tty_set_termios", tty_set_termios, {INT, BYTES}},
    {"tty_set_raw", tty_set_raw, {INT}},
    {"tty_clear_onlcr", tty_clear_onlcr, {INT}},
    {"tty_end_of_file", tty_end_of_file, {INT}},
    {"tty_unread_input", tty_unread_input, {INT}},
    {0},
};
