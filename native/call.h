/*
 * A call from JavaScript. Each export names the kinds of its arguments. They are all read before its function runs, and
 * the function is not run if one of them is wrong.
 */
#ifndef TERMSHIM_CALL_H
#define TERMSHIM_CALL_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_ARGUMENTS 5

struct context;

/* A value of another type than these throws a TypeError. */
enum kind {
  /* Ends the list of an export's kinds. */
  NO_ARGUMENT,
  /* A number that is a 32-bit integer. */
  INT,
  BOOL,
  /* A Uint8Array. */
  BYTES,
  /* At most PATH_MAX - 1 bytes, else -ENAMETOOLONG; -EINVAL if there is a zero byte among them. */
  PATH,
  /* The number of an item in a table of the context; -EINVAL if there is no such item. */
  PUMP,
  RING,
  READER,
  ENCODER,
  /* Anything: the function reads it. */
  VALUE,
};

struct bytes {
  uint8_t *data;
  size_t length;
};

struct argument {
  napi_value value;
  /* An INT, the number of an item, or a BOOL as 0 or 1. */
  int32_t number;
  union {
    /* Valid until the function returns. */
    struct bytes bytes;
    const char *path;
    /* Valid until another item is added to the same table. */
    void *item;
  };
};

struct call {
  napi_env env;
  struct context *context;
  struct argument arguments[MAX_ARGUMENTS];
};

struct export {
  const char *name;
  /* Returns what JavaScript gets: the kernel's answer, or -errno. */
  int64_t (*run)(struct call *);
  enum kind kinds[MAX_ARGUMENTS + 1];
};

/* Runs the export that is the callback's data. */
napi_value call_export(napi_env env, napi_callback_info info);
/* For a VALUE that is of no use: throws a TypeError. Returns 0. */
int64_t call_refuse(const struct call *call, const char *message);
/* False for anything but a number that is a 32-bit integer. */
bool value_to_int(napi_env env, napi_value value, int32_t *result);
/* `result` if it is not negative, else -errno. */
int64_t answer(int64_t result);

#endif
