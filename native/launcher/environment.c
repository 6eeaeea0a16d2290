/*
 * The environment that Node gets. What loads code into Node, opens its debugger or moves its output is not for a
 * program that may run as root on behalf of somebody else. It is kept under other names, under which
 * src/os/process/node-program.ts finds it: the children of our programs, runtimes and drivers, get the environment as
 * it was.
 */
#include "launcher.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT "TERMSHIM_KEPT_"

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

/* src/os/process/node-program.ts has the same list. */
static bool is_for_node(const char *entry) {
  return starts_with(entry, "NODE_") || starts_with(entry, "LD_") || starts_with(entry, "OPENSSL_");
}

/* Ours alone: whoever sets the one would pass by sudo's list of forbidden names, and the other loads code for tests. */
static bool is_refused(const char *entry) { return starts_with(entry, KEPT) || starts_with(entry, "TERMSHIM_ADDON="); }

static char *kept(const char *entry) {
  size_t size = sizeof KEPT + strlen(entry);
  char *renamed = malloc(size);
  if (renamed != NULL) snprintf(renamed, size, KEPT "%s", entry);
  return renamed;
}

bool clean_environment(void) {
  size_t count = 0;
  while (environ[count] != NULL)
    count++;
  char **cleaned = calloc(count + 1, sizeof *cleaned);
  if (cleaned == NULL) return false;
  char **next = cleaned;
  for (size_t i = 0; i < count; i++) {
    if (is_refused(environ[i])) continue;
    *next = is_for_node(environ[i]) ? kept(environ[i]) : environ[i];
    if (*next++ == NULL) return false;
  }
  environ = cleaned;
  return true;
}
