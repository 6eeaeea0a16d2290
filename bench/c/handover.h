/* The C side of the protocol of bench/peers/serve.ts: how a console comes to a peer. */
#ifndef BENCH_HANDOVER_H
#define BENCH_HANDOVER_H

#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int listen_on(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (strlen(path) >= sizeof address.sun_path) errx(2, "%s: too long", path);
  strcpy(address.sun_path, path);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 128) < 0) err(1, "%s", path);
  return listener;
}

/* The master, non-blocking, and the paths as a string of lines. */
static int receive_master(int connection, char *paths, size_t size) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec vector = {.iov_base = paths, .iov_len = size - 1};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  int master;
  ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  if (length <= 0 || CMSG_FIRSTHDR(&message) == NULL) errx(1, "no descriptor came");
  paths[length] = 0;
  memcpy(&master, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof master);
  if (fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0) err(1, "O_NONBLOCK");
  return master;
}

#endif
