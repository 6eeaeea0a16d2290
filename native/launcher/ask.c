/*
 * Sends one ttrpc request to the daemon and reads its response. Each is one frame.
 */
#include "launcher.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { FRAME_HEADER = 10 };

static void on_alarm(int number) { (void)number; }

void set_alarm(int ms) {
  struct itimerval timer = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
  if (ms > 0) timer.it_interval.tv_usec = 20000;
  sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
  setitimer(ITIMER_REAL, &timer, NULL);
}

static bool connect_to(int fd, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  return connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static bool send_request(int fd, const char *method, const char *id) {
  char frame[FRAME_HEADER + 40 + MOST_ID];
  uint8_t id_length = (uint8_t)strlen(id);
  /* Request{service 1, method 2, payload 3}, and in the payload {id 1}. */
  int length =
      snprintf(frame + FRAME_HEADER, sizeof frame - FRAME_HEADER, "\x0a\x10termshim.v1.Shim\x12%c%s\x1a%c\x0a%c%s",
               (uint8_t)strlen(method), method, id_length + 2, id_length, id);
  /* Length and stream id, big endian; a request; no flags. */
  memcpy(frame, (uint8_t[FRAME_HEADER]){0, 0, 0, (uint8_t)length, 0, 0, 0, 1, 1, 0}, FRAME_HEADER);
  ssize_t size = FRAME_HEADER + length;
  return send(fd, frame, (size_t)size, MSG_NOSIGNAL) == size;
}

/* A yes is a Response without a status (field 1), whose payload (field 2) is empty or left out. */
static bool receive_yes(int fd) {
  uint8_t answer[FRAME_HEADER + 2];
  const uint8_t bare[FRAME_HEADER] = {0, 0, 0, 0, 0, 0, 0, 1, 2, 0};
  const uint8_t written[FRAME_HEADER + 2] = {0, 0, 0, 2, 0, 0, 0, 1, 2, 0, 0x12, 0};
  if (recv(fd, answer, FRAME_HEADER, MSG_WAITALL) != FRAME_HEADER) return false;
  if (memcmp(answer, bare, FRAME_HEADER) == 0) return true;
  if (memcmp(answer, written, FRAME_HEADER) != 0) return false;
  return recv(fd, answer + FRAME_HEADER, 2, MSG_WAITALL) == 2 && memcmp(answer, written, sizeof written) == 0;
}

/* A daemon that ends removes its socket first, so a connection that breaks may mean that no daemon runs any more. */
static enum answer converse(int fd, const char *path, const char *method, const char *id) {
  if (connect_to(fd, path) && send_request(fd, method, id) && receive_yes(fd)) return ANSWER_YES;
  return access(path, F_OK) < 0 && errno == ENOENT ? ANSWER_NO_DAEMON : ANSWER_UNKNOWN;
}

enum answer ask_daemon(const char *address, const char *method, const char *id, int timeout_ms) {
  if (access(SOCKETS, F_OK) < 0 && errno == ENOENT) return ANSWER_NO_DAEMON;
  if (!is_trusted_directory(SOCKETS)) return ANSWER_UNKNOWN;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ANSWER_UNKNOWN;
  set_alarm(timeout_ms);
  enum answer answer = converse(fd, address + strlen(SCHEME), method, id);
  set_alarm(0);
  close(fd);
  return answer;
}
