/*
 * The environment that Node gets. Some variables load code into Node, open its debugger or redirect its output. Our
 * programs may run as root for another user, so Node must not see these variables. They are renamed, and
 * src/os/process/node-program.ts gives them their old names for the children of our programs (runtimes, log drivers).
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

/* Nobody may set these. A renamed variable would get past sudo's list of forbidden names; TERMSHIM_ADDON loads code,
 * for tests. */
static bool is_refused(const char *entry) { return starts_with(entry, KEPT) || starts_with(entry, "TERMSHIM_ADDON="); }

static char *renamed(const char *entry) {
  size_t size = sizeof KEPT + strlen(entry);
  char *copy = malloc(size);
  if (copy != NULL) snprintf(copy, size, KEPT "%s", entry);
  return copy;
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
    *next = is_for_node(environ[i]) ? renamed(environ[i]) : environ[i];
    if (*next++ == NULL) return false;
  }
  environ = cleaned;
  return true;
}
