/*
 * Keeps the recent output of a console for any number of readers, each at its own pace. A pump appends what its sink
 * has taken. The ring itself waits for no reader: if a reader falls behind by more than the ring holds, it has lost its
 * position, and its next read or write says so. src/stdio/broadcast/broadcast.ts pauses the pump before that happens,
 * for a limited time.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ring {
  uint8_t *data;
  uint32_t capacity;
  /* How many bytes were ever appended. The last `capacity` of them are in `data`. */
  uint64_t end;
};

struct reader {
  int32_t ring;
  /* The position of the next byte, counted as `end` is. */
  uint64_t position;
};

static int64_t ring_create(struct call *call) {
  struct table *rings = &call->context->rings;
  int32_t capacity = call->arguments[0].number;
  if (capacity <= 0) return -EINVAL;
  /* Pages that were never written take no memory. */
  uint8_t *data = calloc(1, (size_t)capacity);
  int32_t id = data == NULL ? -ENOMEM : table_add(rings);
  if (id < 0)
    free(data);
  else
    *(struct ring *)table_get(rings, id) = (struct ring){.data = data, .capacity = (uint32_t)capacity};
  return id;
}

static int64_t ring_destroy(struct call *call) {
  struct ring *ring = call->arguments[0].item;
  free(ring->data);
  table_remove(&call->context->rings, call->arguments[0].number);
  return 0;
}

void ring_append(struct context *context, int32_t id, const uint8_t *bytes, size_t length) {
  struct ring *ring = table_get(&context->rings, id);
  if (ring == NULL) return;
  if (length > ring->capacity) {
    ring->end += length - ring->capacity;
    bytes += length - ring->capacity;
    length = ring->capacity;
  }
  size_t at = ring->end % ring->capacity;
  size_t first = smaller(length, ring->capacity - at);
  memcpy(ring->data + at, bytes, first);
  memcpy(ring->data, bytes + first, length - first);
  ring->end += length;
}

/* Copies from `position`, whose byte the ring still holds. Returns how many bytes. */
static size_t copy_from(const struct ring *ring, uint64_t position, struct bytes into) {
  size_t length = smaller(ring->end - position, into.length);
  size_t at = position % ring->capacity;
  size_t first = smaller(length, ring->capacity - at);
  memcpy(into.data, ring->data + at, first);
  memcpy(into.data + first, ring->data, length - first);
  return length;
}

static int64_t ring_bytes(struct call *call) {
  const struct ring *ring = call->arguments[0].item;
  return (int64_t)ring->end;
}

/* The position of the byte that is `back` bytes before the end, or of the oldest one that is held. */
static uint64_t position_before_end(const struct ring *ring, size_t back) {
  return ring->end - smaller(smaller(ring->end, ring->capacity), back);
}

static int64_t ring_recent(struct call *call) {
  const struct ring *ring = call->arguments[0].item;
  struct bytes into = call->arguments[1].bytes;
  return (int64_t)copy_from(ring, position_before_end(ring, into.length), into);
}

static int64_t ring_reader_create(struct call *call) {
  struct table *readers = &call->context->readers;
  const struct ring *ring = call->arguments[0].item;
  int32_t back = call->arguments[1].number;
  if (back < 0) return -EINVAL;
  int32_t id = table_add(readers);
  if (id < 0) return id;
  *(struct reader *)table_get(readers, id) =
      (struct reader){.ring = call->arguments[0].number, .position = position_before_end(ring, (size_t)back)};
  return id;
}

static int64_t ring_reader_destroy(struct call *call) {
  table_remove(&call->context->readers, call->arguments[0].number);
  return 0;
}

/* NULL if the reader's ring was destroyed. */
static const struct ring *ring_of(const struct call *call, const struct reader *reader) {
  return table_get(&call->context->rings, reader->ring);
}

static bool is_lost(const struct ring *ring, const struct reader *reader) {
  return ring->end - reader->position > ring->capacity;
}

static int64_t ring_reader_behind(struct call *call) {
  const struct reader *reader = call->arguments[0].item;
  const struct ring *ring = ring_of(call, reader);
  return ring == NULL ? -EINVAL : (int64_t)(ring->end - reader->position);
}

static int64_t ring_reader_skip(struct call *call) {
  struct reader *reader = call->arguments[0].item;
  const struct ring *ring = ring_of(call, reader);
  if (ring == NULL) return -EINVAL;
  int64_t behind = (int64_t)(ring->end - reader->position);
  reader->position = ring->end;
  return behind;
}

static int64_t ring_reader_read(struct call *call) {
  struct reader *reader = call->arguments[0].item;
  const struct ring *ring = ring_of(call, reader);
  if (ring == NULL) return -EINVAL;
  if (is_lost(ring, reader)) return -EOVERFLOW;
  size_t length = copy_from(ring, reader->position, call->arguments[1].bytes);
  reader->position += length;
  return (int64_t)length;
}

static int64_t ring_reader_write(struct call *call) {
  struct reader *reader = call->arguments[0].item;
  int sink = call->arguments[1].number;
  const struct ring *ring = ring_of(call, reader);
  if (ring == NULL) return -EINVAL;
  if (is_lost(ring, reader)) return STOP_LOST;
  while (reader->position < ring->end) {
    size_t at = reader->position % ring->capacity;
    size_t length = smaller(ring->end - reader->position, ring->capacity - at);
    size_t taken;
    struct outcome outcome = write_some(sink, ring->data + at, length, &taken);
    if (outcome.stopped) return outcome_answer(outcome);
    reader->position += taken;
  }
  return STOP_EMPTY;
}

void ring_setup(struct context *context) {
  context->rings.item_size = sizeof(struct ring);
  context->readers.item_size = sizeof(struct reader);
}

void ring_teardown(struct context *context) {
  for (int32_t id = 0; id < context->rings.count; id++) {
    struct ring *ring = table_get(&context->rings, id);
    if (ring != NULL) free(ring->data);
  }
  table_free(&context->rings);
  table_free(&context->readers);
}

const struct export ring_exports[] = {
    {"ring_create", ring_create, {INT}},
    {"ring_destroy", ring_destroy, {RING}},
    {"ring_bytes", ring_bytes, {RING}},
    {"ring_recent", ring_recent, {RING, BYTES}},
    {"ring_reader_create", ring_reader_create, {RING, INT}},
    {"ring_reader_destroy", ring_reader_destroy, {READER}},
    {"ring_reader_behind", ring_reader_behind, {READER}},
    {"ring_reader_skip", ring_reader_skip, {READER}},
    {"ring_reader_read", ring_reader_read, {READER, BYTES}},
    {"ring_reader_write", ring_reader_write, {READER, INT}},
    {0},
};
