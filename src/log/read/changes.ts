/** Waits until something has happened to a log. */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface LogChanges extends Disposable {
  /**
   * Resolves when one of the log's files was written to, made or renamed since the last call, when `end` has aborted, or
   * a second later: not every file system tells.
   */
  next(): Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** Where no event tells, or could be missed. */
const pollMs = 1000;

/** So long a log that is written to all the time is left alone between two looks. */
const restMs = 10;

/** Watches the directory: a watched file would be followed by its inode, whatever its name. */
export function watchLog(path: string, end: AbortSignal): LogChanges {
  let hasChanged = false;
  let wake: (() => void) | undefined;
  const changed = (): void => {
    hasChanged = true;
    wake?.();
  };
  const watcher = tryWatch(path, changed);
  end.addEventListener('abort', changed);
  const close = (): void => {
    end.removeEventListener('abort', changed);
    watcher?.close();
  };
  return {
    async next() {
      await delay(restMs);
      if (!hasChanged) await new Promise<void>((resolve) => wakeAt(resolve));
      hasChanged = false;
    },
    close,
    [Symbol.dispose]: close,
  };

  function wakeAt(resolve: () => void): void {
    const timer = setTimeout(changed, pollMs);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  }
}

/** The kernel may have no more watches to give; see inotify(7). The poll is enough then. */
function tryWatch(path: string, changed: () => void): FSWatcher | undefined {
  const base = basename(path);
  try {
    const watcher = watch(dirname(path), (_, name) => {
      if (name === null || name.startsWith(base)) changed();
    });
    return watcher.on('error', () => watcher.close());
  } catch {
    return undefined;
  }
}
