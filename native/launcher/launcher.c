/*
 * containerd-shim-termshim-v2, the program that containerd executes.
 *
 * Nearly every `start` finds the daemon of its namespace alive, and is answered here, in a millisecond. All else is
 * Node's, which needs tens of them only to begin: the first start of a namespace, `delete`, `-info`, and whatever is in
 * any doubt. So nothing here reports an error, except that Node cannot be executed.
 *
 * The socket's name is that of src/shim/address.ts, and the call is Reserve of proto/termshim/shim.proto, in one frame
 * of ttrpc.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKETS "/run/containerd/s"
#define SCHEME "unix://"

/* An id of this length keeps every length in a frame below 128: one byte each. containerd's ids have at most 76. */
enum { MOST_ID = 90, FRAME_HEADER = 10, TALK_MS = 2000, LOCK_MS = 10000 };

struct start {
  const char *namespace;
  const char *address;
  const char *publish_binary;
  const char *id;
};

/* Interrupts each system call that still blocks when the time is up, and the next one: 0 ends it. */
static void set_alarm(int ms) {
  struct itimerval timer = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
  if (ms > 0) timer.it_interval.tv_usec = 20000;
  setitimer(ITIMER_REAL, &timer, NULL);
}

static void on_alarm(int number) { (void)number; }

static const char **value_of(struct start *start, const char *flag) {
  if (strcmp(flag, "-namespace") == 0) return &start->namespace;
  if (strcmp(flag, "-address") == 0) return &start->address;
  if (strcmp(flag, "-publish-binary") == 0) return &start->publish_binary;
  if (strcmp(flag, "-id") == 0) return &start->id;
  return NULL;
}

/* Whether this is a `start` in the words that containerd uses, and no others. */
static bool parse_start(char **argv, struct start *start) {
  char **at = argv + 1;
  for (; *at != NULL && **at == '-'; at++) {
    if (strcmp(*at, "-debug") == 0) continue;
    const char **value = value_of(start, *at);
    if (value == NULL || at[1] == NULL) return false;
    *value = *++at;
  }
  if (*at == NULL || strcmp(*at, "start") != 0 || at[1] != NULL) return false;
  if (start->namespace == NULL || start->address == NULL || start->id == NULL) return false;
  size_t length = strlen(start->id);
  return length > 0 && length <= MOST_ID;
}

/* Node reads the other groups: a pod's name stands in config.json, and a container of its own never finds a daemon. */
static bool is_grouped_by_namespace(void) {
  const char *group = getenv("TERMSHIM_GROUP");
  return group == NULL || *group == 0 || strcmp(group, "namespace") == 0;
}

/* FNV-1a; the zero byte behind the text counts, so that the end of one and the beginning of the next do not mix. */
static uint64_t hash_text(uint64_t hash, const char *text) {
  do
    hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
  while (*text++ != 0);
  return hash;
}

/* `unix://PATH`. Behind the namespace's zero byte the group would stand, which is empty. */
static void format_answer(const struct start *start, char *into, size_t size) {
  uint64_t hash = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), start->address), start->namespace);
  snprintf(into, size, SCHEME SOCKETS "/termshim-%016" PRIx64, hash);
}

static bool connect_to(int fd, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  return connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

static bool send_request(int fd, const char *id) {
  char frame[FRAME_HEADER + 40 + MOST_ID];
  uint8_t id_length = (uint8_t)strlen(id);
  /* Request{service 1, method 2, payload 3}, and in the payload ReserveRequest{id 1}. */
  int length = snprintf(frame + FRAME_HEADER, sizeof frame - FRAME_HEADER,
                        "\x0a\x10termshim.v1.Shim\x12\x07Reserve\x1a%c\x0a%c%s", id_length + 2, id_length, id);
  /* Length and stream id, big endian; a request; no flags. */
  memcpy(frame, (uint8_t[FRAME_HEADER]){0, 0, 0, (uint8_t)length, 0, 0, 0, 1, 1, 0}, FRAME_HEADER);
  ssize_t size = FRAME_HEADER + length;
  return send(fd, frame, (size_t)size, MSG_NOSIGNAL) == size;
}

/* Yes is a Response with an empty payload (field 2), written or left out, and no status (field 1). */
static bool receive_yes(int fd) {
  uint8_t answer[FRAME_HEADER + 2];
  const uint8_t bare[FRAME_HEADER] = {0, 0, 0, 0, 0, 0, 0, 1, 2, 0};
  const uint8_t written[FRAME_HEADER + 2] = {0, 0, 0, 2, 0, 0, 0, 1, 2, 0, 0x12, 0};
  if (recv(fd, answer, FRAME_HEADER, MSG_WAITALL) != FRAME_HEADER) return false;
  if (memcmp(answer, bare, FRAME_HEADER) == 0) return true;
  if (memcmp(answer, written, FRAME_HEADER) != 0) return false;
  return recv(fd, answer + FRAME_HEADER, 2, MSG_WAITALL) == 2 && memcmp(answer, written, sizeof written) == 0;
}

/* Whether a living daemon promises to stay until this container is created. */
static bool reserve(const char *path, const char *id) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  set_alarm(TALK_MS);
  bool is_reserved = connect_to(fd, path) && send_request(fd, id) && receive_yes(fd);
  set_alarm(0);
  close(fd);
  return is_reserved;
}

