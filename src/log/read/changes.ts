/** Waits for changes of the files of a log. */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface LogChanges extends Disposable {
  /**
   * Resolves when one of the log's files was written to, created or renamed since the last call, when `end` has
   * aborted, or a second later: not every file system reports changes.
   */
  next(): Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** How long to wait if no event comes, or one was missed. */
const pollMs = 1000;

/** How long to wait between two looks at a log that is written to all the time. */
const restMs = 10;

/** Watches the directory: a watch of the file would follow its inode when it is renamed. */
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

/** Undefined if the directory cannot be watched, as at the limit of watches (inotify(7)). Polling is enough then. */
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
