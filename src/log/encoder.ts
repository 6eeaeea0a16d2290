/** Makes log entries of the output of a process: an object that owns two encoders of native/log-encoder.c. */
import { addon, LogFormat } from '../native/addon.js';
import { check } from '../errors/errors.js';

/** The stream that an entry of a log comes from. */
export type LogStream = 'stdout' | 'stderr';

export interface Encoder {
  /**
   * Makes entries of the lines that end in `bytes`, and keeps an unfinished line. Takes fewer bytes if the next entry
   * may not fit into `into`; an entry always fits into 128 KiB.
   */
  encode(stream: LogStream, bytes: Uint8Array, into: Uint8Array): { taken: number; written: number };
  /** Makes an entry of the kept bytes. Returns its length: 0 if there were none, undefined if it may not fit. */
  end(stream: LogStream, into: Uint8Array): number | undefined;
  /** Frees the encoders and drops kept bytes. Idempotent. */
  close(): void;
}

export function createEncoder(format: LogFormat): Encoder {
  const ids = { stdout: create(format, false), stderr: create(format, true) };
  let isOpen = true;
  return {
    encode(stream, bytes, into) {
      const answer = check(addon.log_encode(ids[stream], bytes, into), 'log_encode', 'encode log entries');
      return { taken: Math.floor(answer / 2 ** 26), written: answer % 2 ** 26 };
    },
    end(stream, into) {
      const length = addon.log_end(ids[stream], into);
      return length < 0 ? undefined : length;
    },
    close() {
      if (isOpen) for (const id of Object.values(ids)) addon.log_destroy(id);
      isOpen = false;
    },
  };
}

function create(format: LogFormat, isStderr: boolean): number {
  return check(addon.log_create(LogFormat[format], isStderr), 'malloc', 'create a log encoder');
}
