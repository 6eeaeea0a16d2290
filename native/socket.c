/* Unix stream sockets: listen, dial, descriptors by SCM_RIGHTS, the peer's uid. See unix(7), cmsg(3). */
#include "addon.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* SCM_MAX_FD in include/net/scm.h: no message carries more, so a buffer for them all cannot be cut off by a sender. */
#define MOST_FDS 253

static bool argument_address(struct call *call, struct sockaddr_un *address, int64_t *error) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (!argument_path(call, 0, address->sun_path, sizeof address->sun_path, error)) return false;
  /* An empty path would bind a name in the abstract namespace, which has no owner and no mode. */
  if (address->sun_path[0] == 0) *error = -EINVAL;
  return *error == 0;
}

static int64_t close_with(int fd, int64_t error) {
  close(fd);
  return error;
}

static int64_t socket_listen(struct call *call) {
  struct sockaddr_un address;
  int64_t error;
  int mode = argument_int(call, 1);
  if (!argument_address(call, &address, &error) || call->failed) return error;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  /* The mode of the socket's own inode is what bind(2) gives the file, so nobody can dial before a later chmod. */
  if (fchmod(fd, (mode_t)mode) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
      listen(fd, SOMAXCONN) < 0)
    return close_with(fd, -errno);
  return fd_own(call->context, fd);
}

static int64_t socket_accept(struct call *call) {
  int listener = argument_int(call, 0);
  return call->failed ? 0 : fd_own(call->context, accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static int64_t socket_connect(struct call *call) {
  struct sockaddr_un address;
  int64_t error;
  if (!argument_address(call, &address, &error)) return error;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return close_with(fd, -errno);
  return fd_own(call->context, fd);
}

static int64_t socket_peer_uid(struct call *call) {
  int fd = argument_int(call, 0);
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (call->failed) return 0;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ? -errno : (int64_t)peer.uid;
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
  int fd = argument_int(call, 0);
  struct bytes data = argument_bytes(call, 1);
  if (call->failed) return 0;
  if (data.length < 2) return -EINVAL;
  union {
    char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec vector = {.iov_base = data.data, .iov_len = data.length - 1};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
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

static uint32_t argument_fds(struct call *call, size_t index, int *fds) {
  napi_env env = call->env;
  napi_value array = call->arguments[index];
  uint32_t count = 0;
  if (napi_get_array_length(env, array, &count) != napi_ok || count > MOST_FDS) {
    argument_fail(call, "an array of at most 253 descriptors was expected");
    return 0;
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    if (napi_get_element(env, array, i, &element) != napi_ok || !value_to_int(env, element, &fds[i]))
      argument_fail(call, "each descriptor must be a number");
  }
  return count;
}

static int64_t socket_send_fds(struct call *call) {
  int socket = argument_int(call, 0);
  struct bytes data = argument_bytes(call, 1);
  int fds[MOST_FDS];
  uint32_t count = argument_fds(call, 2, fds);
  if (call->failed) return 0;
  union {
    char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec vector = {.iov_base = data.data, .iov_len = data.length};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (count > 0) {
    /* Zeroed because the padding behind the last descriptor is read by the kernel too. */
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
  }
  return answer(sendmsg(socket, &message, MSG_NOSIGNAL));
}

const struct export socket_exports[] = {
    {"socket_listen", socket_listen},
    {"socket_accept", socket_accept},
    {"socket_connect", socket_connect},
    {"socket_peer_uid", socket_peer_uid},
    {"socket_receive_fd", socket_receive_fd},
    {"socket_send_fds", socket_send_fds},
    {NULL, NULL},
};
