/** The recent output of a console: objects that own the rings and readers of native/ring.c. */
import { addon } from '../../native/addon.js';
import { check } from '../../errors/errors.js';

export interface Ring {
  /** For `pump_tap`. */
  readonly id: number;
  readonly capacity: number;
  /** Bytes ever appended. */
  readonly bytes: number;
  /** The last bytes, at most `maxBytes`. */
  recent(maxBytes: number): Uint8Array;
  /** A reader that begins `replayBytes` bytes before the end, or with the oldest byte. */
  reader(replayBytes: number): RingReader;
  /** Frees the ring. Close its readers first. Idempotent. */
  close(): void;
}

/** Reads recent output, at its own pace. */
export interface OutputReader {
  /** Bytes that were appended and not read yet. */
  readonly behindBytes: number;
  /** Stores the next bytes, and returns how many; undefined if they were overwritten meanwhile: call `skip` then. */
  read(into: Uint8Array): number | undefined;
  /** Skips to the end. Returns how many bytes were skipped. */
  skip(): number;
  /** Idempotent. */
  close(): void;
}

export interface RingReader extends OutputReader {
  /** Writes the next bytes to `sink`. Returns the answer of `ring_reader_write`. */
  write(sink: number): number;
}

export function createRing(capacity: number): Ring {
  const id = check(addon.ring_create(capacity), 'malloc', 'create a ring');
  let isOpen = true;
  return {
    id,
    capacity,
    get bytes() {
      return addon.ring_bytes(id);
    },
    recent(maxBytes) {
      const into = new Uint8Array(Math.min(maxBytes, capacity));
      return into.subarray(0, addon.ring_recent(id, into));
    },
    reader: (replayBytes) => createReader(id, replayBytes),
    close() {
      if (isOpen) addon.ring_destroy(id);
      isOpen = false;
    },
  };
}

function createReader(ring: number, replayBytes: number): RingReader {
  const id = check(addon.ring_reader_create(ring, replayBytes), 'malloc', 'create a reader of a ring');
  let isOpen = true;
  return {
    get behindBytes() {
      return isOpen ? addon.ring_reader_behind(id) : 0;
    },
    write: (sink) => addon.ring_reader_write(id, sink),
    read(into) {
      const got = addon.ring_reader_read(id, into);
      return got < 0 ? undefined : got;
    },
    skip: () => addon.ring_reader_skip(id),
    close() {
      if (isOpen) addon.ring_reader_destroy(id);
      isOpen = false;
    },
  };
}
