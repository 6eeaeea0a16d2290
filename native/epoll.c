/*
 * One edge-triggered epoll set for each environment. The descriptor of the set is readable while an event waits
 * (epoll(7)), so one uv_poll_t watches all descriptors. This needs no thread, and one call into JavaScript for a whole
 * batch of events.
 *
 * A pump may serve a descriptor. When the descriptor is readable, the pump is run here, and JavaScript gets an event
 * only if the pump stopped for another reason than an empty source. So a key that is typed and echoed never reaches
 * JavaScript.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#define BATCH 256

/* During a flood the next event is ready as soon as the last one was handled. A turn of libuv's loop for each event,
 * with its two polls, would cost more than the copying. After this many rounds the rest of the loop gets its turn. */
#define MOST_ROUNDS 8

/* JavaScript gets four numbers for each event: slot, generation, events, answer of the pump. */
#define FIELDS 4
#define NOT_SERVED UINT32_MAX

/* More than any process has descriptors (fs.nr_open). */
#define MOST_SLOTS (1 << 30)

/* The pump that serves a slot. */
struct service {
  int32_t pump;
  int32_t budget_us;
  bool is_on;
};

struct epoll_set {
  uv_poll_t poll;
  int fd;
  struct context *context;
  void (*closed)(struct context *context);
  napi_ref on_events;
  napi_ref events;
  napi_async_context async;
  /* By slot. It grows only when a pump serves a slot, so it may be shorter than the highest slot. */
  struct service *services;
  uint32_t service_count;
};

/* Runs the pump that serves the event's slot and returns its answer, or NOT_SERVED. JavaScript handles all events but a
 * plain EPOLLIN. */
static uint32_t serve(struct epoll_set *set, const struct epoll_event *event) {
  uint32_t slot = (uint32_t)event->data.u64;
  if (event->events != EPOLLIN || slot >= set->service_count || !set->services[slot].is_on) return NOT_SERVED;
  const struct service *service = &set->services[slot];
  return (uint32_t)pump_serve(set->context, service->pump, service->budget_us);
}

/* Runs the pumps, and writes the events that JavaScript must get into the array. Returns how many those are. */
static int serve_all(struct epoll_set *set, const struct epoll_event *ready, int count, uint32_t *fields) {
  int unserved = 0;
  for (int i = 0; i < count; i++) {
    uint32_t answer = serve(set, &ready[i]);
    if (answer == STOP_EMPTY) continue;
    uint32_t *entry = fields + FIELDS * unserved++;
    entry[0] = (uint32_t)ready[i].data.u64;
    entry[1] = (uint32_t)(ready[i].data.u64 >> 32);
    entry[2] = ready[i].events;
    entry[3] = answer;
  }
  return unserved;
}

/* Handles one batch. Events that do not fit stay in the set. False if there was no event, or if JavaScript must not be
 * called again. */
static bool dispatch(struct epoll_set *set) {
  struct epoll_event ready[BATCH];
  napi_env env = set->context->env;
  napi_value on_events, array, count_value, global;
  size_t length;
  uint32_t *fields;
  napi_get_reference_value(env, set->events, &array);
  napi_get_typedarray_info(env, array, NULL, &length, (void **)&fields, NULL, NULL);
  size_t room = length / FIELDS < BATCH ? length / FIELDS : BATCH;
  int count = epoll_wait(set->fd, ready, (int)room, 0);
  if (count <= 0) return false;
  count = serve_all(set, ready, count, fields);
  if (count == 0) return true;
  napi_get_reference_value(env, set->on_events, &on_events);
  napi_create_int32(env, count, &count_value);
  napi_get_global(env, &global);
  napi_status status = napi_make_callback(env, set->async, global, on_events, 1, &count_value, NULL);
  if (status == napi_pending_exception) {
    napi_value exception;
    napi_get_and_clear_last_exception(env, &exception);
    napi_fatal_exception(env, exception);
  }
  return status == napi_ok;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  struct epoll_set *set = poll->data;
  napi_handle_scope scope;
  (void)events;
  if (status < 0 || napi_open_handle_scope(set->context->env, &scope) != napi_ok) return;
  for (int round = 0; round < MOST_ROUNDS && dispatch(set); round++)
    continue;
  napi_close_handle_scope(set->context->env, scope);
}

static int64_t epoll_start(struct epoll_set *set, uv_loop_t *loop) {
  set->fd = epoll_create1(EPOLL_CLOEXEC);
  if (set->fd < 0) return -errno;
  int error = uv_poll_init(loop, &set->poll, set->fd);
  if (error == 0) {
    set->poll.data = set;
    uv_poll_start(&set->poll, UV_READABLE, on_readable);
    uv_unref((uv_handle_t *)&set->poll);
    return 0;
  }
  close(set->fd);
  return error;
}

static bool is_uint32_array(napi_env env, napi_value value) {
  napi_typedarray_type type;
  return napi_get_typedarray_info(env, value, &type, NULL, NULL, NULL, NULL) == napi_ok && type == napi_uint32_array;
}

