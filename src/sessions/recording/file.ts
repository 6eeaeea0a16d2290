/** The file of a recording: accepts lines at once, and writes them off the main thread. */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf, fileError } from '../../errors/file-error.js';
import { openDirectoryOf } from '../../os/file/open-directory.js';
import { createFile } from '../../os/file/open-file.js';

export interface RecordingFile {
  /** Characters that are not written yet. */
  readonly pendingLength: number;
  /** Accepts whole lines. Does nothing once the file is closed or a write has failed. */
  append(lines: string): void;
  /** Settles when everything is written, or a write has failed. Idempotent. */
  close(): Promise<void>;
}

/** How long lines are collected before they are written. A kill of the daemon loses no more than these. */
const flushMs = 500;
/** So many collected characters are written at once. */
const flushLength = 64 * 1024;

/**
 * Creates the file with mode 0600. Fails with ERR_FILE_EXISTS, ERR_PATH_UNTRUSTED, and with ERR_SYSTEM if it cannot be
 * created.
 *
 * @param onError called once if a write fails. The file then ends with the last whole line, and `append` does nothing.
 */
export async function createRecordingFile(
  path: string,
  onError: (error: TermshimError) => void,
): Promise<RecordingFile> {
  return new LineFile(path, await create(path), onError);
}

class LineFile implements RecordingFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #onError: (error: TermshimError) => void;
  #pending: string[] = [];
  #pendingLength = 0;
  #writtenBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #isOpen = true;
  #closed: Promise<void> | undefined;

  /** Takes over the file. */
  constructor(path: string, file: FileHandle, onError: (error: TermshimError) => void) {
    this.#path = path;
    this.#file = file;
    this.#onError = onError;
  }

  get pendingLength(): number {
    return this.#pendingLength;
  }

  append(lines: string): void {
    if (!this.#isOpen || lines === '') return;
    this.#pending.push(lines);
    this.#pendingLength += lines.length;
    if (this.#pendingLength >= flushLength) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), flushMs);
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined));
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const text = this.#pending.join('');
      this.#pending = [];
      await this.#writeLines(Buffer.from(text));
      this.#pendingLength -= text.length;
    }
  }

  async #writeLines(lines: Buffer): Promise<void> {
    let done = 0;
    try {
      while (done < lines.length) done += (await this.#file.write(lines, done)).bytesWritten;
      this.#writtenBytes += done;
    } catch (error) {
      this.#isOpen = false;
      this.#pending = [];
      this.#pendingLength = lines.length;
      // A partial line at the end would make the file useless to a player.
      const wholeBytes = lines.subarray(0, done).lastIndexOf('\n') + 1;
      await this.#file.truncate(this.#writtenBytes + wholeBytes).catch(() => {});
      await this.#file.close().catch(() => {});
      this.#fail(error);
    }
  }

  async #finish(): Promise<void> {
    this.#isOpen = false;
    this.#flush();
    await this.#writing;
    // A network file system may report only here that the disk is full. If the file is closed already, this does
    // nothing.
    await this.#file.close().catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    this.#onError(fileError(error, `write the recording ${this.#path}`));
  }
}

async function create(path: string): Promise<FileHandle> {
  try {
    await using directory = await openDirectoryOf(path);
    return await createFile(directory.at(basename(path)), constants.O_WRONLY, 0o600);
  } catch (error) {
    if (error instanceof TermshimError) throw error;
    if (errnoOf(error) !== 'EEXIST') throw fileError(error, `create the recording ${path}`);
    throw new TermshimError('ERR_FILE_EXISTS', `the file ${path} already exists; a recording does not overwrite it`);
  }
}
