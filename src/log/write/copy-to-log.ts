/** Copies a descriptor into a log, as fast as the log has room. */
import { DescriptorReader } from '../../os/descriptor-reader.js';
import type { LogStream } from '../encoder.js';
import type { Log } from './log.js';

export interface LogCopy {
  /** Settles when the source has ended, or was drained, and the log has all of it. Rejects if a read fails. */
  readonly done: Promise<void>;
  /** Call it when the log has room again. */
  resume(): void;
  /** Settles when the log has all bytes that are in the source at the call. */
  caughtUp(): Promise<void>;
  /** Reads the bytes that are in the source at the call, and ends: other processes may write there for ever. */
  drain(): void;
  /** Stops the copy; `done` never settles. Idempotent; call it before you close the source. */
  close(): void;
}

export interface LogCopyOptions {
  /** Non-blocking. The caller owns it, and keeps it open until `done`. */
  source: number;
  stream: LogStream;
  log: Pick<Log, 'write' | 'end'>;
}

export function copyToLog(options: LogCopyOptions): LogCopy {
  return new LogCopier(options);
}

class LogCopier implements LogCopy {
  readonly done: Promise<void>;
  readonly #reader: DescriptorReader;
  /** Those that wait until so many bytes were read. */
  #waiting: { at: number; resolve: () => void }[] = [];

  constructor({ source, stream, log }: LogCopyOptions) {
    let onEnd = (_error?: Error): void => {};
    this.done = new Promise((resolve, reject) => {
      onEnd = (error) => {
        this.#tellCaughtUp(Number.POSITIVE_INFINITY);
        log.end(stream);
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    const onBytes = (bytes: Uint8Array): boolean => {
      const hasRoom = log.write(stream, bytes);
      if (this.#waiting.length > 0) this.#tellCaughtUp(this.#reader.readBytes);
      return hasRoom;
    };
    this.#reader = new DescriptorReader({ source, name: `${stream} for a log`, block, onBytes, onEnd });
  }

  resume(): void {
    this.#reader.resume();
  }

  async caughtUp(): Promise<void> {
    const { readBytes, unreadBytes } = this.#reader;
    if (unreadBytes > 0) {
      await new Promise<void>((resolve) => this.#waiting.push({ at: readBytes + unreadBytes, resolve }));
    }
  }

  drain(): void {
    this.#reader.drain();
  }

  close(): void {
    this.#reader.close();
    this.#tellCaughtUp(Number.POSITIVE_INFINITY);
  }

  #tellCaughtUp(readBytes: number): void {
    for (const { at, resolve } of this.#waiting) if (at <= readBytes) resolve();
    this.#waiting = this.#waiting.filter(({ at }) => at > readBytes);
  }
}

/** A pipe holds 64 KiB (pipe(7)). Each read is passed on before the next begins, so all copies share one block. */
const block = Buffer.allocUnsafeSlow(64 * 1024);
