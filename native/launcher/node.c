/*
 * Executes Node with the bundle of this program.
 */
#include "launcher.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * SIGUSR1 opens Node's debugger to every user of the machine, and Node 20 has no option against it. Nothing can listen
 * at this address, which is link-local and names no interface (EINVAL). src/os/process/node-program.ts has the same.
 */
#define NO_DEBUGGER "--inspect-port=[fe80::1]:9229"

/* The usual directories of Node. A shim starts a log driver without PATH. */
static const char *const usual[] = {"/usr/local/bin/", "/usr/bin/", "/bin/"};

static int fail(const struct program *program, const char *what, const char *which) {
  fprintf(stderr, "%s: %s %s: %s\n", program->name, what, which, strerror(errno));
  return 1;
}

bool find_self(char path[static PATH_MAX]) {
  ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = 0;
  return length >= 0;
}

/* This program is in bin/ of its package; the script is in dist/bundle/ of the same package. */
static bool find_script(const struct program *program, char *into, size_t size) {
  char self[PATH_MAX];
  *into = 0;
  if (!find_self(self)) return false;
  for (int level = 0; level < 2; level++) {
    char *slash = strrchr(self, '/');
    if (slash == NULL) return false;
    *slash = 0;
  }
  return (size_t)snprintf(into, size, "%s/dist/bundle/%s.cjs", self, program->bundle) < size;
}

static void execute_in(const char *directory, int length, const char *node, char **arguments) {
  char path[PATH_MAX];
  if ((size_t)snprintf(path, sizeof path, "%.*s%s", length, directory, node) < sizeof path) execv(path, arguments);
}

/* Looks for Node beside this program (or the link to it), then in PATH, then in the usual directories. */
static void execute(const char *self, const char *node, char **arguments) {
  const char *slash = strrchr(self, '/');
  bool is_path = strchr(node, '/') != NULL;
  if (slash != NULL && !is_path) execute_in(self, (int)(slash - self) + 1, node, arguments);
  execvp(node, arguments);
  for (size_t i = 0; !is_path && i < sizeof usual / sizeof *usual; i++)
    execute_in(usual[i], (int)strlen(usual[i]), node, arguments);
}

int execute_node(const struct program *program, int argc, char **argv, int lock) {
  char script[PATH_MAX];
  char number[12];
  sigset_t debugging;
  const char *node = getenv("TERMSHIM_NODE");
  if (node == NULL || *node == 0) node = "node";
  if (!find_script(program, script, sizeof script) || access(script, R_OK) < 0)
    return fail(program, "cannot find its package (to run it from elsewhere, make a link to it): cannot read", script);
  const char **arguments = calloc((size_t)argc + 6, sizeof *arguments);
  if (arguments == NULL || !clean_environment()) return fail(program, "cannot execute", node);
  const char **next = arguments;
  *next++ = node;
  *next++ = NO_DEBUGGER;
  /* containerd reads stderr as part of the answer. */
  *next++ = "--no-warnings";
  *next++ = script;
  if (lock >= 0) {
    snprintf(number, sizeof number, "%d", lock);
    *next++ = "--lock-fd";
    *next++ = number;
  }
  for (int i = 1; i < argc; i++)
    *next++ = argv[i];
  /* Without this, a SIGUSR1 that comes before Node has its handler would end the program. */
  sigemptyset(&debugging);
  sigaddset(&debugging, SIGUSR1);
  sigprocmask(SIG_BLOCK, &debugging, NULL);
  execute(argv[0], node, (char **)arguments);
  int status = fail(program, "cannot execute Node.js (TERMSHIM_NODE, or node in PATH):", node);
  free(arguments);
  return status;
}
