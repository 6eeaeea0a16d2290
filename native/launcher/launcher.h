/*
 * What the files of the launcher share: containerd's call, and how a daemon is asked.
 */
#ifndef TERMSHIM_LAUNCHER_H
#define TERMSHIM_LAUNCHER_H

#include <stdbool.h>

#define SOCKETS "/run/containerd/s"
/* What containerd calls the address of a daemon. The name of the socket ends with 16 hexadecimal digits. */
#define SCHEME "unix://"
#define ADDRESS_START SCHEME SOCKETS "/termshim-"

enum { HASH_DIGITS = 16, ADDRESS_LENGTH = sizeof ADDRESS_START - 1 + HASH_DIGITS };

/* An id of this length keeps every length in a frame below 128: one byte each. containerd's ids have at most 76. */
enum { MOST_ID = 90 };

/* containerd's words, each behind its flag; NULL for what it left out. */
struct call {
  const char *namespace;
  const char *address;
  const char *publish_binary;
  const char *id;
  const char *bundle;
  const char *verb;
};

enum answer {
  ANSWER_YES,
  /* There is no socket: the daemon has ended, as it should. */
  ANSWER_NOBODY,
  ANSWER_DOUBT,
};

/* Calls a method of proto/termshim/shim.proto whose request is {id 1}. Yes is an answer in which nothing is set. */
enum answer ask_daemon(const char *address, const char *method, const char *id, int timeout_ms);

/* Interrupts each system call that still blocks when the time is up, and the next one: 0 ends it. */
void set_alarm(int ms);

/* False leaves the call to Node. The lock that Node is to inherit is left in `lock`, if it was taken. */
bool answer_start(const struct call *call, int *lock);
bool answer_delete(const struct call *call);

#endif
