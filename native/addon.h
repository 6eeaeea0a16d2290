/*
 * What the files of the addon share: the state of one JavaScript environment, the table of descriptors it owns, and how
 * a C function becomes an export.
 *
 * Every operation returns the kernel's answer or -errno, so that an expected EAGAIN costs no exception. Only an
 * argument of the wrong type throws. The contract of each export is documented where it is typed: src/native/addon.ts.
 */
#ifndef TERMSHIM_ADDON_H
#define TERMSHIM_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_ARGUMENTS 5
#define BLOCK_BYTES 65536

struct epoll_set;
struct pump;

/* A set of descriptors as a bitmap: a descriptor is a small number, and a set of 1000 is 128 bytes. */
struct fd_table {
  uint64_t *words;
  size_t word_count;
};

struct pump_table {
  struct pump *pumps;
  int32_t count;
  int32_t first_free;
  /* Blocks that wait to be lent to a pump whose sink is full. */
  void *free_blocks[16];
  int free_block_count;
  /* Every pump reads into this one; only what the sink refuses is moved to a block of its own. */
  uint8_t scratch[BLOCK_BYTES];
};

struct ring;
struct reader;

struct ring_table {
  struct ring *rings;
  int32_t ring_count;
  int32_t first_free_ring;
  struct reader *readers;
  int32_t reader_count;
  int32_t first_free_reader;
};

#define ASCII_COUNT 128

/* How a character stands in a JSON string. */
struct escape {
  uint8_t text[7];
  uint8_t length;
};

struct encoder;

struct encoder_table {
  /* Filled when there is a first encoder. */
  struct escape escapes[ASCII_COUNT];
  struct encoder *encoders;
  int32_t count;
  int32_t first_free;
};

/* One for each environment (the main thread, each worker); lives until the environment's cleanup hook has run. */
struct context {
  napi_env env;
  napi_async_cleanup_hook_handle cleanup;
  struct fd_table fds;
  struct epoll_set *epoll;
  struct pump_table pumps;
  struct ring_table rings;
  struct encoder_table encoders;
};

/* One call from JavaScript. `failed` means that an exception is pending and the result is not looked at. */
struct call {
  napi_env env;
  struct context *context;
  napi_value arguments[MAX_ARGUMENTS];
  bool failed;
};

struct bytes {
  uint8_t *data;
  size_t length;
};

struct export {
  const char *name;
  int64_t (*run)(struct call * call);
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

/* Throws a TypeError, unless one is pending already, and sets `failed`. */
void argument_fail(struct call *call, const char *message);
/* False for anything but a number that is a 32-bit integer. */
bool value_to_int(napi_env env, napi_value value, int32_t *result);
/* Arguments by index. A wrong type throws a TypeError, sets `failed` and gives a zero value. */
int32_t argument_int(struct call *call, size_t index);
bool argument_bool(struct call *call, size_t index);
struct bytes argument_bytes(struct call *call, size_t index);
/* Copies a path into `into`, which holds `size` bytes. False: it threw, or `*error` is -ENAMETOOLONG or -EINVAL. */
bool argument_path(struct call *call, size_t index, char *into, size_t size, int64_t *error);

/* Enters a new descriptor in the table and returns it, or closes it and returns -ENOMEM. Negative answers pass. */
int64_t fd_own(struct context *context, int fd_or_error);
/* `fd` if it is not negative, else -errno. */
int64_t answer(int64_t result);

/* The stop of a pump whose source has nothing now. */
#define PUMP_EMPTY 0
/* Runs a pump whose source is ready, unless its sink has to take something first. Returns what `pump_run` does. */
int64_t pump_serve(struct context *context, int32_t id, int32_t budget_us);

bool ring_exists(const struct ring_table *table, int32_t id);
/* Does nothing if there is no such ring any more. */
void ring_append(struct ring_table *table, int32_t id, const uint8_t *bytes, size_t length);

void fd_teardown(struct context *context);
void pump_teardown(struct context *context);
void ring_teardown(struct context *context);
void log_teardown(struct context *context);
/* Closes the set, then calls `done`: at once when there is none, else when libuv has let go of its handle. */
void epoll_teardown(struct context *context, void (*done)(struct context *context));

#endif
