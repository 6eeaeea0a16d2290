/** A file to which the bytes of both streams of a process are appended unchanged. */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { createMutex } from '../../async/mutex.js';
import { openDirectoryOf } from '../../os/file/open-directory.js';
import { assertNotShared, openToAppend } from '../../os/file/open-file.js';
import type { LogStream } from '../encoder.js';
import type { Log, LogEvents } from './log.js';
import { logError } from '../log-error.js';

/** Opens a file to append to. Bytes that cannot be written are lost and counted. Fails as `openPlainFile`. */
export async function openPlainLog(path: string, events: Required<LogEvents>): Promise<Log> {
  return new PlainLog(path, await openPlainFile(path), events);
}

class PlainLog implements Log {
  readonly #path: string;
  readonly #events: Required<LogEvents>;
  readonly #runExclusive = createMutex();
  #file: FileHandle;
  #waiting: Uint8Array[] = [];
  #pendingBytes = 0;
  #lostBytes = 0;
  #isFull = false;
  #isTroubled = false;
  #isClosed = false;
  #writing: Promise<void> | undefined;

  /** Takes over the file. */
  constructor(path: string, file: FileHandle, events: Required<LogEvents>) {
    this.#path = path;
    this.#file = file;
    this.#events = events;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get lostBytes(): number {
    return this.#lostBytes;
  }

  write(_stream: LogStream, bytes: Uint8Array): boolean {
    if (this.#isClosed) return true;
    this.#waiting.push(Uint8Array.from(bytes));
    this.#pendingBytes += bytes.length;
    this.#writing ??= this.#writeAll();
    this.#isFull ||= this.#pendingBytes > fullBytes;
    return !this.#isFull;
  }

  end(): void {}

  flush(): Promise<void> {
    return this.#writing ?? Promise.resolve();
  }

  reopen(): Promise<void> {
    return this.#runExclusive(async () => {
      const next = await openPlainFile(this.#path);
      await this.#file.close();
      this.#file = next;
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.flush();
    await this.#runExclusive(() => this.#file.close());
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const bytes = Buffer.concat(this.#waiting);
      this.#waiting = [];
      await this.#runExclusive(() => this.#append(bytes));
      this.#pendingBytes -= bytes.length;
      if (!this.#isFull || this.#pendingBytes > roomBytes) continue;
      this.#isFull = false;
      this.#events.onRoom();
    }
    this.#writing = undefined;
  }

  async #append(bytes: Uint8Array): Promise<void> {
    let done = 0;
    try {
      while (done < bytes.length) done += (await this.#file.write(bytes, done)).bytesWritten;
      this.#isTroubled = false;
    } catch (error) {
      this.#lostBytes += bytes.length - done;
      if (!this.#isTroubled) this.#events.onError(logError(error, `write the file ${this.#path}`));
      this.#isTroubled = true;
    }
  }
}

/** How many bytes may wait for the disk, and how few must wait until there is room again. */
const [fullBytes, roomBytes] = [1024 * 1024, 512 * 1024];

/**
 * Opens a file to append to; a new file has containerd's mode. The path may name a device in /dev; the open does not
 * block. Fails with ERR_LOG_FAILED and ERR_PATH_UNTRUSTED.
 */
export async function openPlainFile(path: string): Promise<FileHandle> {
  try {
    await using directory = await openDirectoryOf(path, true);
    assertNotShared(directory, path);
    return await openToAppend(directory, path, { access: constants.O_WRONLY, mode: 0o644, takesDevice: true });
  } catch (error) {
    throw logError(error, `open the file ${path}`);
  }
}
