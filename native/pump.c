/*
 * Moves bytes from one descriptor to another until one of them, or the time budget, makes it stop. JavaScript decides
 * when to run a pump and what to do when it has stopped. No byte passes through JavaScript.
 *
 * A read of a pty master returns at most 4095 bytes (the n_tty buffer), so a run collects up to one block before it
 * writes: there are fewer writes, and the reader wakes up less often. A shorter read means that the source is empty.
 * What comes later makes a new edge (epoll(7)), so the pump does not read once more to get EAGAIN; on a pty that read
 * would wait for the kernel's worker. A hang-up makes no further edge, and a regular file makes none at all: for those
 * the caller asks to read `to_the_end`.
 *
 * What the sink refuses waits in a block of the pump's own, which is allocated only then. The pump reads nothing more
 * until that block is written, so a full sink stops the source.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FULL_PTY_READ 4095

const char *const stop_names[STOP_COUNT] = {
    [STOP_EMPTY] = "empty",
    [STOP_END] = "end",
    [STOP_HANGUP] = "hangup",
    [STOP_FULL] = "full",
    [STOP_BROKEN] = "broken",
    [STOP_BUDGET] = "budget",
    [STOP_SOURCE_ERROR] = "sourceError",
    [STOP_SINK_ERROR] = "sinkError",
    [STOP_LOST] = "lost",
};

struct pump {
  int source;
  int sink;
  /* The pending block: bytes from `start` to `end` wait for the sink. NULL if nothing waits. */
  uint8_t *block;
  uint32_t start;
  uint32_t end;
  int32_t last_byte;
  /* What the sink takes is appended to this ring; -1 for none. */
  int32_t ring;
  uint64_t written;
  /* How many more bytes may be read. */
  uint64_t allowance;
};

/* When a run must end, on CLOCK_MONOTONIC. */
struct turn {
  uint64_t deadline_ns;
  bool to_the_end;
};

static const struct outcome go_on = {.stopped = false};

static struct outcome stop_with(enum stop stop, int error) {
  return (struct outcome){.stopped = true, .stop = stop, .error = error};
}

int64_t outcome_answer(struct outcome outcome) { return (int64_t)outcome.stop | (int64_t)outcome.error << 8; }

struct outcome write_some(int sink, const uint8_t *bytes, size_t length, size_t *taken) {
  ssize_t written;
  do
    written = write(sink, bytes, length);
  while (written < 0 && errno == EINTR);
  *taken = written > 0 ? (size_t)written : 0;
  if (written > 0) return go_on;
  if (written == 0 || errno == EAGAIN) return stop_with(STOP_FULL, 0);
  return errno == EPIPE || errno == EIO ? stop_with(STOP_BROKEN, 0) : stop_with(STOP_SINK_ERROR, errno);
}

static uint8_t *block_take(struct pumps *pumps) {
  if (pumps->free_block_count > 0) return pumps->free_blocks[--pumps->free_block_count];
  return malloc(BLOCK_BYTES);
}

