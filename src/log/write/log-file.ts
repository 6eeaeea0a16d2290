/**
 * The file that a log is written to, and its rotation. Threads of libuv write, for each disk only one at a time: a disk
 * that hangs stops no console, and no log on another disk.
 */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { TermshimError } from '../../errors/errors.js';
import { type RunExclusive, createMutex } from '../../async/mutex.js';
import { openDirectoryOf, type OpenDirectory } from '../../os/file/open-directory.js';
import { assertNotShared, openToAppend } from '../../os/file/open-file.js';
import { type Backups, createBackups } from './backups.js';
import { logError } from '../log-error.js';
import { logMode } from '../log-mode.js';
import type { LogSettings } from '../options.js';
import { mendTail } from './repair-tail.js';

export interface Written {
  /** How many bytes of the entries were written. The others are lost. */
  bytes: number;
  /** Why not all bytes were written. */
  error?: TermshimError;
}

export interface LogFile {
  /** Appends whole entries; none is split between two files. Wait for each call, also of `reopen`, before the next. */
  write(entries: Uint8Array): Promise<Written>;
  /** Opens the file that is at the path, and closes the old one. If the open fails, the old file stays open. */
  reopen(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the file; creates it and the directories above it if they do not exist. Fails with ERR_LOG_FAILED, and with
 * ERR_PATH_UNTRUSTED.
 *
 * @param onError called if a close or a compression fails, and once if a full file cannot be renamed or emptied: it
 *   grows on, and this is tried again after each `maxBytes` more
 */
export async function openLogFile(options: LogSettings, onError: (error: TermshimError) => void): Promise<LogFile> {
  const opened = await openAtEnd(options);
  const file = new RotatedFile(opened, options, onError);
  await file.begin();
  return file;
}

class RotatedFile implements LogFile {
  readonly #options: LogSettings;
  readonly #onError: (error: TermshimError) => void;
  #opened: OpenedFile;
  #backups: Backups;
  /** The size at which the file is rotated; undefined: never. */
  #fullAt: number | undefined;
  #isStuck = false;
  #isClosed = false;

  /** Takes over the file. */
  constructor(opened: OpenedFile, options: LogSettings, onError: (error: TermshimError) => void) {
    this.#options = options;
    this.#onError = onError;
    this.#opened = opened;
    this.#backups = createBackups(opened.directory, options, onError);
    this.#fullAt = options.maxBytes;
  }

  /** Call it once, before the first write. */
  begin(): Promise<void> {
    return this.#backups.begin();
  }

  write(entries: Uint8Array): Promise<Written> {
    return this.#opened.runExclusive(() => this.#write(entries));
  }

  async reopen(): Promise<void> {
    const [old, backups] = [this.#opened, this.#backups];
    this.#opened = await openAtEnd(this.#options);
    this.#backups = createBackups(this.#opened.directory, this.#options, this.#onError);
    this.#fullAt = this.#options.maxBytes;
    await this.#closeFile(old.file);
    closeWhenSettled(old.directory, backups);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#closeFile(this.#opened.file);
    closeWhenSettled(this.#opened.directory, this.#backups);
  }

  async #write(entries: Uint8Array): Promise<Written> {
    const opened = this.#opened;
    for (let done = 0; done < entries.length; ) {
      if (this.#fullAt !== undefined && opened.size >= this.#fullAt) await this.#rotate();
      const rest = entries.subarray(done);
      const piece = this.#fullAt === undefined ? rest : rest.subarray(0, endOfEntry(rest, this.#fullAt - opened.size));
      const { bytes, error } = await append(opened.file, piece);
      done += bytes;
      opened.size += bytes;
      if (error !== undefined) {
        return { bytes: done, error: logError(error, `write the log ${this.#options.path}`) };
      }
    }
    return { bytes: entries.length };
  }

  async #rotate(): Promise<void> {
    const { path, maxBytes, maxFiles } = this.#options;
    const opened = this.#opened;
    try {
      if (maxFiles === 1) {
        await opened.file.truncate(0);
      } else {
        const old = opened.file;
        opened.file = await this.#backups.replace();
        await this.#closeFile(old);
      }
      opened.size = 0;
      this.#fullAt = maxBytes;
      this.#isStuck = false;
    } catch (error) {
      this.#fullAt = opened.size + (maxBytes ?? 0);
      if (!this.#isStuck) this.#onError(logError(error, `rename the full log ${path}`));
      this.#isStuck = true;
    }
  }

  async #closeFile(old: FileHandle): Promise<void> {
    await old.close().catch((error: unknown) => this.#onError(logError(error, `close the log ${this.#options.path}`)));
  }
}

interface OpenedFile {
  file: FileHandle;
  size: number;
  /** The mutex of the disk that has the file. */
  runExclusive: RunExclusive;
  directory: OpenDirectory;
}

/** A running compression goes on, and needs the directory. */
function closeWhenSettled(directory: OpenDirectory, backups: Backups): void {
  void backups.settle().then(() => directory.close());
}

async function openAtEnd({ path, format }: LogSettings): Promise<OpenedFile> {
  let [directory, file]: [OpenDirectory?, FileHandle?] = [];
  try {
    directory = await openDirectoryOf(path, true);
    assertNotShared(directory, path);
    file = await openToAppend(directory, path, { access: constants.O_RDWR, mode: logMode });
    const { dev } = await file.stat();
    return { file, size: await mendTail(file, format), runExclusive: mutexOf(dev), directory };
  } catch (error) {
    await file?.close();
    await directory?.close();
    throw logError(error, `open the log ${path}`);
  }
}

/** A disk that hangs blocks each thread that waits for it, and libuv has four. So all logs on a disk share a mutex. */
const mutexes = new Map<number, RunExclusive>();

function mutexOf(device: number): RunExclusive {
  const existing = mutexes.get(device);
  if (existing !== undefined) return existing;
  const runExclusive = createMutex();
  mutexes.set(device, runExclusive);
  return runExclusive;
}

/** The length of the first entries that have at least `atLeast` bytes together, or of all. */
function endOfEntry(entries: Uint8Array, atLeast: number): number {
  const newline = entries.indexOf(0x0a, Math.max(0, atLeast - 1));
  return newline < 0 ? entries.length : newline + 1;
}

/** If the disk is full in the middle of an entry, the part of that entry is cut off again. */
async function append(file: FileHandle, entries: Uint8Array): Promise<{ bytes: number; error?: unknown }> {
  let done = 0;
  try {
    while (done < entries.length) done += (await file.write(entries, done)).bytesWritten;
    return { bytes: done };
  } catch (error) {
    const whole = done === 0 ? 0 : entries.lastIndexOf(0x0a, done - 1) + 1;
    if (whole < done) await cutOff(file, done - whole);
    return { bytes: whole, error };
  }
}

/** If this fails, the part of the entry stays, as a line that cannot be parsed. */
async function cutOff(file: FileHandle, bytes: number): Promise<void> {
  try {
    await file.truncate((await file.stat()).size - bytes);
  } catch {
    // The part of the entry stays.
  }
}
