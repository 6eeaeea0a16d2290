/** Bytes in which every loss, repetition or swap shows, because no two parts are the same. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state & 0xff;
  }
  return bytes;
}

/** The same in printable characters, for a tty that is not raw: no control character, no newline. */
export function printablePattern(length: number, seed = 1): Buffer {
  return Buffer.from(pattern(length, seed).map((byte) => 0x30 + (byte & 0x3f)));
}
