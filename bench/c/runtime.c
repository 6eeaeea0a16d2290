/*
 * An OCI runtime for conmon that isolates nothing: it opens a pty, sends the master over the console socket as runc
 * does, and starts the program on the slave. conmon's copying is real, and no root is needed.
 *
 *   runtime PROGRAM MODE [BYTES] create --bundle DIR --pid-file FILE --console-socket SOCKET ID
 */
#define _GNU_SOURCE 1
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *option(char **argv, const char *name) {
  for (; *argv != NULL; argv++)
    if (strcmp(*argv, name) == 0 && argv[1] != NULL) return argv[1];
  errx(2, "%s is missing", name);
}

/* Returns once conmon has closed the connection: by then it has changed the terminal as it likes (it sets ONLCR). */
static void send_master(const char *path, int master) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {.bytes = {0}};
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct iovec vector = {.iov_base = "console", .iov_len = 7};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof master)};
  memcpy(CMSG_DATA(header), &master, sizeof master);
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char byte;
  if (strlen(path) >= sizeof address.sun_path) errx(2, "%s: too long", path);
  strcpy(address.sun_path, path);
  if (connect(connection, (struct sockaddr *)&address, sizeof address) < 0) err(1, "%s", path);
  if (sendmsg(connection, &message, 0) < 0 || read(connection, &byte, 1) < 0) err(1, "%s", path);
}

/* Starts the program, waits for its "ready" and returns its pid. */
static pid_t start(char **arguments) {
  int pipe_fds[2];
  char ready[6];
  if (pipe2(pipe_fds, O_CLOEXEC) < 0) err(1, "pipe2");
  pid_t child = fork();
  if (child < 0) err(1, "fork");
  if (child == 0) {
    setsid();
    dup2(pipe_fds[1], STDOUT_FILENO);
    execv(arguments[0], arguments);
    err(1, "%s", arguments[0]);
  }
  close(pipe_fds[1]);
  if (read(pipe_fds[0], ready, sizeof ready) != sizeof ready) errx(1, "the program is not ready");
  return child;
}

int main(int argc, char **argv) {
  char *arguments[8] = {NULL};
  int count = 0, given = 1;
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || unlockpt(master) < 0) err(1, "posix_openpt");
  for (; given < argc && given <= 3 && strcmp(argv[given], "create") != 0; given++) {
    arguments[count++] = argv[given];
    if (given == 2) arguments[count++] = ptsname(master);
  }
  if (count < 3) errx(2, "usage: runtime PROGRAM MODE [BYTES] create ...");
  /* The slave stays open until the program has it: without one, conmon would look for output ten times a second. */
  int slave = open(arguments[2], O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) err(1, "%s", arguments[2]);
  send_master(option(argv, "--console-socket"), master);
  pid_t child = start(arguments);
  FILE *file = fopen(option(argv, "--pid-file"), "w");
  if (file == NULL || fprintf(file, "%d", child) < 0 || fclose(file) != 0) err(1, "pid file");
  return 0;
}
