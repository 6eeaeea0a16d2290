/* The export table, the arguments of a call, and the end of an environment. */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct export *const export_tables[] = {fd_exports,  epoll_exports,  pump_exports, ring_exports,
                                                     log_exports, socket_exports, tty_exports,  process_exports};

void argument_fail(struct call *call, const char *message) {
  if (!call->failed) napi_throw_type_error(call->env, "ERR_INVALID_ARG_TYPE", message);
  call->failed = true;
}

bool value_to_int(napi_env env, napi_value value, int32_t *result) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) return false;
  if (!(number >= INT32_MIN && number <= INT32_MAX)) return false;
  *result = (int32_t)number;
  return number == (double)*result;
}

int32_t argument_int(struct call *call, size_t index) {
  int32_t value = 0;
  if (value_to_int(call->env, call->arguments[index], &value)) return value;
  argument_fail(call, "a 32-bit integer was expected");
  return 0;
}

bool argument_bool(struct call *call, size_t index) {
  bool value = false;
  if (napi_get_value_bool(call->env, call->arguments[index], &value) != napi_ok)
    argument_fail(call, "a boolean was expected");
  return value;
}

struct bytes argument_bytes(struct call *call, size_t index) {
  napi_typedarray_type type;
  void *data = NULL;
  size_t length = 0;
  if (napi_get_typedarray_info(call->env, call->arguments[index], &type, &length, &data, NULL, NULL) != napi_ok ||
      type != napi_uint8_array) {
    argument_fail(call, "a Uint8Array was expected");
    return (struct bytes){NULL, 0};
  }
  return (struct bytes){data, length};
}

bool argument_path(struct call *call, size_t index, char *into, size_t size, int64_t *error) {
  size_t length = 0;
  *error = 0;
  if (napi_get_value_string_utf8(call->env, call->arguments[index], NULL, 0, &length) != napi_ok) {
    argument_fail(call, "a string was expected");
    return false;
  }
  if (length >= size) {
    *error = -ENAMETOOLONG;
    return false;
  }
  napi_get_value_string_utf8(call->env, call->arguments[index], into, size, &length);
  if (strlen(into) != length) *error = -EINVAL;
  return *error == 0;
}

int64_t answer(int64_t result) { return result < 0 ? -errno : result; }

static napi_value run_export(napi_env env, napi_callback_info info) {
  struct call call = {.env = env, .failed = false};
  size_t count = MAX_ARGUMENTS;
  void *data = NULL;
  napi_value result = NULL;
  if (napi_get_cb_info(env, info, &count, call.arguments, NULL, &data) != napi_ok) return NULL;
  if (napi_get_instance_data(env, (void **)&call.context) != napi_ok) return NULL;
  const struct export *entry = data;
  int64_t value = entry->run(&call);
  if (call.failed || napi_create_int64(env, value, &result) != napi_ok) return NULL;
  return result;
}

static void finish_teardown(struct context *context) {
  pump_teardown(context);
  ring_teardown(context);
  log_teardown(context);
  fd_teardown(context);
  napi_remove_async_cleanup_hook(context->cleanup);
  free(context);
}

/* The hook is asynchronous because libuv frees its handle one loop turn after uv_close; an open handle would abort the
 * process when the environment's loop is closed. */
static void teardown(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  epoll_teardown(data, finish_teardown);
}

NAPI_MODULE_INIT() {
  struct context *context = calloc(1, sizeof *context);
  if (context == NULL) {
    napi_throw_error(env, "ENOMEM", "cannot allocate the addon's state");
    return NULL;
  }
  context->env = env;
  context->pumps.first_free = -1;
  context->rings.first_free_ring = -1;
  context->rings.first_free_reader = -1;
  context->encoders.first_free = -1;
  if (napi_set_instance_data(env, context, NULL, NULL) != napi_ok ||
      napi_add_async_cleanup_hook(env, teardown, context, &context->cleanup) != napi_ok) {
    free(context);
    return NULL;
  }
  for (size_t table = 0; table < sizeof export_tables / sizeof *export_tables; table++) {
    for (const struct export *entry = export_tables[table]; entry->name != NULL; entry++) {
      napi_value function;
      if (napi_create_function(env, entry->name, NAPI_AUTO_LENGTH, run_export, (void *)entry, &function) != napi_ok ||
          napi_set_named_property(env, exports, entry->name, function) != napi_ok)
        return NULL;
    }
  }
  return exports;
}
