/** Reads a log, json-file or CRI, across its rotated files: all of it or its last lines, and follows it if asked to. */
import { realpath } from 'node:fs/promises';
import { TermshimError } from '../../errors/errors.js';
import { findBeginning } from './beginning.js';
import { watchLog } from './changes.js';
import { LogCursor } from './cursor.js';
import { findNewest } from './files.js';
import { findTail } from './tail.js';
import { type LogEntry, createFilter } from './wanted.js';
import { fileError, undefinedIfAbsent } from '../../errors/file-error.js';

/** Which entries are read. */
export interface ReadLogOptions {
  /** Reads only so many lines from the end, and entries that come after them. */
  tail?: number | undefined;
  /** Reads only entries of this time or later, in nanoseconds since the epoch. */
  since?: bigint | undefined;
  /**
   * Waits for more at the end, until the signal aborts; entries that were written by then are read too. Without it the
   * iteration ends with the entries that are in the log at the call.
   */
  follow?: AbortSignal | undefined;
  /** Called when the writer has removed a file before it could be read: entries may be missing. */
  onGap?: () => void;
  /** Called at the end with the number of lines that were not entries and so were left out. */
  onBroken?: (lines: number) => void;
}

/**
 * Reads a log, of either format, across its rotated and compressed files. Yields its entries in order, some at a time; their
 * bytes are valid until the next are asked for. Fails with ERR_LOG_NOT_FOUND, ERR_SYSTEM.
 *
 * @example
 * ```js
 * import { writeFileSync } from 'node:fs';
 * import { readLog } from 'termshim/log';
 *
 * writeFileSync('cri.log', '2026-01-02T03:04:05.000000006Z stdout F hello\n');
 * for await (const entries of readLog('cri.log', { tail: 10 })) {
 *   for (const { time, stream, bytes } of entries) process.stdout.write(`${time} ${stream}: ${bytes.toString()}`);
 * }
 * ```
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

/** Rotated files are beside the log itself, not beside a link to it, such as those in /var/log/containers. */
async function resolveLinks(path: string): Promise<string> {
  try {
    return (await realpath(path).catch(undefinedIfAbsent)) ?? path;
  } catch (error) {
    throw fileError(error, `read the log ${path}`);
  }
}
