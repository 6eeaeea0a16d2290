/**
 * A log of what a process writes. Nobody waits for the disk: entries wait in memory while it is slow, and are lost while
 * it is full, which the log tells when there is room again. No byte of a container depends on its log.
 */
import type { TermshimError } from '../../errors/errors.js';
import { createMutex } from '../../async/mutex.js';
import { createBatches } from './batches.js';
import type { LogStream } from '../encoder.js';
import { openLogFile } from './log-file.js';
import { lossNotice } from './loss-notice.js';
import type { LogOptions } from '../options.js';

export interface Log {
  /** The bytes are copied. False: more waits for the disk than ought to, stop reading until `onRoom`. */
  write(stream: LogStream, bytes: Uint8Array): boolean;
  /** The stream has ended: what has no line end yet is written as it is. */
  end(stream: LogStream): void;
  /** Resolves when all that was given until now is in the file, or lost. */
  flush(): Promise<void>;
  /** Somebody has moved the file: opens what is at its path now. Fails with ERR_LOG_FAILED, and goes on with the old file. */
  reopen(): Promise<void>;
  /** Ends both streams, and flushes first. Idempotent. */
  close(): Promise<void>;
  /** Bytes of entries that wait for the disk. */
  readonly pendingBytes: number;
  /** Bytes of entries that no file has. */
  readonly lostBytes: number;
}

export interface LogEvents {
  /** There is room again, after a write that answered false. */
  onRoom(): void;
  /** Something is wrong with the log, and will be for a while: told once. */
  onError(error: TermshimError): void;
}

/** Fails with ERR_LOG_FAILED. */
export async function openLog(options: LogOptions, events: LogEvents): Promise<Log> {
  let isClosed = false;
  const tell = (error: TermshimError): void => {
    if (!isClosed) events.onError(error);
  };
  const file = await openLogFile(options, tell);
  const batches = createBatches(options.format);
  const runExclusive = createMutex();
  const flushes: { at: number; resolve: () => void }[] = [];
  let [storedBytes, lostBytes, untoldBytes] = [0, 0, 0];
  let trouble: TermshimError | undefined;
  let [isWriting, isFull] = [false, false];
  let closing: Promise<void> | undefined;
  /** What was lost is told where it was lost. There is room again when it is told, and all else is written. */
  const store = async (entries: Uint8Array): Promise<void> => {
    const notice = untoldBytes === 0 ? nothing : lossNotice(options.format, untoldBytes, trouble);
    const { bytes, error } = await file.write(untoldBytes === 0 ? entries : Buffer.concat([notice, entries]));
    if (bytes >= notice.length) untoldBytes = 0;
    const lost = entries.length - Math.max(0, bytes - notice.length);
    lostBytes += lost;
    untoldBytes += lost;
    if (error !== undefined && trouble === undefined) tell(error);
    trouble = error;
  };
  const released = (bytes: number): void => {
    batches.release();
    storedBytes += bytes;
    while (flushes[0] !== undefined && flushes[0].at <= storedBytes) flushes.shift()?.resolve();
    if (!isFull || batches.pendingBytes > roomBytes) return;
    isFull = false;
    events.onRoom();
  };
  const writeAll = async (): Promise<void> => {
    if (isWriting) return;
    isWriting = true;
    for (let entries = batches.take(); entries !== undefined; entries = batches.take()) {
      const taken = entries;
      await runExclusive(() => store(taken));
      released(taken.length);
    }
    isWriting = false;
  };
  const flush = (): Promise<void> =>
    new Promise((resolve) => {
      if (batches.pendingBytes === 0) resolve();
      else flushes.push({ at: storedBytes + batches.pendingBytes, resolve });
    });
  const end = (stream: LogStream): void => {
    if (closing !== undefined) return;
    batches.end(stream);
    void writeAll();
  };
  const close = async (): Promise<void> => {
    await flush();
    await runExclusive(() => store(nothing));
    await runExclusive(() => file.close());
    batches.close();
    isClosed = true;
  };
  return {
    write(stream, bytes) {
      if (closing !== undefined) return true;
      batches.append(stream, bytes);
      void writeAll();
      isFull ||= batches.pendingBytes > fullBytes;
      return !isFull;
    },
    end,
    flush,
    reopen: () => runExclusive(() => file.reopen()),
    close() {
      end('stdout');
      end('stderr');
      closing ??= close();
      return closing;
    },
    get pendingBytes() {
      return batches.pendingBytes;
    },
    get lostBytes() {
      return lostBytes;
    },
  };
}

/** So much may wait for the disk, and what one more write makes of its bytes. */
const fullBytes = 1024 * 1024;

/** When so little waits, there is room again. */
const roomBytes = fullBytes / 2;

const nothing = new Uint8Array();
