/* Unix stream sockets: listen, connect, send and receive descriptors (SCM_RIGHTS), the peer's uid. See unix(7),
 * cmsg(3). */
#include "addon.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* SCM_MAX_FD in include/net/scm.h: no message carries more, so no sender can make a buffer of this size too small. */
#define MOST_FDS 253

/* Returns 0, or -errno for a path that is no address. */
static int64_t address_of(const char *path, struct sockaddr_un *address) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
  /* An empty path would bind a name in the abstract namespace, which has no owner and no mode. */
  if (*path == 0) return -EINVAL;
  strcpy(address->sun_path, path);
  return 0;
}

static int64_t close_with(int fd, int64_t error) {
  close(fd);
  return error;
}

static int64_t socket_listen(struct call *call) {
  struct sockaddr_un address;
  mode_t mode = (mode_t)call->arguments[1].number;
  int64_t error = address_of(call->arguments[0].path, &address);
  if (error < 0) return error;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  /* bind(2) gives the file the mode of the socket's own inode, so there is no moment in which others can connect. */
  if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0)
    return close_with(fd, -errno);
  return fd_own(call->context, fd);
}

static int64_t socket_accept(struct call *call) {
  return fd_own(call->context, accept4(call->arguments[0].number, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static int64_t socket_connect(struct call *call) {
  struct sockaddr_un address;
  int64_t error = address_of(call->arguments[0].path, &address);
  if (error < 0) return error;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return close_with(fd, -errno);
  return fd_own(call->context, fd);
}

static int64_t socket_peer_uid(struct call *call) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(call->arguments[0].number, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
  return (int64_t)peer.uid;
}

/* Stores the descriptors of every SCM_RIGHTS in the message; returns how many there are. */
static size_t collect_fds(struct msghdr *message, int *fds) {
  size_t count = 0;
  for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    size_t here = (control->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
    memcpy(fds + count, CMSG_DATA(control), here * sizeof *fds);
    count += here;
  }
  return count;
}

static int64_t socket_receive_fd(struct call *call) {
  struct bytes data = call->arguments[1].bytes;
  if (data.length < 2) return -EINVAL;
  union {
    char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec vector = {.iov_base = data.data, .iov_len = data.length - 1};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t length = recvmsg(call->arguments[0].number, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (length < 0) return -errno;
  data.data[length] = 0;
  int fds[MOST_FDS];
  size_t count = collect_fds(&message, fds);
  if (count == 1 && !(message.msg_flags & MSG_CTRUNC)) return fd_own(call->context, fds[0]);
  for (size_t i = 0; i < count; i++)
    close(fds[i]);
  if (message.msg_flags & MSG_CTRUNC) return -EMSGSIZE;
  if (count > 1) return -E2BIG;
  return length == 0 ? -ENODATA : -EBADMSG;
}

/* Reads an array of descriptors. Returns how many there are, or -1 after a TypeError. */
static int value_to_fds(const struct call *call, napi_value array, int fds[static MOST_FDS]) {
  uint32_t count = 0;
  if (napi_get_array_length(call->env, array, &count) != napi_ok || count > MOST_FDS) {
    call_refuse(call, "an array of at most 253 descriptors was expected");
    return -1;
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    if (napi_get_element(call->env, array, i, &element) == napi_ok && value_to_int(call->env, element, &fds[i]))
      continue;
    call_refuse(call, "each descriptor must be a number");
    return -1;
  }
  return (int)count;
}

static int64_t socket_send_fds(struct call *call) {
  struct bytes data = call->arguments[1].bytes;
  int fds[MOST_FDS];
  int count = value_to_fds(call, call->arguments[2].value, fds);
  if (count < 0) return 0;
  union {
    char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec vector = {.iov_base = data.data, .iov_len = data.length};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (count > 0) {
    /* The kernel also reads the padding behind the last descriptor. */
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    size_t size = (size_t)count * sizeof *fds;
    message.msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), fds, size);
  }
  return answer(sendmsg(call->arguments[0].number, &message, MSG_NOSIGNAL));
}

const struct export socket_exports[] = {
    {"socket_listen", socket_listen, {PATH, INT}},
    {"socket_accept", socket_accept, {INT}},
    {"socket_connect", socket_connect, {PATH}},
    {"socket_peer_uid", socket_peer_uid, {INT}},
    {"socket_receive_fd", socket_receive_fd, {INT, BYTES}},
    {"socket_send_fds", socket_send_fds, {INT, BYTES, VALUE}},
    {0},
};
