/*
 * What the files of the addon share: the state of one JavaScript environment, the exports, and the functions that one
 * file calls in another.
 *
 * Every export returns the kernel's answer or -errno, so that an expected EAGAIN costs no exception. Only an argument
 * of the wrong type throws. The contract of each export is documented where it is typed: src/native/addon.ts.
 */
#ifndef TERMSHIM_ADDON_H
#define TERMSHIM_ADDON_H

#include "call.h"
#include "table.h"

#define BLOCK_BYTES 65536
#define ASCII_COUNT 128

struct epoll_set;

/* A set of descriptors as a bitmap: a descriptor is a small number, and a set of 1000 takes 128 bytes. */
struct owned_fds {
  uint64_t *words;
  size_t word_count;
};

struct pumps {
  struct table table;
  /* Blocks that no pump needs at the moment. */
  void *free_blocks[16];
  int free_block_count;
  /* Every pump reads into this block. What the sink refuses is moved to a block of the pump. */
  uint8_t scratch[BLOCK_BYTES];
};

/* How a character is written in a JSON string. */
struct escape {
  uint8_t text[7];
  uint8_t length;
};

struct encoders {
  struct table table;
  struct escape escapes[ASCII_COUNT];
};

/* There is one for each environment (the main thread, each worker). The environment's cleanup hook frees it. */
struct context {
  napi_env env;
  napi_async_cleanup_hook_handle cleanup;
  struct owned_fds fds;
  struct epoll_set *epoll;
  struct pumps pumps;
  struct table rings;
  struct table readers;
  struct encoders encoders;
};

/* Each file's exports end with a null name. */
extern const struct export fd_exports[];
extern const struct export epoll_exports[];
extern const struct export pump_exports[];
extern const struct export ring_exports[];
extern const struct export log_exports[];
extern const struct export socket_exports[];
extern const struct export tty_exports[];
extern const struct export process_exports[];

/* Why a pump, or the write of a ring's reader, stopped. PumpStop in src/native/addon.ts says what each one means. */
enum stop {
  STOP_EMPTY,
  STOP_END,
  STOP_HANGUP,
  STOP_FULL,
  STOP_BROKEN,
  STOP_BUDGET,
  STOP_SOURCE_ERROR,
  STOP_SINK_ERROR,
  STOP_LOST,
  STOP_COUNT,
};

/* How an entry of a log looks. LogFormat in src/native/addon.ts shows both. */
enum log_format { FORMAT_JSON_FILE, FORMAT_CRI, FORMAT_COUNT };

/* The names of both enums in TypeScript. The addon exports them, and a test compares them with those in addon.ts. */
extern const char *const stop_names[STOP_COUNT];
extern const char *const log_format_names[FORMAT_COUNT];

/* Whether the copying has stopped, and why; `error` is the errno of an error. */
struct outcome {
  bool stopped;
  enum stop stop;
  int error;
};

/* What JavaScript gets of it. */
int64_t outcome_answer(struct outcome outcome);
/* Writes once. `*taken` is how many bytes the sink took: at least one, unless the outcome is a stop. */
struct outcome write_some(int sink, const uint8_t *bytes, size_t length, size_t *taken);
/* Runs a pump whose source is ready. Does nothing if its sink has to take something first, or if there is no such pump.
 * Returns what `pump_run` returns. */
int64_t pump_serve(struct context *context, int32_t id, int32_t budget_us);
/* Does nothing if there is no such ring. */
void ring_append(struct context *context, int32_t id, const uint8_t *bytes, size_t length);

/* Enters a new descriptor in the set of owned ones and returns it, or closes it and returns -ENOMEM. If the argument is
 * negative, it returns -errno. */
int64_t fd_own(struct context *context, int fd_or_error);

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* json-text.c: at most six bytes are written for each byte of text. Both functions return the end of what they wrote or
 * scanned. */
void fill_escapes(struct escape escapes[static ASCII_COUNT]);
/* Writes text as the inside of a JSON string, without the quotes. What is not UTF-8 becomes U+FFFD. */
uint8_t *put_json_text(uint8_t *at, const struct escape *escapes, const uint8_t *bytes, size_t length);
/* How many bytes a character has that begins with `lead`; 1 if no character begins with it. */
size_t character_length(uint8_t lead);

/* Each prepares its part of a context that is all zeros. */
void pump_setup(struct context *context);
void ring_setup(struct context *context);
void log_setup(struct context *context);

void fd_teardown(struct context *context);
void pump_teardown(struct context *context);
void ring_teardown(struct context *context);
void log_teardown(struct context *context);
/* Closes the set, then calls `done`: at once if there is no set, else when libuv has closed its handle. */
void epoll_teardown(struct context *context, void (*done)(struct context *context));

#endif
