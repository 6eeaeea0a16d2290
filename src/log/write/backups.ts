/**
 * The full files of a log, named as Docker names them: `F.1` is the newest, and a compressed one is `F.1.gz`. Their names
 * say all there is to know, so a kill in between leaves nothing that the next writer cannot go on with.
 */
import { constants } from 'node:fs';
import { type FileHandle, readdir, rename, unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf } from '../../errors/file-error.js';
import { createMutex } from '../../async/mutex.js';
import type { TrustedDirectory } from '../../os/file/trusted-directory.js';
import { openToRead } from '../../os/file/trusted-file.js';
import { compressFile } from './compress.js';
import { logError } from '../log-error.js';
import type { LogSettings } from '../options.js';
import { createTemporary, isTemporary, type Temporary, temporaryName } from '../temporary-file.js';

export interface Backups {
  /** Removes what a writer that was killed has left half done, and compresses what it has not compressed. */
  begin(): Promise<void>;
  /** Puts the file of the log aside as `F.1`, and answers with the empty one in its place. If that fails, `F` stays. */
  replace(): Promise<FileHandle>;
  /** Settles when nothing is being compressed. Does not fail. */
  settle(): Promise<void>;
}

/**
 * @param directory of the log, held open until the last call and the last compression have ended
 * @param onError told once when a file cannot be compressed; that is tried again when the next is full
 */
export function createBackups(
  directory: TrustedDirectory,
  { path, maxFiles, compress }: LogSettings,
  onError: (error: TermshimError) => void,
): Backups {
  const log = basename(path);
  const at = (name: string): string => directory.at(name);
  const runExclusive = createMutex();
  let compression: Compression | undefined;
  let [isCompressing, isStuck] = [false, false];
  let compressing = Promise.resolve();
  const findBackups = async (): Promise<Backup[]> => backupsOf(log, await readdir(at('.')));
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
          // Somebody may have removed it.
          await rename(at(log), at(`${log}.1`)).catch(unlessMissing);
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
  /** Of the file that is compressed, which may be put further aside meanwhile. */
  number: number;
  source: FileHandle;
  target: Temporary;
  /** Aborted when the file is removed meanwhile. */
  stop: AbortController;
}

interface Backup {
  number: number;
  suffix: '' | '.gz';
}

/** The newest first. */
function backupsOf(log: string, names: readonly string[]): Backup[] {
  const prefix = `${log}.`;
  const found = names.flatMap((name): Backup[] => {
    if (!name.startsWith(prefix)) return [];
    const [, number, suffix = ''] = /^([1-9]\d*)(\.gz)?$/.exec(name.slice(prefix.length)) ?? [];
    return number === undefined ? [] : [{ number: Number(number), suffix: suffix as Backup['suffix'] }];
  });
  return found.toSorted((a, b) => a.number - b.number);
}

function remove(path: string): Promise<void> {
  return unlink(path).catch(unlessMissing);
}

/** A directory, which none of ours is, is no reason to stop: it loses the name. */
async function removeOr(path: string, otherwise: () => Promise<void>): Promise<void> {
  await remove(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'EISDIR' && errnoOf(error) !== 'EPERM') throw error;
    return otherwise();
  });
}

/** What others have put there in the name of a full file is none. */
function unlessUntrusted(error: unknown): undefined {
  if (!(error instanceof TermshimError)) throw error;
  return undefined;
}

function unlessMissing(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error;
}