/* containerd 1.6 finds the daemon by this file in the bundle, its working directory, after it was started again. */
static bool write_address(const char *answer) {
  ssize_t length = (ssize_t)strlen(answer);
  int fd = open(".address", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool is_written = write(fd, answer, (size_t)length) == length;
  return close(fd) == 0 && is_written && rename(".address", "address") == 0;
}

static bool answer_start(const char *id, const char *answer) {
  ssize_t length = (ssize_t)strlen(answer);
  return reserve(answer + strlen(SCHEME), id) && write_address(answer) && write(1, answer, (size_t)length) == length;
}

/*
 * Only one at a time may find that there is no daemon, and start it. The lock is on the directory, so that no file of
 * it stays; Node inherits it. Returns -1 if it was not to be had: Node says why.
 */
static int lock_sockets(void) {
  mkdir("/run/containerd", 0711);
  mkdir(SOCKETS, 0700);
  int fd = open(SOCKETS, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return -1;
  set_alarm(LOCK_MS);
  bool is_locked = flock(fd, LOCK_EX) == 0;
  set_alarm(0);
  if (is_locked) return fd;
  close(fd);
  return -1;
}

static int fail(const char *what, const char *which) {
  fprintf(stderr, "containerd-shim-termshim-v2: %s %s: %s\n", what, which, strerror(errno));
  return 1;
}

/* dist/src/shim/main.js of the package in whose bin/ this program stands, whatever link it was executed by. */
static bool find_script(char *into, size_t size) {
  char self[PATH_MAX];
  *into = 0;
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) return false;
  self[length] = 0;
  for (int level = 0; level < 2; level++) {
    char *slash = strrchr(self, '/');
    if (slash == NULL) return false;
    *slash = 0;
  }
  return (size_t)snprintf(into, size, "%s/dist/src/shim/main.js", self) < size;
}

/* Returns the exit status, if it returns. A lock goes on as `--lock-fd N`, before the arguments of containerd. */
static int execute_node(int argc, char **argv, int lock) {
  char script[PATH_MAX];
  char number[12];
  const char *node = getenv("TERMSHIM_NODE");
  if (node == NULL || *node == 0) node = "node";
  if (!find_script(script, sizeof script) || access(script, R_OK) < 0)
    return fail("must stay in its package, where links may lead to it: cannot read", script);
  const char **arguments = calloc((size_t)argc + 5, sizeof *arguments);
  if (arguments == NULL) return fail("cannot execute", node);
  const char **next = arguments;
  *next++ = node;
  /* containerd reads stderr as a part of the answer. */
  *next++ = "--no-warnings";
  *next++ = script;
  if (lock >= 0) {
    snprintf(number, sizeof number, "%d", lock);
    *next++ = "--lock-fd";
    *next++ = number;
  }
  for (int i = 1; i < argc; i++)
    *next++ = argv[i];
  /* Node 20 reads these files whenever it starts, for 40 ms; nobody here speaks TLS. */
  unsetenv("NODE_EXTRA_CA_CERTS");
  execvp(node, (char **)arguments);
  int status = fail("cannot execute Node.js (TERMSHIM_NODE, or node in PATH):", node);
  free(arguments);
  return status;
}

int main(int argc, char **argv) {
  struct start start = {0};
  int lock = -1;
  if (is_grouped_by_namespace() && parse_start(argv, &start)) {
    char answer[sizeof SCHEME SOCKETS "/termshim-0123456789abcdef"];
    format_answer(&start, answer, sizeof answer);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
    if (answer_start(start.id, answer)) return 0;
    lock = lock_sockets();
    if (lock >= 0 && answer_start(start.id, answer)) return 0;
  }
  return execute_node(argc, argv, lock);
}
