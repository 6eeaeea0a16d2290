/**
 * The full files of a log, named as Docker names them: `F.1` is the newest, and a compressed one is `F.1.gz`. The names
 * are the only state, so after a kill at any moment the next writer can go on.
 */
import { constants } from 'node:fs';
import { type FileHandle, readdir, rename, unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { createMutex } from '../../async/mutex.js';
import type { OpenDirectory } from '../../os/file/open-directory.js';
import { openToRead } from '../../os/file/open-file.js';
import { compressFile } from './compress.js';
import { logError } from '../log-error.js';
import type { LogSettings } from '../options.js';
import { createTemporary, isTemporary, type Temporary, temporaryName } from '../temporary-file.js';
import { errnoOf, undefinedIfAbsent } from '../../errors/file-error.js';
import { numberedNames, type NumberedName } from '../file-names.js';

export interface Backups {
  /** Removes temporary files of a writer that was killed, and begins to compress full files that are not compressed. */
  begin(): Promise<void>;
  /** Renames the log to `F.1`, and returns a new, empty file at its path. If that fails, use the old file. */
  replace(): Promise<FileHandle>;
  /** Settles when no compression is running. Does not fail. */
  settle(): Promise<void>;
}

/**
 * @param directory the directory of the log; closed only after the last call and the last compression
 * @param onError called once when a file cannot be compressed; this is tried again when the next file is full
 */
export function createBackups(
  directory: OpenDirectory,
  { path, maxFiles, compress }: LogSettings,
  onError: (error: TermshimError) => void,
): Backups {
  const log = basename(path);
  const at = (name: string): string => directory.at(name);
  const runExclusive = createMutex();
  let compression: Compression | undefined;
  let [isCompressing, isStuck] = [false, false];
  let compressing = Promise.resolve();
  const findBackups = async (): Promise<NumberedName[]> => numberedNames(log, await readdir(at('.')));
  const shift = async (): Promise<void> => {
    for (const { number, suffix } of (await findBackups()).toReversed()) {
      const name = at(`${log}.${number}${suffix}`);
      if (number >= maxFiles - 1) await removeOr(name, () => rename(name, at(temporaryName(log, 'old'))));
      else await rename(name, at(`${log}.${number + 1}${suffix}`));
    }
    if (compression !== undefined && ++compression.number >= maxFiles) compression.stop.abort();
  };
  const startCompression = async (): Promise<Compression | undefined> => {
    for (const { number, suffix } of await findBackups()) {
      const source =
        suffix === '' ? await openToRead(directory, `${path}.${number}`).catch(unlessUntrusted) : undefined;
      if (source === undefined) continue;
      const target = await createTemporary(directory, log, 'gz', constants.O_WRONLY).catch(async (error: unknown) => {
        await source.close();
        throw error;
      });
      compression = { number, source, target, stop: new AbortController() };
      return compression;
    }
    return undefined;
  };
  const finishCompression = async ({ number, target, stop }: Compression): Promise<void> => {
    compression = undefined;
    if (stop.signal.aborted) return remove(target.path);
    await rename(target.path, at(`${log}.${number}.gz`));
    await remove(at(`${log}.${number}`));
  };
  const compressAll = async (): Promise<void> => {
    if (!compress || isCompressing) return;
    isCompressing = true;
    let running: Compression | undefined;
    try {
      for (;;) {
        running = await runExclusive(startCompression);
        if (running === undefined) return;
        const { source, target, stop } = running;
        await compressFile(source, target.file, stop.signal).catch((error: unknown) => {
          if (!stop.signal.aborted) throw error;
        });
        await runExclusive(() => finishCompression(running as Compression));
        isStuck = false;
      }
    } catch (error) {
      if (!isStuck) onError(logError(error, `compress a full file of the log ${path}`));
      isStuck = true;
      if (running !== undefined) await remove(running.target.path).catch(() => {});
    } finally {
      compression = undefined;
      isCompressing = false;
    }
  };
  const compressInTime = (): void => {
    const before = compressing;
    compressing = compressAll().then(() => before);
  };
  return {
    async begin() {
      const leftovers = (await readdir(at('.')).catch(() => [])).filter((name) => isTemporary(log, name));
      for (const leftover of leftovers) await remove(at(leftover)).catch(() => {});
      compressInTime();
    },
    replace: () =>
      runExclusive(async () => {
        const next = await createTemporary(directory, log, 'new', constants.O_RDWR | constants.O_APPEND);
        try {
          await shift();
          // The log may have been removed.
          await rename(at(log), at(`${log}.1`)).catch(undefinedIfAbsent);
          await rename(next.path, at(log));
        } catch (error) {
          await next.file.close();
          await remove(next.path);
          throw error;
        }
        compressInTime();
        return next.file;
      }),
    settle: () => compressing,
  };
}

interface Compression {
  /** The number of the file that is compressed. A rotation meanwhile increases it. */
  number: number;
  source: FileHandle;
  target: Temporary;
  /** Aborted when a rotation removes the file. */
  stop: AbortController;
}

function remove(path: string): Promise<void> {
  return unlink(path).catch(undefinedIfAbsent);
}

/** If a directory has the name of a full file, it cannot be unlinked. Then `otherwise` renames it. */
async function removeOr(path: string, otherwise: () => Promise<void>): Promise<void> {
  await remove(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'EISDIR' && errnoOf(error) !== 'EPERM') throw error;
    return otherwise();
  });
}

/** A file of another user that has the name of a full file is left out. */
function unlessUntrusted(error: unknown): undefined {
  if (!(error instanceof TermshimError)) throw error;
  return undefined;
}
