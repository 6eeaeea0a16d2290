/*
 * Writes text as the inside of a JSON string, as Docker's json-file log driver writes it: with the escapes of Go's
 * encoding/json, and U+FFFD for what is not UTF-8.
 */
#include "addon.h"

#include <string.h>

static const char hex[] = "0123456789abcdef";

static uint8_t *put(uint8_t *at, const void *bytes, size_t length) {
  memcpy(at, bytes, length);
  return at + length;
}

/* Docker also escapes the characters that are markup in HTML. */
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

void fill_escapes(struct escape escapes[static ASCII_COUNT]) {
  for (int byte = 0; byte < ASCII_COUNT; byte++)
    escapes[byte] = escape_of((uint8_t)byte);
}

/* Copies a fixed number of bytes, which is faster, and moves on by the length of the escape. The next write overwrites
 * the rest. */
static uint8_t *put_escape(uint8_t *at, const struct escape *escapes, uint8_t byte) {
  memcpy(at, &escapes[byte], sizeof *escapes);
  return at + escapes[byte].length;
}

size_t character_length(uint8_t lead) {
  if (lead < 0xc2 || lead > 0xf4) return 1;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* How many bytes are one character, or the valid beginning of a character that then breaks off (Unicode calls it a
 * maximal subpart). `*is_whole` says which of the two. */
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

/* Docker escapes U+2028 and U+2029, which end a line in JavaScript. */
static uint8_t *put_character(uint8_t *at, const uint8_t *bytes, size_t length, bool is_whole) {
  if (!is_whole) return put(at, "\\ufffd", 6);
  if (length == 3 && bytes[0] == 0xe2 && bytes[1] == 0x80 && (bytes[2] & 0xfe) == 0xa8) {
    at = put(at, "\\u202", 5);
    *at++ = (uint8_t)hex[bytes[2] & 0xf];
    return at;
  }
  return put(at, bytes, length);
}

/* This many bytes are tested at once. The compiler has instructions for it on every architecture that is supported. */
typedef int8_t vector __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

static bool has_any(vector found) {
  halves words = (halves)found;
  return (words[0] | words[1]) != 0;
}

/* Whether all bytes are ASCII that needs no escape in JSON. A byte of 0x80 or more is negative here, so the test for
 * control characters finds it too. Two characters that differ in one bit are found by one comparison. */
static bool is_plain(vector bytes) {
  vector low = bytes < ' ';
  vector quote_or_ampersand = (bytes | ('"' ^ '&')) == '&';
  vector less_or_greater = (bytes | ('<' ^ '>')) == '>';
  vector backslash = bytes == '\\';
  return !has_any(low | quote_or_ampersand | less_or_greater | backslash);
}

/* Writes the characters that begin before `stop`, and moves `*bytes` behind them. The text ends at `end`. */
static uint8_t *put_characters(uint8_t *at, const struct escape *escapes, const uint8_t **bytes, const uint8_t *stop,
                               const uint8_t *end) {
  const uint8_t *from = *bytes;
  while (from < stop) {
    if (*from < 0x80) {
      at = put_escape(at, escapes, *from++);
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

uint8_t *put_json_text(uint8_t *at, const struct escape *escapes, const uint8_t *bytes, size_t length) {
  const uint8_t *end = bytes + length;
  vector some;
  while (end - bytes >= (ptrdiff_t)sizeof some) {
    memcpy(&some, bytes, sizeof some);
    if (is_plain(some)) {
      at = put(at, &some, sizeof some);
      bytes += sizeof some;
    } else if (!has_any(some & INT8_MIN)) {
      /* Without a branch for each byte: in text such as JSON, quotes stand at places that no CPU can predict. */
      for (size_t i = 0; i < sizeof some; i++)
        at = put_escape(at, escapes, bytes[i]);
      bytes += sizeof some;
    } else {
      at = put_characters(at, escapes, &bytes, bytes + sizeof some, end);
    }
  }
  return put_characters(at, escapes, &bytes, end, end);
}
