/**
 * The full files of a log, named as Docker names them: `F.1` is the newest, and a compressed one is `F.1.gz`. Their names
 * say all there is to know, so a kill in between leaves nothing that the next writer cannot go on with.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { TermshimError } from '../os/errors.js';
import { errnoOf } from '../os/file-error.js';
import { createQueue } from '../os/queue.js';
import { openForAppend } from './append-file.js';
import { compressFile } from './compress.js';
import { logError } from './log-error.js';
import type { LogOptions } from './options.js';

export interface Backups {
  /** Removes what a writer that was killed has left half done, and compresses what it has not compressed. */
  begin(): Promise<void>;
  /** Puts the file of the log aside as `F.1`, and answers with the empty one in its place. If that fails, `F` stays. */
  replace(): Promise<FileHandle>;
}

/** @param onTrouble told once when a file cannot be compressed; that is tried again when the next is full */
export function createBackups(
  { path, maxFiles, compress }: LogOptions,
  onTrouble: (error: TermshimError) => void,
): Backups {
  const [fresh, compressed] = [`${path}.termshim-new`, `${path}.termshim-gz`];
  const exclusively = createQueue();
  let compression: Compression | undefined;
  let [isCompressing, isStuck] = [false, false];
  const shift = async (): Promise<void> => {
    for (const { number, suffix } of (await findBackups(path)).toReversed()) {
      const name = `${path}.${number}${suffix}`;
      if (number >= maxFiles - 1) await remove(name);
      else await rename(name, `${path}.${number + 1}${suffix}`);
    }
    if (compression !== undefined && ++compression.number >= maxFiles) compression.stop.abort();
  };
  const startCompression = async (): Promise<Compression | undefined> => {
    const next = (await findBackups(path)).find(({ suffix }) => suffix === '');
    if (next === undefined) return undefined;
    const source = await open(`${path}.${next.number}`);
    compression = { number: next.number, source, stop: new AbortController() };
    return compression;
  };
  const finishCompression = async ({ number, stop }: Compression): Promise<void> => {
    compression = undefined;
    if (stop.signal.aborted) return remove(compressed);
    await rename(compressed, `${path}.${number}.gz`);
    await remove(`${path}.${number}`);
  };
  const compressAll = async (): Promise<void> => {
    if (!compress || isCompressing) return;
    isCompressing = true;
    try {
      for (;;) {
        const running = await exclusively(startCompression);
        if (running === undefined) return;
        await compressFile(running.source, compressed, running.stop.signal).catch((error: unknown) => {
          if (!running.stop.signal.aborted) throw error;
        });
        await exclusively(() => finishCompression(running));
        isStuck = false;
      }
    } catch (error) {
      if (!isStuck) onTrouble(logError(error, `compress a full file of the log ${path}`));
      isStuck = true;
      await remove(compressed).catch(() => {});
    } finally {
      compression = undefined;
      isCompressing = false;
    }
  };
  return {
    async begin() {
      for (const leftover of [fresh, compressed]) await remove(leftover).catch(() => {});
      void compressAll();
    },
    replace: () =>
      exclusively(async () => {
        const next = await openForAppend(fresh, constants.O_TRUNC);
        try {
          await shift();
          // Somebody may have removed it.
          await rename(path, `${path}.1`).catch(unlessMissing);
          await rename(fresh, path);
        } catch (error) {
          await next.close();
          await remove(fresh);
          throw error;
        }
        void compressAll();
        return next;
      }),
  };
}

interface Compression {
  /** Of the file that is compressed, which may be put further aside meanwhile. */
  number: number;
  source: FileHandle;
  /** Aborted when the file is removed meanwhile. */
  stop: AbortController;
}

interface Backup {
  number: number;
  suffix: '' | '.gz';
}

/** The newest first. */
async function findBackups(path: string): Promise<Backup[]> {
  const prefix = `${basename(path)}.`;
  const names = (await readdir(dirname(path))).filter((name) => name.startsWith(prefix));
  const found = names.flatMap((name): Backup[] => {
    const [, number, suffix = ''] = /^([1-9]\d*)(\.gz)?$/.exec(name.slice(prefix.length)) ?? [];
    return number === undefined ? [] : [{ number: Number(number), suffix: suffix as Backup['suffix'] }];
  });
  return found.toSorted((a, b) => a.number - b.number);
}

function remove(path: string): Promise<void> {
  return unlink(path).catch(unlessMissing);
}

function unlessMissing(error: unknown): void {
  if (errnoOf(error) !== 'ENOENT') throw error;
}
