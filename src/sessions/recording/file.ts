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
  const file = await create(path);
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
      while (done < lines.length) done += (await file.write(lines, done)).bytesWritten;
      writtenBytes += done;
    } catch (error) {
      isOpen = false;
      pending = [];
      pendingLength = lines.length;
      // A partial line at the end would make the file useless to a player.
      const wholeBytes = lines.subarray(0, done).lastIndexOf('\n') + 1;
      await file.truncate(writtenBytes + wholeBytes).catch(() => {});
      await file.close().catch(() => {});
      fail(error);
    }
  };
  const fail = (error: unknown): void => onError(fileError(error, `write the recording ${path}`));
  const finish = async (): Promise<void> => {
    isOpen = false;
    flush();
    await writing;
    // A network file system may report only here that the disk is full. If the file is closed already, this does
    // nothing.
    await file.close().catch(fail);
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
