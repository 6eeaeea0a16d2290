/**
 * Short-lived directories that only this user can enter, for sockets, FIFOs and pid files.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atExit } from './at-exit.js';
import { runtimePlace } from './runtime-directory.js';

export interface PrivateDirectory {
  readonly path: string;
  /** Removes it and what is in it. Idempotent. */
  remove(): void;
}

/**
 * Creates `<base>/<prefix>-XXXXXX` with mode 0700, where the base is $XDG_RUNTIME_DIR/termshim, if that is ours, or
 * /run/termshim for root: neither is swept by cleaners of temporary files, as /tmp is. Where there is no such place it is
 * `termshim-<prefix>-XXXXXX` in the directory for temporary files, whose sticky bit keeps others from replacing it.
 * It is also removed when the process exits early.
 */
export function createPrivateDirectory(prefix: string): PrivateDirectory {
  const path = mkdtempSync(`${placeFor(prefix)}-`);
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  const forget = atExit(remove);
  return {
    path,
    remove() {
      forget();
      remove();
    },
  };
}

/** The directory and the beginning of the name. */
function placeFor(prefix: string): string {
  const base = runtimePlace('termshim');
  if (base === undefined) return join(tmpdir(), `termshim-${prefix}`);
  mkdirSync(base, { recursive: true, mode: 0o700 });
  return join(base, prefix);
}
