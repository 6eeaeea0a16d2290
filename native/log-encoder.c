/*
 * Encodes what a process writes as log entries: one for each line of a stream, in Docker's json-file format or in the
 * format that kubelet reads (CRI). A line longer than PART_BYTES is split into parts as Docker's copier splits it, but
 * never inside a character. The encoder holds an unfinished line until it is complete.
 *
 * The time of an entry is the time of the call that completed it. An entry contains no newline except its last byte, so
 * a reader of several entries can split them at newlines.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PART_BYTES 16384
/* More than an entry has besides its text, including what a copy of a fixed length writes behind the entry. */
#define FRAME_BYTES 192
/* An answer consists of two numbers of this size. */
#define COUNT_BITS 26

const char *const log_format_names[FORMAT_COUNT] = {[FORMAT_JSON_FILE] = "json-file", [FORMAT_CRI] = "cri"};

struct encoder {
  enum log_format format;
  /* `stdout` or `stderr`. */
  const char *stream;
  const struct escape *escapes;
  /* The beginning of an unfinished line: PART_BYTES, of which `length` are used. */
  uint8_t *line;
  size_t length;
};

/* Text that is copied together with the unused bytes behind it, so that the compiler knows the length of the copy. The
 * next text overwrites the unused bytes. */
struct piece {
  char text[64];
  size_t length;
};

/* What all entries of one call have in common. */
struct frame {
  enum log_format format;
  const struct escape *escapes;
  /* The beginning of a CRI entry, up to its tag. */
  struct piece head;
  /* The rest of a json-file entry, from the end of its text. */
  struct piece tail;
};

/* RFC 3339 in UTC with nanoseconds, without trailing zeros, as Go's RFC3339Nano formats it. */
static void format_now(char *into, size_t size) {
  struct timespec now;
  struct tm calendar;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &calendar);
  char *at = into + strftime(into, size, "%Y-%m-%dT%H:%M:%S", &calendar);
  long rest = now.tv_nsec;
  if (rest > 0) *at++ = '.';
  for (long unit = 100000000; rest > 0; rest %= unit, unit /= 10)
    *at++ = (char)('0' + rest / unit);
  memcpy(at, "Z", 2);
}

static void append(struct piece *piece, const char *text) {
  size_t length = strlen(text);
  memcpy(piece->text + piece->length, text, length);
  piece->length += length;
}

static struct frame make_frame(const struct encoder *encoder) {
  char time[64];
  struct frame frame = {.format = encoder->format, .escapes = encoder->escapes};
  format_now(time, sizeof time);
  const char *head[] = {time, " ", encoder->stream, " "};
  const char *tail[] = {"\",\"stream\":\"", encoder->stream, "\",\"time\":\"", time, "\"}\n"};
  for (size_t i = 0; i < sizeof head / sizeof *head; i++)
    append(&frame.head, head[i]);
  for (size_t i = 0; i < sizeof tail / sizeof *tail; i++)
    append(&frame.tail, tail[i]);
  return frame;
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t length) {
  memcpy(at, bytes, length);
  return at + length;
}

static uint8_t *put_piece(uint8_t *at, const struct piece *piece) {
  memcpy(at, piece->text, sizeof piece->text);
  return at + piece->length;
}

/* Writes one entry: a line, or a part that does not end its line. */
static uint8_t *put_entry(uint8_t *at, const struct frame *frame, const uint8_t *bytes, size_t length, bool ends_line) {
  if (frame->format == FORMAT_CRI) {
    at = put_piece(at, &frame->head);
    at = put(at, ends_line ? "F " : "P ", 2);
    at = put(at, bytes, length);
    *at++ = '\n';
    return at;
  }
  at = put(at, "{\"log\":\"", 8);
  at = put_json_text(at, frame->escapes, bytes, length);
  if (ends_line) at = put(at, "\\n", 2);
  return put_piece(at, &frame->tail);
}

/* The size of an entry at most. JSON text has at most six bytes for each byte. */
static size_t most_bytes(enum log_format format, size_t length) {
  return FRAME_BYTES + (format == FORMAT_CRI ? length : 6 * length);
}

/* How many bytes at the end may be the beginning of a character whose other bytes come later. */
static size_t unfinished_character(const uint8_t *bytes, size_t length) {
  for (size_t back = 1; back <= smaller(length, 3); back++) {
    uint8_t byte = bytes[length - back];
    if ((byte & 0xc0) != 0x80) return character_length(byte) > back ? back : 0;
  }
  return 0;
}

