/*
 * The bytes of a flood, as a function of their position, so that a lost, doubled or changed byte is seen.
 *
 * The period is a prime: no block that any copier uses is a multiple of it, so a lost block shifts the pattern.
 */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_PERIOD 65521
#define PATTERN_BLOCK 65536

/* Long enough to take a whole block from any position of the period. */
static unsigned char pattern[PATTERN_PERIOD + PATTERN_BLOCK];

static void pattern_fill(void) {
  uint32_t state = 2463534242u;
  for (size_t i = 0; i < sizeof pattern; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    pattern[i] = i < PATTERN_PERIOD ? (unsigned char)(state >> 16) : pattern[i - PATTERN_PERIOD];
  }
}

/* The block of the flood that begins at `position`. */
static const unsigned char *pattern_at(uint64_t position) { return pattern + position % PATTERN_PERIOD; }

#endif
