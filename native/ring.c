/*
 * The recent output of a console, for any number of readers at any pace. A pump appends what its sink has taken; each
 * reader has a place of its own. The ring itself waits for no reader: one that falls behind by more than the ring holds
 * has lost its place, and is told so. src/stdio/broadcast/broadcast.ts pauses the pump before that, for a limited time.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The answer of a write besides those of a pump, in PumpStop of src/native/addon.ts. */
enum { CAUGHT_UP = PUMP_EMPTY, FULL = 3, BROKEN = 4, SINK_ERROR = 7, LOST = 8 };

struct ring {
  uint8_t *data;
  uint32_t capacity;
  /* Bytes ever appended; the last `capacity` of them are here. */
  uint64_t end;
  int32_t next_free;
};

struct reader {
  int32_t ring;
  /* Of the next byte, counted as `end` is. */
  uint64_t place;
  int32_t next_free;
};

static uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }

static struct ring *find_ring(struct call *call) {
  int32_t id = argument_int(call, 0);
  struct ring_table *table = &call->context->rings;
  bool is_there = !call->failed && id >= 0 && id < table->ring_count && table->rings[id].data != NULL;
  return is_there ? &table->rings[id] : NULL;
}

static struct reader *find_reader(struct call *call) {
  int32_t id = argument_int(call, 0);
  struct ring_table *table = &call->context->rings;
  bool is_there = !call->failed && id >= 0 && id < table->reader_count && table->readers[id].ring >= 0;
  return is_there ? &table->readers[id] : NULL;
}

static struct ring *ring_of(struct call *call, const struct reader *reader) {
  struct ring *ring = &call->context->rings.rings[reader->ring];
  return ring->data == NULL ? NULL : ring;
}

static int64_t ring_create(struct call *call) {
  struct ring_table *table = &call->context->rings;
  int32_t capacity = argument_int(call, 0);
  if (call->failed) return 0;
  if (capacity <= 0) return -EINVAL;
  if (table->first_free_ring < 0) {
    int32_t count = table->ring_count == 0 ? 16 : table->ring_count * 2;
    struct ring *rings = realloc(table->rings, (size_t)count * sizeof *rings);
    if (rings == NULL) return -ENOMEM;
    table->rings = rings;
    for (int32_t id = count - 1; id >= table->ring_count; id--) {
      rings[id] = (struct ring){.next_free = table->first_free_ring};
      table->first_free_ring = id;
    }
    table->ring_count = count;
  }
  /* Pages that were never written cost nothing. */
  uint8_t *data = calloc(1, (size_t)capacity);
  if (data == NULL) return -ENOMEM;
  int32_t id = table->first_free_ring;
  table->first_free_ring = table->rings[id].next_free;
  table->rings[id] = (struct ring){.data = data, .capacity = (uint32_t)capacity};
  return id;
}

static int64_t ring_destroy(struct call *call) {
  struct ring *ring = find_ring(call);
  struct ring_table *table = &call->context->rings;
  if (ring == NULL) return -EINVAL;
  free(ring->data);
  *ring = (struct ring){.next_free = table->first_free_ring};
  table->first_free_ring = (int32_t)(ring - table->rings);
  return 0;
}

bool ring_exists(const struct ring_table *table, int32_t id) {
  return id >= 0 && id < table->ring_count && table->rings[id].data != NULL;
}

void ring_append(struct ring_table *table, int32_t id, const uint8_t *bytes, size_t length) {
  if (!ring_exists(table, id)) return;
  struct ring *ring = &table->rings[id];
  if (length > ring->capacity) {
    ring->end += length - ring->capacity;
    bytes += length - ring->capacity;
    length = ring->capacity;
  }
  size_t at = (size_t)(ring->end % ring->capacity);
  size_t first = (size_t)smaller(length, ring->capacity - at);
  memcpy(ring->data + at, bytes, first);
  memcpy(ring->data, bytes + first, length - first);
  ring->end += length;
}

/* Copies from `place`, which the ring still holds. Returns how many bytes. */
static size_t copy_from(const struct ring *ring, uint64_t place, uint8_t *into, size_t room) {
  size_t length = (size_t)smaller(ring->end - place, room);
  size_t at = (size_t)(place % ring->capacity);
  size_t first = (size_t)smaller(length, ring->capacity - at);
  memcpy(into, ring->data + at, first);
  memcpy(into + first, ring->data, length - first);
  return length;
}

static int64_t ring_bytes(struct call *call) {
  const struct ring *ring = find_ring(call);
  return ring == NULL ? -EINVAL : (int64_t)ring->end;
}

