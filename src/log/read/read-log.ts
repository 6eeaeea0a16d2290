/**
 * Reads a log: json-file or CRI, across the files that rotation has made of it, from its beginning or for its last lines,
 * to its end or for as long as it goes on.
 */
import { realpath } from 'node:fs/promises';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf, fileError } from '../../errors/file-error.js';
import { findBeginning } from './beginning.js';
import { watchLog } from './changes.js';
import { LogCursor } from './cursor.js';
import { findNewest } from './files.js';
import { findTail } from './tail.js';
import { type LogEntry, createFilter } from './wanted.js';

export interface ReadLogOptions {
  /** Only so many lines from the end, and what comes after them. */
  tail?: number | undefined;
  /** Of these only what was written at this time or later, in nanoseconds since the epoch. */
  since?: bigint | undefined;
  /** Goes on at the end until this aborts; what is there by then is read too. Without it, what is there now is read. */
  follow?: AbortSignal | undefined;
  /** Told when the log may lack something: its writer has removed files before they could be read. */
  onGap?: () => void;
  /** Told at the end how many lines were no entries, and so were left out. */
  onBroken?: (lines: number) => void;
}

/**
 * The entries in their order, some at a time; each time their bytes are valid until the next is asked for. Fails with
 * ERR_LOG_NOT_FOUND, ERR_SYSTEM.
 */
export async function* readLog(path: string, options: ReadLogOptions = {}): AsyncGenerator<LogEntry[]> {
  const { since, follow } = options;
  const log = await resolveLinks(path);
  using changes = follow && watchLog(log, follow);
  const last = follow === undefined ? findNewest(log) : undefined;
  const start = options.tail === undefined ? await findBeginning(log, since) : await findTail(log, options.tail);
  if (start === undefined) throw new TermshimError('ERR_LOG_NOT_FOUND', `there is no log at ${path}`);
  using cursor = await LogCursor.open(log, start, options.onGap ?? (() => {}));
  const filter = createFilter({ unwanted: start.unwanted, since });
  for (;;) {
    const isEnding = follow?.aborted ?? true;
    do {
      const end = cursor.fileId === last?.id ? last.size : undefined;
      for (let entries = await cursor.read(end); entries !== undefined; entries = await cursor.read(end)) {
        yield filter(entries);
      }
    } while (cursor.fileId !== last?.id && (await cursor.advance()));
    if (isEnding) break;
    await changes?.next();
  }
  cursor.end();
  options.onBroken?.(cursor.brokenLines);
}

/** The files of a rotation lie beside the log itself, not beside a link to it, such as those in /var/log/containers. */
async function resolveLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return path;
    throw fileError(error, `read the log ${path}`);
  }
}
