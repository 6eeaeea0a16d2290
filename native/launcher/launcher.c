/*
 * containerd-shim-termshim-v2, the program that containerd executes.
 *
 * Nearly every `start` finds the daemon of its namespace alive, and nearly every `delete` finds nothing left to do:
 * they are answered here, in a millisecond. All else is Node's, which needs tens of them only to begin: the first start
 * of a namespace, the `delete` after a crash, `-info`, and whatever is in any doubt. So nothing here reports an error,
 * except that Node cannot be executed.
 */
#include "launcher.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char **value_of(struct call *call, const char *flag) {
  if (strcmp(flag, "-namespace") == 0) return &call->namespace;
  if (strcmp(flag, "-address") == 0) return &call->address;
  if (strcmp(flag, "-publish-binary") == 0) return &call->publish_binary;
  if (strcmp(flag, "-id") == 0) return &call->id;
  if (strcmp(flag, "-bundle") == 0) return &call->bundle;
  return NULL;
}

/* Whether these are the words that containerd uses, and no others. */
static bool parse_call(char **argv, struct call *call) {
  char **at = argv + 1;
  for (; *at != NULL && **at == '-'; at++) {
    if (strcmp(*at, "-debug") == 0) continue;
    const char **value = value_of(call, *at);
    if (value == NULL || at[1] == NULL) return false;
    *value = *++at;
  }
  if (*at == NULL || at[1] != NULL) return false;
  call->verb = *at;
  if (call->namespace == NULL || call->address == NULL || call->id == NULL) return false;
  size_t length = strlen(call->id);
  return length > 0 && length <= MOST_ID;
}

/* False leaves it to Node. A bundle is named for `delete` alone. */
static bool answer(const struct call *call, struct rest *rest) {
  if (strcmp(call->verb, "start") == 0) return call->bundle == NULL && answer_start(call, rest);
  if (strcmp(call->verb, "delete") == 0) return call->bundle != NULL && answer_delete(call);
  return false;
}

static int fail(const char *what, const char *which) {
  fprintf(stderr, "containerd-shim-termshim-v2: %s %s: %s\n", what, which, strerror(errno));
  return 1;
}

/* dist/bundle/shim/main.cjs of the package in whose bin/ this program stands, whatever link it was executed by. */
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
  return (size_t)snprintf(into, size, "%s/dist/bundle/shim/main.cjs", self) < size;
}

/* Returns the exit status, if it returns. A lock goes on as `--lock-fd N`, before the arguments of containerd. */
static int execute_node(int argc, char **argv, const struct rest *rest) {
  char script[PATH_MAX];
  char number[12];
  const char *node = getenv("TERMSHIM_NODE");
  if (node == NULL || *node == 0) node = "node";
  if (!find_script(script, sizeof script) || access(script, R_OK) < 0)
    return fail("must stay in its package, where links may lead to it: cannot read", script);
  const char **arguments = calloc((size_t)argc + 5, sizeof *arguments);
  if (arguments == NULL || !give_back(&rest->question)) return fail("cannot execute", node);
  const char **next = arguments;
  *next++ = node;
  /* containerd reads stderr as a part of the answer. */
  *next++ = "--no-warnings";
  *next++ = script;
  if (rest->lock >= 0) {
    snprintf(number, sizeof number, "%d", rest->lock);
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
  struct call call = {0};
  struct rest rest = {.lock = -1};
  if (parse_call(argv, &call) && answer(&call, &rest)) return 0;
  return execute_node(argc, argv, &rest);
}
