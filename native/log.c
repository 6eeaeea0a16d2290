/*
 * Makes log entries of what a process writes: one for each line of a stream, in Docker's json-file format or in the one
 * that kubelet reads. A line that is longer than PART_BYTES comes in parts, as Docker's copier cuts it, but never
 * inside a character. An unfinished line waits here for its end.
 *
 * The time of an entry is that of the call that completed it. Entries have no newline but their last byte, so whoever
 * holds a block of them finds their borders.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PART_BYTES 16384
/* More than an entry has besides its text, what a copy of fixed length writes behind it included. */
#define FRAME_BYTES 192
/* Two of these numbers make one answer. */
#define COUNT_BITS 26

/* In the order of LogFormat in src/native/addon.ts. */
enum format { JSON_FILE, CRI };

struct encoder {
  enum format format;
  /* `stdout` or `stderr`; NULL for an encoder that is free. */
  const char *stream;
  const struct escape *escapes;
  /* The beginning of a line whose end has not come: PART_BYTES, of which `length` are used. */
  uint8_t *line;
  size_t length;
  int32_t next_free;
};

/* Text that is copied with what lies behind it, for a length that the compiler knows; the next text goes over that. */
struct piece {
  char text[64];
  size_t length;
};

/* What all entries of one call have in common. */
struct frame {
  enum format format;
  const struct escape *escapes;
  /* Of a CRI entry, up to its tag. */
  struct piece head;
  /* Of a json-file entry, from the end of its text. */
  struct piece tail;
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* RFC 3339 in UTC with nanoseconds, without the zeros at their end, as Go's RFC3339Nano has it. */
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

static const char hex[] = "0123456789abcdef";

/* Docker escapes what would be markup in HTML, too. */
static struct escape escape_of(uint8_t byte) {
  switch (byte) {
  case '"':
  case '\\':
    return (struct escape){{'\\', byte}, 2};
  case '\n':
    return (struct escape){{'\\', 'n'}, 2};
  case '\r':
    return (struct escape){{'\\', 'r'}, 2};
  default:
    if (byte >= ' ' && byte != '<' && byte != '>' && byte != '&') return (struct escape){{byte}, 1};
    return (struct escape){{'\\', 'u', '0', '0', (uint8_t)hex[byte >> 4], (uint8_t)hex[byte & 0xf]}, 6};
  }
}

/* Copies the whole of it, and counts what it is. */
static uint8_t *put_ascii(uint8_t *at, const struct escape *escapes, uint8_t byte) {
  memcpy(at, &escapes[byte], sizeof *escapes);
  return at + escapes[byte].length;
}

/* How many bytes a character has that begins with `lead`; 1 for what begins none. */
static size_t character_length(uint8_t lead) {
  if (lead < 0xc2 || lead > 0xf4) return 1;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* How many bytes are a character, or the beginning of one that goes on otherwise (Unicode calls it a maximal subpart);
 * `*is_whole` says which. */
static size_t scan_character(const uint8_t *bytes, const uint8_t *end, bool *is_whole) {
  size_t length = character_length(bytes[0]);
  uint8_t least = bytes[0] == 0xe0 ? 0xa0 : bytes[0] == 0xf0 ? 0x90 : 0x80;
  uint8_t most = bytes[0] == 0xed ? 0x9f : bytes[0] == 0xf4 ? 0x8f : 0xbf;
  size_t count = 1;
  while (count < length && bytes + count < end && bytes[count] >= least && bytes[count] <= most) {
    count++;
    least = 0x80;
    most = 0xbf;
  }
  *is_whole = length > 1 && count == length;
  return count;
}

/* What is no UTF-8 becomes U+FFFD. U+2028 and U+2029 end a line in JavaScript; Docker escapes them. */
static uint8_t *put_character(uint8_t *at, const uint8_t *bytes, size_t length, bool is_whole) {
  if (!is_whole) return put(at, "\\ufffd", 6);
  if (length == 3 && bytes[0] == 0xe2 && bytes[1] == 0x80 && (bytes[2] & 0xfe) == 0xa8) {
    at = put(at, "\\u202", 5);
    *at++ = (uint8_t)hex[bytes[2] & 0xf];
    return at;
  }
  return put(at, bytes, length);
}

/* So many bytes are looked at together; the compiler has instructions for that on every machine we build for. */
typedef int8_t vector __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

static bool has_any(vector found) {
  halves words = (halves)found;
  return (words[0] | words[1]) != 0;
}

/* Whether all is ASCII that stands for itself in JSON: no byte of 0x80 or more, which is negative here, and no control
 * character. Two characters that differ in one bit are sought at once. */
static bool is_plain(vector bytes) {
  vector low = bytes < ' ';
  vector quote_or_ampersand = (bytes | ('"' ^ '&')) == '&';
  vector less_or_greater = (bytes | ('<' ^ '>')) == '>';
  vector backslash = bytes == '\\';
  return !has_any(low | quote_or_ampersand | less_or_greater | backslash);
}

/* Encodes from `*bytes` on until `stop`, or the end of the character that lies there. */
static uint8_t *put_characters(uint8_t *at, const struct escape *escapes, const uint8_t **bytes, const uint8_t *stop,
                               const uint8_t *end) {
  const uint8_t *from = *bytes;
  while (from < stop) {
    if (*from < 0x80) {
      at = put_ascii(at, escapes, *from++);
    } else {
      bool is_whole;
      size_t scanned = scan_character(from, end, &is_whole);
      at = put_character(at, from, scanned, is_whole);
      from += scanned;
    }
  }
  *bytes = from;
  return at;
}

static uint8_t *put_text(uint8_t *at, const struct escape *escapes, const uint8_t *bytes, size_t length) {
  const uint8_t *end = bytes + length;
  vector some;
  while (end - bytes >= (ptrdiff_t)sizeof some) {
    memcpy(&some, bytes, sizeof some);
    if (is_plain(some)) {
      at = put(at, &some, sizeof some);
      bytes += sizeof some;
    } else if (!has_any(some & INT8_MIN)) {
      /* Without a branch for each: text with many quotes, as JSON itself, has them anywhere. */
      for (size_t i = 0; i < sizeof some; i++)
        at = put_ascii(at, escapes, bytes[i]);
      bytes += sizeof some;
    } else {
      at = put_characters(at, escapes, &bytes, bytes + sizeof some, end);
    }
  }
  return put_characters(at, escapes, &bytes, end, end);
}

/* One entry: a line, or a part of one that does not end it. */
static uint8_t *put_entry(uint8_t *at, const struct frame *frame, const uint8_t *bytes, size_t length, bool ends_line) {
  if (frame->format == CRI) {
    at = put_piece(at, &frame->head);
    at = put(at, ends_line ? "F " : "P ", 2);
    at = put(at, bytes, length);
    *at++ = '\n';
    return at;
  }
  at = put(at, "{\"log\":\"", 8);
  at = put_text(at, frame->escapes, bytes, length);
  if (ends_line) at = put(at, "\\n", 2);
  return put_piece(at, &frame->tail);
}

/* No byte becomes more than six in JSON. */
static size_t most_bytes(enum format format, size_t length) {
  return FRAME_BYTES + (format == CRI ? length : 6 * length);
}

/* How many bytes at the end may be the beginning of a character whose rest is still to come. */
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

/* Encodes what it can; `*written` is how much of `into` is used then. Returns how many bytes were taken. */
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
    /* A line that came in one piece is encoded where it lies. */
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

static struct encoder *find(struct call *call) {
  int32_t id = argument_int(call, 0);
  struct encoder_table *table = &call->context->encoders;
  bool is_there = !call->failed && id >= 0 && id < table->count && table->encoders[id].stream != NULL;
  return is_there ? &table->encoders[id] : NULL;
}

static int64_t log_create(struct call *call) {
  struct encoder_table *table = &call->context->encoders;
  int format = argument_int(call, 0);
  bool is_stderr = argument_bool(call, 1);
  if (call->failed) return 0;
  if (format != JSON_FILE && format != CRI) return -EINVAL;
  if (table->count == 0)
    for (int byte = 0; byte < ASCII_COUNT; byte++)
      table->escapes[byte] = escape_of((uint8_t)byte);
  if (table->first_free < 0) {
    int32_t count = table->count == 0 ? 16 : table->count * 2;
    struct encoder *encoders = realloc(table->encoders, (size_t)count * sizeof *encoders);
    if (encoders == NULL) return -ENOMEM;
    table->encoders = encoders;
    for (int32_t id = count - 1; id >= table->count; id--) {
      encoders[id] = (struct encoder){.next_free = table->first_free};
      table->first_free = id;
    }
    table->count = count;
  }
  uint8_t *line = malloc(PART_BYTES);
  if (line == NULL) return -ENOMEM;
  int32_t id = table->first_free;
  table->first_free = table->encoders[id].next_free;
  table->encoders[id] = (struct encoder){.format = (enum format)format,
                                         .stream = is_stderr ? "stderr" : "stdout",
                                         .escapes = table->escapes,
                                         .line = line};
  return id;
}

static int64_t log_encode(struct call *call) {
  struct encoder *encoder = find(call);
  struct bytes from = argument_bytes(call, 1);
  struct bytes into = argument_bytes(call, 2);
  if (call->failed) return 0;
  if (encoder == NULL) return -EINVAL;
  from.length = smaller(from.length, (1u << COUNT_BITS) - 1);
  into.length = smaller(into.length, (1u << COUNT_BITS) - 1);
  size_t written;
  size_t taken = encode(encoder, from, into, &written);
  return (int64_t)taken << COUNT_BITS | (int64_t)written;
}

static int64_t log_end(struct call *call) {
  struct encoder *encoder = find(call);
  struct bytes into = argument_bytes(call, 1);
  if (call->failed) return 0;
  if (encoder == NULL) return -EINVAL;
  if (encoder->length == 0) return 0;
  if (into.length < most_bytes(encoder->format, encoder->length)) return -ENOBUFS;
  struct frame frame = make_frame(encoder);
  uint8_t *end = put_entry(into.data, &frame, encoder->line, encoder->length, false);
  encoder->length = 0;
  return end - into.data;
}

static int64_t log_destroy(struct call *call) {
  struct encoder *encoder = find(call);
  struct encoder_table *table = &call->context->encoders;
  if (encoder == NULL) return -EINVAL;
  free(encoder->line);
  *encoder = (struct encoder){.next_free = table->first_free};
  table->first_free = (int32_t)(encoder - table->encoders);
  return 0;
}

void log_teardown(struct context *context) {
  struct encoder_table *table = &context->encoders;
  for (int32_t id = 0; id < table->count; id++)
    free(table->encoders[id].line);
  free(table->encoders);
}

const struct export log_exports[] = {
    {"log_create", log_create},
    {"log_encode", log_encode},
    {"log_end", log_end},
    {"log_destroy", log_destroy},
    {NULL, NULL},
};
