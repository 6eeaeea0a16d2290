/*
 * Moves bytes from one descriptor to another until one of them, or the budget, says stop. JavaScript decides when to
 * run a pump and what its answer means; no byte passes through JavaScript.
 *
 * A read of a pty master returns at most 4095 bytes (the n_tty buffer), so a run collects up to one block before it
 * writes: fewer writes, fewer wake-ups of the reader. A shorter read means that the source is empty, and what comes
 * next makes a new edge, so the read that would only say EAGAIN is left out (epoll(7)); on a pty it would wait for the
 * kernel's worker. A hang-up makes no further edge: then, and for a file without events, the caller asks for all.
 *
 * What the sink refuses waits in a block of its own, taken from the pool only then; nothing more is read until it has
 * gone, so a full sink stops the source.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FULL_PTY_READ 4095

/* In the order of PumpStop in src/native/addon.ts; addon.h knows the first. */
enum stop { EMPTY = PUMP_EMPTY, END, HANGUP, FULL, BROKEN, BUDGET, SOURCE_ERROR, SINK_ERROR };

struct pump {
  int source;
  int sink;
  /* The pending block: bytes from `start` to `end` wait for the sink. NULL when nothing waits. */
  uint8_t *block;
  uint32_t start;
  uint32_t end;
  int32_t last_byte;
  /* What the sink takes is appended to it; -1 for none. */
  int32_t ring;
  int32_t next_free;
  bool in_use;
  uint64_t written;
  /* How many more bytes may be read. */
  uint64_t allowance;
};

/* When a run must end, on CLOCK_MONOTONIC. */
struct turn {
  uint64_t deadline_ns;
  bool to_the_end;
};

struct outcome {
  enum stop stop;
  int error;
  bool stopped;
};

static const struct outcome go_on = {.stopped = false};

static struct outcome stop_with(enum stop stop, int error) {
  return (struct outcome){.stop = stop, .error = error, .stopped = true};
}

static uint8_t *block_take(struct pump_table *table) {
  if (table->free_block_count > 0) return table->free_blocks[--table->free_block_count];
  return malloc(BLOCK_BYTES);
}

