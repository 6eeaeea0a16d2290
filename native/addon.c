/* Registers the exports, and creates and frees the state of an environment. */
#include "addon.h"

#include <stdlib.h>

static const struct export *const export_tables[] = {fd_exports,  epoll_exports,  pump_exports, ring_exports,
                                                     log_exports, socket_exports, tty_exports,  process_exports};

static void finish_teardown(struct context *context) {
  pump_teardown(context);
  ring_teardown(context);
  log_teardown(context);
  fd_teardown(context);
  napi_remove_async_cleanup_hook(context->cleanup);
  free(context);
}

/* The hook is asynchronous because libuv frees its handle one loop turn after uv_close. If the handle were still open
 * when the environment's loop is closed, the process would abort. */
static void teardown(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  epoll_teardown(data, finish_teardown);
}

static struct context *create_context(napi_env env) {
  struct context *context = calloc(1, sizeof *context);
  if (context == NULL) {
    napi_throw_error(env, "ENOMEM", "cannot allocate the addon's state");
    return NULL;
  }
  context->env = env;
  pump_setup(context);
  ring_setup(context);
  log_setup(context);
  if (napi_set_instance_data(env, context, NULL, NULL) == napi_ok &&
      napi_add_async_cleanup_hook(env, teardown, context, &context->cleanup) == napi_ok)
    return context;
  free(context);
  return NULL;
}

static bool export_functions(napi_env env, napi_value exports, const struct export *entry) {
  for (; entry->name != NULL; entry++) {
    napi_value function;
    if (napi_create_function(env, entry->name, NAPI_AUTO_LENGTH, call_export, (void *)entry, &function) != napi_ok ||
        napi_set_named_property(env, exports, entry->name, function) != napi_ok)
      return false;
  }
  return true;
}

/* An object with the number of each name. */
static bool export_names(napi_env env, napi_value exports, const char *property, const char *const *names, int count) {
  napi_value object, number;
  if (napi_create_object(env, &object) != napi_ok) return false;
  for (int i = 0; i < count; i++)
    if (napi_create_int32(env, i, &number) != napi_ok ||
        napi_set_named_property(env, object, names[i], number) != napi_ok)
      return false;
  return napi_set_named_property(env, exports, property, object) == napi_ok;
}

NAPI_MODULE_INIT() {
  if (create_context(env) == NULL) return NULL;
  for (size_t table = 0; table < sizeof export_tables / sizeof *export_tables; table++)
    if (!export_functions(env, exports, export_tables[table])) return NULL;
  if (!export_names(env, exports, "pump_stops", stop_names, STOP_COUNT) ||
      !export_names(env, exports, "log_formats", log_format_names, FORMAT_COUNT))
    return NULL;
  return exports;
}
