/* Reads the arguments of a call, runs the function of the export, and returns its answer. */
#include "call.h"
#include "addon.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

int64_t call_refuse(const struct call *call, const char *message) {
  napi_throw_type_error(call->env, "ERR_INVALID_ARG_TYPE", message);
  return 0;
}

bool value_to_int(napi_env env, napi_value value, int32_t *result) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) return false;
  if (!(number >= INT32_MIN && number <= INT32_MAX)) return false;
  *result = (int32_t)number;
  return number == (double)*result;
}

int64_t answer(int64_t result) { return result < 0 ? -errno : result; }

static bool value_to_bytes(napi_env env, napi_value value, struct bytes *bytes) {
  napi_typedarray_type type;
  void *data = NULL;
  if (napi_get_typedarray_info(env, value, &type, &bytes->length, &data, NULL, NULL) != napi_ok) return false;
  bytes->data = data;
  return type == napi_uint8_array;
}

/* False for anything but a string. `*error` is set if the string is no path. */
static bool value_to_path(napi_env env, napi_value value, char path[static PATH_MAX], int64_t *error) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) return false;
  if (length >= PATH_MAX) {
    *error = -ENAMETOOLONG;
    return true;
  }
  napi_get_value_string_utf8(env, value, path, PATH_MAX, &length);
  if (strlen(path) != length) *error = -EINVAL;
  return true;
}

static const struct table *table_of(const struct context *context, enum kind kind) {
  switch (kind) {
  case PUMP:
    return &context->pumps.table;
  case RING:
    return &context->rings;
  case READER:
    return &context->readers;
  case ENCODER:
    return &context->encoders.table;
  default:
    return NULL;
  }
}

/* Reads one argument. Returns what its type should have been, or NULL. */
static const char *read_argument(struct call *call, enum kind kind, struct argument *argument, char *path,
                                 int64_t *error) {
  bool is_true = false;
  switch (kind) {
  case BOOL:
    if (napi_get_value_bool(call->env, argument->value, &is_true) != napi_ok) return "a boolean was expected";
    argument->number = is_true;
    return NULL;
  case BYTES:
    return value_to_bytes(call->env, argument->value, &argument->bytes) ? NULL : "a Uint8Array was expected";
  case PATH:
    argument->path = path;
    return value_to_path(call->env, argument->value, path, error) ? NULL : "a string was expected";
  case VALUE:
    return NULL;
  default:
    if (!value_to_int(call->env, argument->value, &argument->number)) return "a 32-bit integer was expected";
    if (kind == INT) return NULL;
    argument->item = table_get(table_of(call->context, kind), argument->number);
    if (argument->item == NULL) *error = -EINVAL;
    return NULL;
  }
}

napi_value call_export(napi_env env, napi_callback_info info) {
  napi_value values[MAX_ARGUMENTS], result;
  size_t count = MAX_ARGUMENTS;
  const struct export *entry;
  /* No export has two paths. */
  char path[PATH_MAX];
  struct call call;
  int64_t error = 0;
  call.env = env;
  if (napi_get_cb_info(env, info, &count, values, NULL, (void **)&entry) != napi_ok) return NULL;
  if (napi_get_instance_data(env, (void **)&call.context) != napi_ok) return NULL;
  for (size_t i = 0; i < MAX_ARGUMENTS && entry->kinds[i] != NO_ARGUMENT; i++) {
    call.arguments[i].value = values[i];
    const char *expected = read_argument(&call, entry->kinds[i], &call.arguments[i], path, &error);
    if (expected != NULL) {
      call_refuse(&call, expected);
      return NULL;
    }
  }
  int64_t value = error != 0 ? error : entry->run(&call);
  return napi_create_int64(env, value, &result) == napi_ok ? result : NULL;
}