static int64_t ring_recent(struct call *call) {
  struct bytes into = argument_bytes(call, 1);
  const struct ring *ring = find_ring(call);
  if (call->failed) return 0;
  if (ring == NULL) return -EINVAL;
  size_t length = (size_t)smaller(smaller(ring->end, ring->capacity), into.length);
  return (int64_t)copy_from(ring, ring->end - length, into.data, length);
}

static int64_t ring_reader_create(struct call *call) {
  struct ring *ring = find_ring(call);
  struct ring_table *table = &call->context->rings;
  int32_t back = argument_int(call, 1);
  if (call->failed) return 0;
  if (ring == NULL || back < 0) return -EINVAL;
  if (table->first_free_reader < 0) {
    int32_t count = table->reader_count == 0 ? 16 : table->reader_count * 2;
    struct reader *readers = realloc(table->readers, (size_t)count * sizeof *readers);
    if (readers == NULL) return -ENOMEM;
    table->readers = readers;
    for (int32_t id = count - 1; id >= table->reader_count; id--) {
      readers[id] = (struct reader){.ring = -1, .next_free = table->first_free_reader};
      table->first_free_reader = id;
    }
    table->reader_count = count;
  }
  int32_t id = table->first_free_reader;
  table->first_free_reader = table->readers[id].next_free;
  uint64_t held = smaller(smaller(ring->end, ring->capacity), (uint64_t)back);
  table->readers[id] = (struct reader){.ring = (int32_t)(ring - table->rings), .place = ring->end - held};
  return id;
}

static int64_t ring_reader_destroy(struct call *call) {
  struct reader *reader = find_reader(call);
  struct ring_table *table = &call->context->rings;
  if (reader == NULL) return -EINVAL;
  *reader = (struct reader){.ring = -1, .next_free = table->first_free_reader};
  table->first_free_reader = (int32_t)(reader - table->readers);
  return 0;
}

static bool is_lost(const struct ring *ring, const struct reader *reader) {
  return ring->end - reader->place > ring->capacity;
}

static int64_t ring_reader_behind(struct call *call) {
  const struct reader *reader = find_reader(call);
  const struct ring *ring = reader == NULL ? NULL : ring_of(call, reader);
  return ring == NULL ? -EINVAL : (int64_t)(ring->end - reader->place);
}

static int64_t ring_reader_skip(struct call *call) {
  struct reader *reader = find_reader(call);
  const struct ring *ring = reader == NULL ? NULL : ring_of(call, reader);
  if (ring == NULL) return -EINVAL;
  int64_t behind = (int64_t)(ring->end - reader->place);
  reader->place = ring->end;
  return behind;
}

static int64_t ring_reader_read(struct call *call) {
  struct bytes into = argument_bytes(call, 1);
  struct reader *reader = find_reader(call);
  if (call->failed) return 0;
  const struct ring *ring = reader == NULL ? NULL : ring_of(call, reader);
  if (ring == NULL) return -EINVAL;
  if (is_lost(ring, reader)) return -EOVERFLOW;
  size_t length = copy_from(ring, reader->place, into.data, into.length);
  reader->place += length;
  return (int64_t)length;
}

static int64_t ring_reader_write(struct call *call) {
  struct reader *reader = find_reader(call);
  int sink = argument_int(call, 1);
  if (call->failed) return 0;
  const struct ring *ring = reader == NULL ? NULL : ring_of(call, reader);
  if (ring == NULL) return -EINVAL;
  if (is_lost(ring, reader)) return LOST;
  while (reader->place < ring->end) {
    size_t at = (size_t)(reader->place % ring->capacity);
    size_t length = (size_t)smaller(ring->end - reader->place, ring->capacity - at);
    ssize_t taken = write(sink, ring->data + at, length);
    if (taken > 0)
      reader->place += (uint64_t)taken;
    else if (taken == 0 || errno == EAGAIN)
      return FULL;
    else if (errno != EINTR)
      return errno == EPIPE || errno == EIO ? BROKEN : SINK_ERROR | (int64_t)errno << 8;
  }
  return CAUGHT_UP;
}

void ring_teardown(struct context *context) {
  struct ring_table *table = &context->rings;
  for (int32_t id = 0; id < table->ring_count; id++)
    free(table->rings[id].data);
  free(table->rings);
  free(table->readers);
}

const struct export ring_exports[] = {
    {"ring_create", ring_create},
    {"ring_destroy", ring_destroy},
    {"ring_bytes", ring_bytes},
    {"ring_recent", ring_recent},
    {"ring_reader_create", ring_reader_create},
    {"ring_reader_destroy", ring_reader_destroy},
    {"ring_reader_behind", ring_reader_behind},
    {"ring_reader_skip", ring_reader_skip},
    {"ring_reader_read", ring_reader_read},
    {"ring_reader_write", ring_reader_write},
    {NULL, NULL},
};
