/**
 * Short-lived directories that only this user can enter, for sockets, FIFOs and pid files.
 */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { atExit } from './at-exit.js';
import { fileError } from './file-error.js';
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
 * It is also removed when the process exits early. Throws ERR_SYSTEM.
 */
export function createPrivateDirectory(prefix: string): PrivateDirectory {
  const start = `${placeFor(prefix)}-`;
  const path = orSay(`make the directory ${start}XXXXXX`, () => mkdtempSync(start));
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

/** Those of this user that are there, whoever made them. In a directory for temporary files others may use the name too. */
export function listPrivateDirectories(prefix: string): string[] {
  const start = `${placeFor(prefix)}-`;
  const names = readdirSync(dirname(start)).filter((name) => name.startsWith(basename(start)));
  return names
    .map((name) => join(dirname(start), name))
    .filter((path) => {
      const found = lstatSync(path, { throwIfNoEntry: false });
      return found?.isDirectory() === true && found.uid === process.getuid?.();
    });
}

/** The directory and the beginning of the name. */
function placeFor(prefix: string): string {
  const base = runtimePlace('termshim');
  if (base === undefined) return join(tmpdir(), `termshim-${prefix}`);
  orSay(`make the directory ${base}`, () => mkdirSync(base, { recursive: true, mode: 0o700 }));
  return join(base, prefix);
}

function orSay<T>(attempted: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileError(error, attempted);
  }
}
