/** A log in a directory of the test. */
import { join } from 'node:path';
import { type Log, openLog } from '../../../src/log/write/log.js';
import type { LogSettings } from '../../../src/log/options.js';
import type { TermshimError } from '../../../src/errors/errors.js';
import type { Scope } from '../base/leak-free.js';
import { temporaryDirectory } from '../base/temporary-directory.js';

export interface OpenedLog {
  log: Log;
  /** What the log complained of. */
  troubles: TermshimError[];
  /** Resolves when there is room again. */
  room(): Promise<void>;
  /** Writes to stdout and waits until it is in the file, or lost. */
  say(text: string): Promise<void>;
}

/** A file without a limit, unless it is said. */
export function logOptions(scope: Scope, more: Partial<LogSettings> = {}): LogSettings {
  const path = more.path ?? join(temporaryDirectory(scope), 'c.log');
  return { format: 'json-file', maxBytes: undefined, maxFiles: 1, compress: false, ...more, path };
}

/** Closed after the test. */
export async function openTestLog(scope: Scope, options: LogSettings): Promise<OpenedLog> {
  const troubles: TermshimError[] = [];
  let onRoom = (): void => {};
  const log = await openLog(options, { onRoom: () => onRoom(), onError: (error) => void troubles.push(error) });
  scope.after(() => log.close());
  return {
    log,
    troubles,
    room: () =>
      new Promise((resolve) => {
        onRoom = resolve;
      }),
    say(text) {
      log.write('stdout', Buffer.from(text));
      return log.flush();
    },
  };
}
