/*
 * What the files of the launcher share: containerd's call, and how a daemon is asked.
 */
#ifndef TERMSHIM_LAUNCHER_H
#define TERMSHIM_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOCKETS "/run/containerd/s"
/* What containerd calls the address of a daemon. The name of the socket ends with 16 hexadecimal digits. */
#define SCHEME "unix://"
#define ADDRESS_START SCHEME SOCKETS "/termshim-"

enum { HASH_DIGITS = 16, ADDRESS_LENGTH = sizeof ADDRESS_START - 1 + HASH_DIGITS };

/* An id of this length keeps every length in a frame below 128: one byte each. containerd's ids have at most 76. */
enum { MOST_ID = 90 };

struct program {
  const char *name;
  /* Below dist/bundle, without its ending. */
  const char *bundle;
};

/* Takes from the environment what is not for Node. False with errno. */
bool clean_environment(void);

/* Returns the exit status, if it returns. A lock goes on as `--lock-fd N`, before the other arguments; -1 is none. */
int execute_node(const struct program *program, int argc, char **argv, int lock);

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

/* Whether only root and this user may put something into it, or exchange it for another. */
bool is_trusted_directory(const char *path);

/* Interrupts each system call that still blocks when the time is up, and the next one: 0 ends it. */
void set_alarm(int ms);

/* What stdin said, if it `is_read`. */
struct question {
  bool is_read;
  uint8_t *bytes;
  size_t length;
  /* Whether the answer is to be a BootstrapResult, and not a bare address. */
  bool wants_result;
};

/* Reads stdin. False leaves the call to Node. */
bool read_question(const struct call *call, struct question *question);
bool write_answer(const struct question *question, const char *address);

/* Makes stdin begin anew, for Node. False with errno. */
bool give_back(const struct question *question);

/* What is left to Node: the descriptor of the lock that it inherits, -1 without one, and what it finds in stdin. */
struct rest {
  int lock;
  struct question question;
};

/* False leaves the call to Node. */
bool answer_start(const struct call *call, struct rest *rest);
bool answer_delete(const struct call *call);

#endif