static void block_return(struct pump_table *table, uint8_t *block) {
  int room = sizeof table->free_blocks / sizeof *table->free_blocks;
  if (table->free_block_count < room)
    table->free_blocks[table->free_block_count++] = block;
  else
    free(block);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Reads until the block is full, the source has no more or the turn is over. What ended the reading goes to `*source`.
 * A read that was cut short by the end of the block says nothing about the source. */
static size_t collect(struct pump *pump, const struct turn *turn, uint8_t *block, struct outcome *source) {
  size_t length = 0;
  *source = go_on;
  while (length < BLOCK_BYTES && !source->stopped) {
    size_t room = BLOCK_BYTES - length < pump->allowance ? BLOCK_BYTES - length : (size_t)pump->allowance;
    ssize_t got = room == 0 ? -1 : read(pump->source, block + length, room);
    if (room == 0) {
      *source = stop_with(EMPTY, 0);
    } else if (got > 0) {
      length += (size_t)got;
      pump->allowance -= (uint64_t)got;
      if (got < FULL_PTY_READ && length < BLOCK_BYTES && !turn->to_the_end)
        *source = stop_with(EMPTY, 0);
      else if (now_ns() >= turn->deadline_ns)
        *source = stop_with(BUDGET, 0);
    } else if (got == 0) {
      *source = stop_with(END, 0);
    } else if (errno != EINTR) {
      *source = errno == EAGAIN ? stop_with(EMPTY, 0)
                : errno == EIO  ? stop_with(HANGUP, 0)
                                : stop_with(SOURCE_ERROR, errno);
    }
  }
  return length;
}

/* Writes bytes from `*start` up to `end`, and moves `*start` to the first that was not taken. */
static struct outcome deliver(struct context *context, struct pump *pump, const uint8_t *block, uint32_t *start,
                              uint32_t end) {
  while (*start < end) {
    ssize_t taken = write(pump->sink, block + *start, end - *start);
    if (taken > 0) {
      ring_append(&context->rings, pump->ring, block + *start, (size_t)taken);
      *start += (uint32_t)taken;
      pump->written += (uint64_t)taken;
      pump->last_byte = block[*start - 1];
    } else if (taken == 0 || errno == EAGAIN) {
      return stop_with(FULL, 0);
    } else if (errno != EINTR) {
      return errno == EPIPE || errno == EIO ? stop_with(BROKEN, 0) : stop_with(SINK_ERROR, errno);
    }
  }
  return go_on;
}

static struct outcome deliver_pending(struct context *context, struct pump *pump) {
  if (pump->block == NULL) return go_on;
  struct outcome sink = deliver(context, pump, pump->block, &pump->start, pump->end);
  if (!sink.stopped) {
    block_return(&context->pumps, pump->block);
    pump->block = NULL;
  }
  return sink;
}

static struct outcome keep_pending(struct pump_table *table, struct pump *pump, uint32_t start, uint32_t end) {
  pump->block = block_take(table);
  if (pump->block == NULL) return stop_with(SINK_ERROR, ENOMEM);
  memcpy(pump->block, table->scratch + start, end - start);
  pump->start = 0;
  pump->end = end - start;
  return go_on;
}

static struct outcome pump_until_stop(struct context *context, struct pump *pump, const struct turn *turn) {
  struct pump_table *table = &context->pumps;
  struct outcome outcome = deliver_pending(context, pump);
  while (!outcome.stopped) {
    uint32_t start = 0;
    uint32_t end = (uint32_t)collect(pump, turn, table->scratch, &outcome);
    struct outcome sink = deliver(context, pump, table->scratch, &start, end);
    if (sink.stopped) {
      /* Why the source stopped is not lost: it says so again when it is read next. */
      struct outcome kept = keep_pending(table, pump, start, end);
      return kept.stopped ? kept : sink;
    }
  }
  return outcome;
}

static struct pump *lookup(struct pump_table *table, int32_t id) {
  return id < 0 || id >= table->count || !table->pumps[id].in_use ? NULL : &table->pumps[id];
}

static struct pump *find(struct call *call) {
  int32_t id = argument_int(call, 0);
  return call->failed ? NULL : lookup(&call->context->pumps, id);
}

static int64_t run(struct context *context, struct pump *pump, int32_t budget_us, bool to_the_end) {
  struct turn turn = {.deadline_ns = now_ns() + (uint64_t)budget_us * 1000, .to_the_end = to_the_end};
  struct outcome outcome = pump_until_stop(context, pump, &turn);
  return (int64_t)outcome.stop | (int64_t)outcome.error << 8;
}

int64_t pump_serve(struct context *context, int32_t id, int32_t budget_us) {
  struct pump *pump = lookup(&context->pumps, id);
  return pump == NULL || pump->block != NULL ? PUMP_EMPTY : run(context, pump, budget_us, false);
}

static int64_t pump_create(struct call *call) {
  struct pump_table *table = &call->context->pumps;
  int source = argument_int(call, 0);
  int sink = argument_int(call, 1);
  if (call->failed) return 0;
  if (table->first_free < 0) {
    int32_t count = table->count == 0 ? 16 : table->count * 2;
    struct pump *pumps = realloc(table->pumps, (size_t)count * sizeof *pumps);
    if (pumps == NULL) return -ENOMEM;
    table->pumps = pumps;
    for (int32_t id = count - 1; id >= table->count; id--) {
      pumps[id] = (struct pump){.next_free = table->first_free};
      table->first_free = id;
    }
    table->count = count;
  }
  int32_t id = table->first_free;
  table->first_free = table->pumps[id].next_free;
  table->pumps[id] = (struct pump){
      .source = source, .sink = sink, .last_byte = -1, .ring = -1, .in_use = true, .allowance = UINT64_MAX};
  return id;
}

static int64_t pump_run(struct call *call) {
  struct pump *pump = find(call);
  int32_t budget_us = argument_int(call, 1);
  bool to_the_end = argument_bool(call, 2);
  if (call->failed) return 0;
  if (pump == NULL || budget_us <= 0) return -EINVAL;
  return run(call->context, pump, budget_us, to_the_end);
}

static int64_t pump_limit(struct call *call) {
  struct pump *pump = find(call);
  int32_t most = argument_int(call, 1);
  if (call->failed) return 0;
  if (pump == NULL || most < -1) return -EINVAL;
  pump->allowance = most < 0 ? UINT64_MAX : (uint64_t)most;
  return 0;
}

static int64_t pump_tap(struct call *call) {
  struct pump *pump = find(call);
  int32_t ring = argument_int(call, 1);
  if (call->failed) return 0;
  if (pump == NULL || !ring_exists(&call->context->rings, ring)) return -EINVAL;
  pump->ring = ring;
  return 0;
}

static int64_t pump_bytes(struct call *call) {
  const struct pump *pump = find(call);
  return pump == NULL ? -EINVAL : (int64_t)pump->written;
}

static int64_t pump_pending(struct call *call) {
  const struct pump *pump = find(call);
  if (pump == NULL) return -EINVAL;
  return pump->block == NULL ? 0 : (int64_t)(pump->end - pump->start);
}

static int64_t pump_last_byte(struct call *call) {
  const struct pump *pump = find(call);
  return pump == NULL ? -EINVAL : pump->last_byte;
}

static int64_t pump_destroy(struct call *call) {
  struct pump *pump = find(call);
  struct pump_table *table = &call->context->pumps;
  if (pump == NULL) return -EINVAL;
  if (pump->block != NULL) block_return(table, pump->block);
  *pump = (struct pump){.next_free = table->first_free};
  table->first_free = (int32_t)(pump - table->pumps);
  return 0;
}

void pump_teardown(struct context *context) {
  struct pump_table *table = &context->pumps;
  for (int32_t id = 0; id < table->count; id++)
    free(table->pumps[id].block);
  for (int i = 0; i < table->free_block_count; i++)
    free(table->free_blocks[i]);
  free(table->pumps);
}

const struct export pump_exports[] = {
    {"pump_create", pump_create},
    {"pump_run", pump_run},
    {"pump_limit", pump_limit},
    {"pump_tap", pump_tap},
    {"pump_bytes", pump_bytes},
    {"pump_pending", pump_pending},
    {"pump_last_byte", pump_last_byte},
    {"pump_destroy", pump_destroy},
    {NULL, NULL},
};