static void block_return(struct pumps *pumps, uint8_t *block) {
  int room = sizeof pumps->free_blocks / sizeof *pumps->free_blocks;
  if (pumps->free_block_count < room)
    pumps->free_blocks[pumps->free_block_count++] = block;
  else
    free(block);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Reads until the block is full, the source has no more, or the turn is over. `*source` says why it ended. A read that
 * was cut short by the end of the block says nothing about the source. */
static size_t collect(struct pump *pump, const struct turn *turn, uint8_t *block, struct outcome *source) {
  size_t length = 0;
  *source = go_on;
  while (length < BLOCK_BYTES && !source->stopped) {
    size_t room = smaller(BLOCK_BYTES - length, pump->allowance);
    ssize_t got = room == 0 ? -1 : read(pump->source, block + length, room);
    if (room == 0) {
      *source = stop_with(STOP_EMPTY, 0);
    } else if (got > 0) {
      length += (size_t)got;
      pump->allowance -= (uint64_t)got;
      if (got < FULL_PTY_READ && length < BLOCK_BYTES && !turn->to_the_end)
        *source = stop_with(STOP_EMPTY, 0);
      else if (now_ns() >= turn->deadline_ns)
        *source = stop_with(STOP_BUDGET, 0);
    } else if (got == 0) {
      *source = stop_with(STOP_END, 0);
    } else if (errno != EINTR) {
      *source = errno == EAGAIN ? stop_with(STOP_EMPTY, 0)
                : errno == EIO  ? stop_with(STOP_HANGUP, 0)
                                : stop_with(STOP_SOURCE_ERROR, errno);
    }
  }
  return length;
}

/* Writes bytes from `*start` up to `end`, and moves `*start` to the first that was not taken. */
static struct outcome deliver(struct context *context, struct pump *pump, const uint8_t *block, uint32_t *start,
                              uint32_t end) {
  while (*start < end) {
    size_t taken;
    struct outcome sink = write_some(pump->sink, block + *start, end - *start, &taken);
    if (sink.stopped) return sink;
    ring_append(context, pump->ring, block + *start, taken);
    *start += (uint32_t)taken;
    pump->written += taken;
    pump->last_byte = block[*start - 1];
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

static struct outcome keep_pending(struct pumps *pumps, struct pump *pump, uint32_t start, uint32_t end) {
  pump->block = block_take(pumps);
  if (pump->block == NULL) return stop_with(STOP_SINK_ERROR, ENOMEM);
  memcpy(pump->block, pumps->scratch + start, end - start);
  pump->start = 0;
  pump->end = end - start;
  return go_on;
}

static struct outcome pump_until_stop(struct context *context, struct pump *pump, const struct turn *turn) {
  struct pumps *pumps = &context->pumps;
  struct outcome outcome = deliver_pending(context, pump);
  while (!outcome.stopped) {
    uint32_t start = 0;
    uint32_t end = (uint32_t)collect(pump, turn, pumps->scratch, &outcome);
    struct outcome sink = deliver(context, pump, pumps->scratch, &start, end);
    if (sink.stopped) {
      /* Why the source stopped is not lost: the next read of it gives the same answer. */
      struct outcome kept = keep_pending(pumps, pump, start, end);
      return kept.stopped ? kept : sink;
    }
  }
  return outcome;
}

static int64_t run(struct context *context, struct pump *pump, int32_t budget_us, bool to_the_end) {
  struct turn turn = {.deadline_ns = now_ns() + (uint64_t)budget_us * 1000, .to_the_end = to_the_end};
  return outcome_answer(pump_until_stop(context, pump, &turn));
}

int64_t pump_serve(struct context *context, int32_t id, int32_t budget_us) {
  struct pump *pump = table_get(&context->pumps.table, id);
  return pump == NULL || pump->block != NULL ? STOP_EMPTY : run(context, pump, budget_us, false);
}

static int64_t pump_create(struct call *call) {
  struct table *table = &call->context->pumps.table;
  int32_t id = table_add(table);
  if (id < 0) return id;
  *(struct pump *)table_get(table, id) = (struct pump){
      .source = call->arguments[0].number,
      .sink = call->arguments[1].number,
      .last_byte = -1,
      .ring = -1,
      .allowance = UINT64_MAX,
  };
  return id;
}

static int64_t pump_run(struct call *call) {
  int32_t budget_us = call->arguments[1].number;
  bool to_the_end = call->arguments[2].number;
  return budget_us <= 0 ? -EINVAL : run(call->context, call->arguments[0].item, budget_us, to_the_end);
}

static int64_t pump_limit(struct call *call) {
  struct pump *pump = call->arguments[0].item;
  int32_t most = call->arguments[1].number;
  if (most < -1) return -EINVAL;
  pump->allowance = most < 0 ? UINT64_MAX : (uint64_t)most;
  return 0;
}

static int64_t pump_tap(struct call *call) {
  struct pump *pump = call->arguments[0].item;
  pump->ring = call->arguments[1].number;
  return 0;
}

static int64_t pump_bytes(struct call *call) {
  const struct pump *pump = call->arguments[0].item;
  return (int64_t)pump->written;
}

static int64_t pump_pending(struct call *call) {
  const struct pump *pump = call->arguments[0].item;
  return pump->block == NULL ? 0 : (int64_t)(pump->end - pump->start);
}

static int64_t pump_last_byte(struct call *call) {
  const struct pump *pump = call->arguments[0].item;
  return pump->last_byte;
}

static int64_t pump_destroy(struct call *call) {
  struct pumps *pumps = &call->context->pumps;
  struct pump *pump = call->arguments[0].item;
  if (pump->block != NULL) block_return(pumps, pump->block);
  table_remove(&pumps->table, call->arguments[0].number);
  return 0;
}

void pump_setup(struct context *context) { context->pumps.table.item_size = sizeof(struct pump); }

void pump_teardown(struct context *context) {
  struct pumps *pumps = &context->pumps;
  for (int32_t id = 0; id < pumps->table.count; id++) {
    struct pump *pump = table_get(&pumps->table, id);
    if (pump != NULL) free(pump->block);
  }
  for (int i = 0; i < pumps->free_block_count; i++)
    free(pumps->free_blocks[i]);
  table_free(&pumps->table);
}

const struct export pump_exports[] = {
    {"pump_create", pump_create, {INT, INT}},
    {"pump_run", pump_run, {PUMP, INT, BOOL}},
    {"pump_limit", pump_limit, {PUMP, INT}},
    {"pump_tap", pump_tap, {PUMP, RING}},
    {"pump_bytes", pump_bytes, {PUMP}},
    {"pump_pending", pump_pending, {PUMP}},
    {"pump_last_byte", pump_last_byte, {PUMP}},
    {"pump_destroy", pump_destroy, {PUMP}},
    {0},
};
