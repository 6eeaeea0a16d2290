/*
 * What the files of the launcher share: a call of containerd, and a request to a daemon.
 */
#ifndef TERMSHIM_LAUNCHER_H
#define TERMSHIM_LAUNCHER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOCKETS "/run/containerd/s"
/* containerd's form of a daemon's address. The name of the socket ends with 16 hexadecimal digits. */
#define SCHEME "unix://"
#define ADDRESS_START SCHEME SOCKETS "/termshim-"

enum { HASH_DIGITS = 16, ADDRESS_LENGTH = sizeof ADDRESS_START - 1 + HASH_DIGITS };

/* With an id of at most this length, every length in a frame is below 128 and takes one byte. containerd's ids have at
 * most 76 bytes. */
enum { MOST_ID = 90 };

struct program {
  const char *name;
  /* The path of its bundle below dist/bundle, without `.cjs`. */
  const char *bundle;
};

/* Stores the path of this program's own file, or of the link's target if it was executed by a link. */
bool find_self(char path[static PATH_MAX]);

/* Hides from Node the variables that would change how it runs (environment.c). False with errno. */
bool clean_environment(void);

/* Returns an exit status if Node cannot be executed. Node gets a lock as `--lock-fd N`, before the other arguments; -1
 * means that there is none. */
int execute_node(const struct program *program, int argc, char **argv, int lock);

/* The arguments that containerd gives. One that it left out is NULL. */
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
  /* There is no socket: no daemon runs. */
  ANSWER_NO_DAEMON,
  /* Anything else. */
  ANSWER_UNKNOWN,
};

/* Calls a method of proto/termshim/shim.proto whose request is {id 1}. A response without an error and without fields
 * is a yes. */
enum answer ask_daemon(const char *address, const char *method, const char *id, int timeout_ms);

/* Whether nobody but root and this user can change the directory or replace it. */
bool is_trusted_directory(const char *path);

/* When the time is up, interrupts the system call that blocks, and each later one that blocks. 0 switches it off. */
void set_alarm(int ms);

/* What was read from stdin, if it `is_read`. */
struct question {
  bool is_read;
  uint8_t *bytes;
  size_t length;
  /* Whether containerd expects a BootstrapResult, and not a bare address. */
  bool wants_result;
};

/* Reads stdin. False: Node must answer the call. */
bool read_question(const struct call *call, struct question *question);
bool write_answer(const struct question *question, const char *address);

/* Replaces stdin by a file with what was read from it, for Node. False with errno. */
bool give_back(const struct question *question);

/* What Node gets if it must answer the call: the descriptor of a lock (-1 for none), and the bytes of stdin. */
struct rest {
  int lock;
  struct question question;
};

/* False: Node must answer the call. */
bool answer_start(const struct call *call, struct rest *rest);
bool answer_delete(const struct call *call);

#endif
