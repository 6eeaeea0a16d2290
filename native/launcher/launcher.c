/*
 * The programs of bin/. Each executes Node with its bundle (node.c), in an environment that is safe for Node
 * (environment.c).
 *
 * containerd-shim-termshim-v2 answers two calls itself, in about a millisecond: a `start` when the daemon of the
 * namespace runs, and a `delete` when nothing is left to do. These are nearly all calls. Node takes tens of
 * milliseconds only to start. It answers all others: the first start of a namespace, the `delete` after a crash,
 * `-info`, and every call that is in doubt. So nothing here reports an error, except that Node cannot be executed.
 */
#include "launcher.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char **value_of(struct call *call, const char *flag) {
  if (strcmp(flag, "-namespace") == 0) return &call->namespace;
  if (strcmp(flag, "-address") == 0) return &call->address;
  if (strcmp(flag, "-publish-binary") == 0) return &call->publish_binary;
  if (strcmp(flag, "-id") == 0) return &call->id;
  if (strcmp(flag, "-bundle") == 0) return &call->bundle;
  return NULL;
}

/* False if the arguments are not exactly those that containerd uses. */
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

/* False: Node must answer the call. containerd names a bundle only for `delete`. */
static bool answer(const struct call *call, struct rest *rest) {
  if (strcmp(call->verb, "start") == 0) return call->bundle == NULL && answer_start(call, rest);
  if (strcmp(call->verb, "delete") == 0) return call->bundle != NULL && answer_delete(call);
  return false;
}

/* The name of the program's own file says which program it is. Any other name, as of a build for tests, is the shim. */
static const struct program *find_program(void) {
  static const struct program programs[] = {
      {"containerd-shim-termshim-v2", "shim/main"},
      {"termshim", "cli/main"},
      {"termshim-runtime-pty", "cli/programs/runtime-pty"},
      {"termshim-log-driver", "cli/programs/log-driver"},
  };
  char self[PATH_MAX];
  const char *slash = find_self(self) ? strrchr(self, '/') : NULL;
  for (size_t i = 1; slash != NULL && i < sizeof programs / sizeof *programs; i++)
    if (strcmp(slash + 1, programs[i].name) == 0) return &programs[i];
  return &programs[0];
}

int main(int argc, char **argv) {
  const struct program *program = find_program();
  struct call call = {0};
  struct rest rest = {.lock = -1};
  bool is_shim = strcmp(program->bundle, "shim/main") == 0;
  if (is_shim && parse_call(argv, &call) && answer(&call, &rest)) return 0;
  if (!give_back(&rest.question)) {
    fprintf(stderr, "%s: cannot pass stdin on to Node.js: %s\n", program->name, strerror(errno));
    return 1;
  }
  return execute_node(program, argc, argv, rest.lock);
}