static bool is_function(napi_env env, napi_value value) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == napi_function;
}

static int64_t epoll_create_set(struct call *call) {
  napi_env env = call->env;
  napi_value name, events = call->arguments[0].value, on_events = call->arguments[1].value;
  uv_loop_t *loop;
  if (!is_uint32_array(env, events)) return call_refuse(call, "a Uint32Array was expected");
  if (!is_function(env, on_events)) return call_refuse(call, "a function was expected");
  if (call->context->epoll != NULL) return -EEXIST;
  struct epoll_set *set = calloc(1, sizeof *set);
  if (set == NULL) return -ENOMEM;
  set->context = call->context;
  napi_create_string_utf8(env, "termshim:epoll", NAPI_AUTO_LENGTH, &name);
  if (napi_get_uv_event_loop(env, &loop) != napi_ok || napi_create_reference(env, events, 1, &set->events) != napi_ok ||
      napi_create_reference(env, on_events, 1, &set->on_events) != napi_ok ||
      napi_async_init(env, NULL, name, &set->async) != napi_ok) {
    free(set);
    return -EINVAL;
  }
  int64_t started = epoll_start(set, loop);
  if (started < 0) {
    free(set);
    return started;
  }
  call->context->epoll = set;
  return 0;
}

static int64_t epoll_control(struct call *call, int operation) {
  uint32_t events = (uint32_t)call->arguments[1].number;
  uint64_t slot = (uint32_t)call->arguments[2].number;
  uint64_t generation = (uint32_t)call->arguments[3].number;
  if (call->context->epoll == NULL) return -EBADF;
  struct epoll_event event = {.events = events | EPOLLET, .data.u64 = generation << 32 | slot};
  return answer(epoll_ctl(call->context->epoll->fd, operation, call->arguments[0].number, &event));
}

static int64_t epoll_add(struct call *call) { return epoll_control(call, EPOLL_CTL_ADD); }

static int64_t epoll_modify(struct call *call) { return epoll_control(call, EPOLL_CTL_MOD); }

static int64_t epoll_remove(struct call *call) {
  if (call->context->epoll == NULL) return -EBADF;
  return answer(epoll_ctl(call->context->epoll->fd, EPOLL_CTL_DEL, call->arguments[0].number, NULL));
}

static bool make_room(struct epoll_set *set, uint32_t slot) {
  if (slot < set->service_count) return true;
  uint32_t count = set->service_count == 0 ? 16 : set->service_count;
  while (count <= slot)
    count *= 2;
  struct service *services = realloc(set->services, count * sizeof *services);
  if (services == NULL) return false;
  for (uint32_t i = set->service_count; i < count; i++)
    services[i].is_on = false;
  set->services = services;
  set->service_count = count;
  return true;
}

static int64_t epoll_serve(struct call *call) {
  int32_t slot = call->arguments[0].number;
  int32_t pump = call->arguments[1].number;
  int32_t budget_us = call->arguments[2].number;
  struct epoll_set *set = call->context->epoll;
  if (set == NULL) return -EBADF;
  if (slot < 0 || slot > MOST_SLOTS || budget_us <= 0) return -EINVAL;
  if (!make_room(set, (uint32_t)slot)) return -ENOMEM;
  set->services[slot] = (struct service){.pump = pump, .budget_us = budget_us, .is_on = pump >= 0};
  return 0;
}

static int64_t epoll_ref(struct call *call) {
  bool keep_alive = call->arguments[0].number;
  if (call->context->epoll == NULL) return -EBADF;
  if (keep_alive)
    uv_ref((uv_handle_t *)&call->context->epoll->poll);
  else
    uv_unref((uv_handle_t *)&call->context->epoll->poll);
  return 0;
}

static void on_closed(uv_handle_t *handle) {
  struct epoll_set *set = handle->data;
  struct context *context = set->context;
  void (*closed)(struct context *) = set->closed;
  close(set->fd);
  free(set->services);
  free(set);
  closed(context);
}

void epoll_teardown(struct context *context, void (*done)(struct context *context)) {
  struct epoll_set *set = context->epoll;
  if (set == NULL) {
    done(context);
    return;
  }
  context->epoll = NULL;
  set->closed = done;
  napi_async_destroy(context->env, set->async);
  napi_delete_reference(context->env, set->events);
  napi_delete_reference(context->env, set->on_events);
  uv_close((uv_handle_t *)&set->poll, on_closed);
}

const struct export epoll_exports[] = {
    {"epoll_create", epoll_create_set, {VALUE, VALUE}},
    {"epoll_add", epoll_add, {INT, INT, INT, INT}},
    {"epoll_modify", epoll_modify, {INT, INT, INT, INT}},
    {"epoll_remove", epoll_remove, {INT}},
    {"epoll_serve", epoll_serve, {INT, INT, INT}},
    {"epoll_ref", epoll_ref, {BOOL}},
    {0},
};