static void hold(struct encoder *encoder, const uint8_t *bytes, size_t length) {
  memcpy(encoder->line + encoder->length, bytes, length);
  encoder->length += length;
}

/* Encodes as much as `into` has room for. Returns how many bytes it took; `*written` is how many it wrote. */
static size_t encode(struct encoder *encoder, struct bytes from, struct bytes into, size_t *written) {
  struct frame frame = make_frame(encoder);
  uint8_t *at = into.data;
  size_t taken = 0;
  while (taken < from.length) {
    const uint8_t *rest = from.data + taken;
    size_t count = smaller(from.length - taken, PART_BYTES - encoder->length);
    const uint8_t *newline = memchr(rest, '\n', count);
    if (newline != NULL) count = (size_t)(newline - rest);
    if (newline == NULL && encoder->length + count < PART_BYTES) {
      hold(encoder, rest, count);
      taken += count;
      break;
    }
    size_t room = into.length - (size_t)(at - into.data);
    if (room < most_bytes(encoder->format, encoder->length + count)) break;
    taken += newline == NULL ? count : count + 1;
    /* A line that came in one piece is encoded from where it is, without a copy. */
    bool was_held = encoder->length > 0;
    if (was_held) hold(encoder, rest, count);
    const uint8_t *bytes = was_held ? encoder->line : rest;
    size_t length = was_held ? encoder->length : count;
    size_t kept = newline == NULL ? unfinished_character(bytes, length) : 0;
    at = put_entry(at, &frame, bytes, length - kept, newline != NULL);
    encoder->length = 0;
    hold(encoder, bytes + length - kept, kept);
  }
  *written = (size_t)(at - into.data);
  return taken;
}

static int64_t log_create(struct call *call) {
  struct encoders *encoders = &call->context->encoders;
  int32_t format = call->arguments[0].number;
  bool is_stderr = call->arguments[1].number;
  if (format < 0 || format >= FORMAT_COUNT) return -EINVAL;
  uint8_t *line = malloc(PART_BYTES);
  int32_t id = line == NULL ? -ENOMEM : table_add(&encoders->table);
  if (id < 0)
    free(line);
  else
    *(struct encoder *)table_get(&encoders->table, id) = (struct encoder){
        .format = (enum log_format)format,
        .stream = is_stderr ? "stderr" : "stdout",
        .escapes = encoders->escapes,
        .line = line,
    };
  return id;
}

static int64_t log_encode(struct call *call) {
  struct bytes from = call->arguments[1].bytes;
  struct bytes into = call->arguments[2].bytes;
  size_t written;
  from.length = smaller(from.length, (1u << COUNT_BITS) - 1);
  into.length = smaller(into.length, (1u << COUNT_BITS) - 1);
  size_t taken = encode(call->arguments[0].item, from, into, &written);
  return (int64_t)taken << COUNT_BITS | (int64_t)written;
}

static int64_t log_end(struct call *call) {
  struct encoder *encoder = call->arguments[0].item;
  struct bytes into = call->arguments[1].bytes;
  if (encoder->length == 0) return 0;
  if (into.length < most_bytes(encoder->format, encoder->length)) return -ENOBUFS;
  struct frame frame = make_frame(encoder);
  uint8_t *end = put_entry(into.data, &frame, encoder->line, encoder->length, false);
  encoder->length = 0;
  return end - into.data;
}

static int64_t log_destroy(struct call *call) {
  struct encoder *encoder = call->arguments[0].item;
  free(encoder->line);
  table_remove(&call->context->encoders.table, call->arguments[0].number);
  return 0;
}

void log_setup(struct context *context) {
  context->encoders.table.item_size = sizeof(struct encoder);
  fill_escapes(context->encoders.escapes);
}

void log_teardown(struct context *context) {
  struct table *table = &context->encoders.table;
  for (int32_t id = 0; id < table->count; id++) {
    struct encoder *encoder = table_get(table, id);
    if (encoder != NULL) free(encoder->line);
  }
  table_free(table);
}

const struct export log_exports[] = {
    {"log_create", log_create, {INT, BOOL}},
    {"log_encode", log_encode, {ENCODER, BYTES, BYTES}},
    {"log_end", log_end, {ENCODER, BYTES}},
    {"log_destroy", log_destroy, {ENCODER}},
    {0},
};
