/**
 * A log of the output of a process. `write` does not wait for the disk: entries wait in memory while the disk is slow,
 * and the caller pauses if too many wait. Entries are lost while the disk is full; the log says so when there is room
 * again.
 */
import type { TermshimError } from '../../errors/errors.js';
import { createMutex } from '../../async/mutex.js';
import { type Batches, createBatches } from './batches.js';
import type { LogFormat } from '../../native/addon.js';
import type { LogStream } from '../encoder.js';
import { type LogFile, openLogFile } from './log-file.js';
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
  const { onRoom = () => {}, onError = (error: TermshimError): void => process.emitWarning(error) } = events;
  const settings = withDefaults(options);
  let log: BatchedLog | undefined = undefined;
  // A compression may go on after the close.
  const file = await openLogFile(settings, (error) => log?.isClosed !== true && onError(error));
  log = new BatchedLog(file, settings.format, { onRoom, onError });
  return log;
}

class BatchedLog implements Log {
  readonly #file: LogFile;
  readonly #format: LogFormat;
  readonly #events: Required<LogEvents>;
  readonly #batches: Batches;
  readonly #runExclusive = createMutex();
  readonly #flushes: { at: number; resolve: () => void }[] = [];
  #storedBytes = 0;
  #lostBytes = 0;
  /** Bytes that were lost and that no notice in the log counts yet. */
  #untoldBytes = 0;
  #trouble: TermshimError | undefined;
  #isWriting = false;
  #isFull = false;
  #closing: Promise<void> | undefined;
  #isClosed = false;

  /** Takes over the file. */
  constructor(file: LogFile, format: LogFormat, events: Required<LogEvents>) {
    this.#file = file;
    this.#format = format;
    this.#events = events;
    this.#batches = createBatches(format);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get pendingBytes(): number {
    return this.#batches.pendingBytes;
  }

  get lostBytes(): number {
    return this.#lostBytes;
  }

  write(stream: LogStream, bytes: Uint8Array): boolean {
    if (this.#closing !== undefined) return true;
    this.#batches.append(stream, bytes);
    void this.#writeAll();
    this.#isFull ||= this.#batches.pendingBytes > fullBytes;
    return !this.#isFull;
  }

  end(stream: LogStream): void {
    if (this.#closing !== undefined) return;
    this.#batches.end(stream);
    void this.#writeAll();
  }

  flush(): Promise<void> {
    return new Promise((resolve) => {
      const { pendingBytes } = this.#batches;
      if (pendingBytes === 0) resolve();
      else this.#flushes.push({ at: this.#storedBytes + pendingBytes, resolve });
    });
  }

  reopen(): Promise<void> {
    return this.#runExclusive(() => this.#file.reopen());
  }

  close(): Promise<void> {
    this.end('stdout');
    this.end('stderr');
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.flush();
    await this.#runExclusive(() => this.#store(nothing));
    await this.#runExclusive(() => this.#file.close());
    this.#batches.close();
    this.#isClosed = true;
  }

  async #writeAll(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    for (let entries = this.#batches.take(); entries !== undefined; entries = this.#batches.take()) {
      const taken = entries;
      await this.#runExclusive(() => this.#store(taken));
      this.#stored(taken.length);
    }
    this.#isWriting = false;
  }

  /** Writes entries. If entries before them were lost, a notice comes first, until it is written. */
  async #store(entries: Uint8Array): Promise<void> {
    const notice = this.#untoldBytes === 0 ? nothing : lossNotice(this.#format, this.#untoldBytes, this.#trouble);
    const { bytes, error } = await this.#file.write(notice === nothing ? entries : Buffer.concat([notice, entries]));
    if (bytes >= notice.length) this.#untoldBytes = 0;
    const lost = entries.length - Math.max(0, bytes - notice.length);
    this.#lostBytes += lost;
    this.#untoldBytes += lost;
    if (error !== undefined && this.#trouble === undefined) this.#events.onError(error);
    this.#trouble = error;
  }

  #stored(bytes: number): void {
    this.#batches.release();
    this.#storedBytes += bytes;
    for (let first = this.#flushes[0]; first !== undefined && first.at <= this.#storedBytes; first = this.#flushes[0]) {
      this.#flushes.shift();
      first.resolve();
    }
    if (!this.#isFull || this.#batches.pendingBytes > roomBytes) return;
    this.#isFull = false;
    this.#events.onRoom();
  }
}

/** How many bytes may wait for the disk. One more write is taken in any case. */
const fullBytes = 1024 * 1024;

/** There is room again when no more bytes than this wait. */
const roomBytes = fullBytes / 2;

const nothing = new Uint8Array();
