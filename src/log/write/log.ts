/**
 * A log of the output of a process. `write` does not wait for the disk: entries wait in memory while the disk is slow,
 * and the caller pauses if too many wait. Entries are lost while the disk is full; the log says so when there is room
 * again.
 */
import type { TermshimError } from '../../errors/errors.js';
import { createMutex } from '../../async/mutex.js';
import { createBatches } from './batches.js';
import type { LogStream } from '../encoder.js';
import { openLogFile } from './log-file.js';
import { lossNotice } from './loss-notice.js';
import { type LogOptions, withDefaults } from '../options.js';

/** A log that is written. Only `flush`, `reopen` and `close` wait for the disk. */
export interface Log {
  /**
   * Copies the bytes, in pieces of any size; each line becomes an entry. Returns false if more than 1 MiB waits for the
   * disk: stop reading the source until `onRoom`. The bytes are taken in any case.
   */
  write(stream: LogStream, bytes: Uint8Array): boolean;
  /** Ends a stream: a last line without a newline is written as it is. */
  end(stream: LogStream): void;
  /** Settles when everything that was written until now is in the file, or lost. */
  flush(): Promise<void>;
  /**
   * Opens the file at the path again, after you have moved the old one. Fails with ERR_LOG_FAILED and goes on with the
   * old file.
   */
  reopen(): Promise<void>;
  /** Ends both streams, flushes and closes the file. Idempotent. */
  close(): Promise<void>;
  /** Bytes of entries that wait for the disk. */
  readonly pendingBytes: number;
  /** Bytes of entries that were lost because the disk was full or failed. The log says so once it can be written. */
  readonly lostBytes: number;
}

/** What a log reports. */
export interface LogEvents {
  /** Called when there is room again, after a `write` that returned false. */
  onRoom?: () => void;
  /**
   * Called once when the log cannot be written; later entries are lost until it can. By default the error becomes a warning
   * of this process.
   */
  onError?: (error: TermshimError) => void;
}

/**
 * Opens a log and appends to it. If `maxBytes` is set, a full file `app.log` becomes `app.log.1`, and `app.log.1` becomes
 * `app.log.2`.
 *
 * Fails with ERR_LOG_OPTION, with ERR_LOG_FAILED if the file cannot be opened, and with ERR_PATH_UNTRUSTED if another user
 * may change the path.
 *
 * @example
 * ```js
 * import { openLog } from 'termshim/log';
 *
 * const log = await openLog({ path: 'app.log', maxBytes: 10_000_000, maxFiles: 3 });
 * log.write('stdout', Buffer.from('hello\n'));
 * await log.close();
 * ```
 */
export async function openLog(options: LogOptions, events: LogEvents = {}): Promise<Log> {
  const { onError = (error: TermshimError): void => process.emitWarning(error) } = events;
  const settings = withDefaults(options);
  let isClosed = false;
  const tell = (error: TermshimError): void => {
    if (!isClosed) onError(error);
  };
  const file = await openLogFile(settings, tell);
  const batches = createBatches(settings.format);
  const runExclusive = createMutex();
  const flushes: { at: number; resolve: () => void }[] = [];
  let [storedBytes, lostBytes, untoldBytes] = [0, 0, 0];
  let trouble: TermshimError | undefined;
  let [isWriting, isFull] = [false, false];
  let closing: Promise<void> | undefined;
  /** Writes entries. If entries before them were lost, a notice comes first, until it is written. */
  const store = async (entries: Uint8Array): Promise<void> => {
    const notice = untoldBytes === 0 ? nothing : lossNotice(settings.format, untoldBytes, trouble);
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
    events.onRoom?.();
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

/** How many bytes may wait for the disk. One more write is taken in any case. */
const fullBytes = 1024 * 1024;

/** There is room again when no more bytes than this wait. */
const roomBytes = fullBytes / 2;

const nothing = new Uint8Array();
