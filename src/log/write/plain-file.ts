/** A file to which the bytes of both streams of a process are appended unchanged. */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { createMutex } from '../../async/mutex.js';
import { openDirectoryOf } from '../../os/file/open-directory.js';
import { assertNotShared, openToAppend } from '../../os/file/open-file.js';
import type { Log, LogEvents } from './log.js';
import { logError } from '../log-error.js';

/** Opens a file to append to. Bytes that cannot be written are lost and counted. Fails as `openPlainFile`. */
export async function openPlainLog(path: string, events: Required<LogEvents>): Promise<Log> {
  let file = await openPlainFile(path);
  const runExclusive = createMutex();
  let waiting: Uint8Array[] = [];
  let [pendingBytes, lostBytes] = [0, 0];
  let [isFull, isTroubled, isClosed] = [false, false, false];
  let writing: Promise<void> | undefined;
  const append = async (bytes: Uint8Array): Promise<void> => {
    let done = 0;
    try {
      while (done < bytes.length) done += (await file.write(bytes, done)).bytesWritten;
      isTroubled = false;
    } catch (error) {
      lostBytes += bytes.length - done;
      if (!isTroubled) events.onError(logError(error, `write the file ${path}`));
      isTroubled = true;
    }
  };
  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const bytes = Buffer.concat(waiting);
      waiting = [];
      await runExclusive(() => append(bytes));
      pendingBytes -= bytes.length;
      if (!isFull || pendingBytes > roomBytes) continue;
      isFull = false;
      events.onRoom();
    }
    writing = undefined;
  };
  const flush = (): Promise<void> => writing ?? Promise.resolve();
  return {
    write(_stream, bytes) {
      if (isClosed) return true;
      waiting.push(Uint8Array.from(bytes));
      pendingBytes += bytes.length;
      writing ??= writeAll();
      isFull ||= pendingBytes > fullBytes;
      return !isFull;
    },
    end() {},
    flush,
    reopen: () =>
      runExclusive(async () => {
        const next = await openPlainFile(path);
        await file.close();
        file = next;
      }),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await flush();
      await runExclusive(() => file.close());
    },
    get pendingBytes() {
      return pendingBytes;
    },
    get lostBytes() {
      return lostBytes;
    },
  };
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
