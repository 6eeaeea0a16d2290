/** The file of a recording: it takes lines at once, and writes them off the main thread. */
import { constants, ftruncate, write } from 'node:fs';
import { constants as os } from 'node:os';
import { promisify } from 'node:util';
import { TermshimError } from '../os/errors.js';
import { fileError } from '../os/file-error.js';
import { OwnedFd } from '../os/owned-fd.js';

export interface RecordingFile {
  /** Characters that are not written yet. */
  readonly pendingLength: number;
  /** Takes whole lines. Does nothing once it is closed or has failed. */
  append(lines: string): void;
  /** Settles when everything is written, or cannot be. Idempotent. */
  close(): Promise<void>;
}

/** How long lines are collected before they are written, so that a kill of the daemon costs little. */
const flushMs = 500;
/** When so many characters are collected they are written at once. */
const flushLength = 64 * 1024;

/**
 * Creates the file, for this user alone. Throws ERR_FILE_EXISTS, and ERR_SYSTEM if it cannot be made.
 *
 * @param onFailure told once: a write failed. The file ends with the last line that is whole, and takes no more.
 */
export function createRecordingFile(path: string, onFailure: (error: TermshimError) => void): RecordingFile {
  const file = create(path);
  let pending: string[] = [];
  let pendingLength = 0;
  let writtenBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let isOpen = true;
  let closed: Promise<void> | undefined;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    writing ??= writeAll().finally(() => (writing = undefined));
  };
  const writeAll = async (): Promise<void> => {
    while (pending.length > 0) {
      const text = pending.join('');
      pending = [];
      await writeLines(Buffer.from(text));
      pendingLength -= text.length;
    }
  };
  const writeLines = async (lines: Buffer): Promise<void> => {
    let done = 0;
    try {
      while (done < lines.length) done += (await writeTo(file.fd, lines, done)).bytesWritten;
      writtenBytes += done;
    } catch (error) {
      isOpen = false;
      pending = [];
      pendingLength = lines.length;
      // What was written of a line that is not whole would make the rest useless to a player.
      const wholeBytes = lines.subarray(0, done).lastIndexOf('\n') + 1;
      await truncate(file.fd, writtenBytes + wholeBytes).catch(() => {});
      file.close();
      onFailure(fileError(error, `write the recording ${path}`));
    }
  };
  const finish = async (): Promise<void> => {
    isOpen = false;
    flush();
    await writing;
    file.close();
  };
  return {
    get pendingLength() {
      return pendingLength;
    },
    append(lines) {
      if (!isOpen || lines === '') return;
      pending.push(lines);
      pendingLength += lines.length;
      if (pendingLength >= flushLength) flush();
      else timer ??= setTimeout(flush, flushMs);
    },
    close() {
      closed ??= finish();
      return closed;
    },
  };
}

const writeTo = promisify(write);
const truncate = promisify(ftruncate);

function create(path: string): OwnedFd {
  const name = `the recording ${path}`;
  const file = OwnedFd.tryOpen(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, name, os.errno.EEXIST);
  if (file !== undefined) return file;
  throw new TermshimError('ERR_FILE_EXISTS', `there is a file ${path} already, and a recording overwrites none`);
}
