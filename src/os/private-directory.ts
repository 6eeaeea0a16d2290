/**
 * Short-lived directories that only this user can enter, for sockets, FIFOs and pid files.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PrivateDirectory {
  readonly path: string;
  /** Removes it and what is in it. Idempotent. */
  remove(): void;
}

/**
 * Creates `<base>/<prefix>-XXXXXX` with mode 0700, where the base is $XDG_RUNTIME_DIR/termshim, or /run/termshim for
 * root. Neither is swept by cleaners of temporary files, as /tmp is. It is also removed when the process exits early.
 */
export function createPrivateDirectory(prefix: string): PrivateDirectory {
  const base = runtimeBase();
  mkdirSync(base, { recursive: true, mode: 0o700 });
  const path = mkdtempSync(join(base, `${prefix}-`));
  const remove = (): void => {
    process.off('exit', remove);
    rmSync(path, { recursive: true, force: true });
  };
  process.on('exit', remove);
  return { path, remove };
}

function runtimeBase(): string {
  const { XDG_RUNTIME_DIR: runtimeDir } = process.env;
  if (runtimeDir) return join(runtimeDir, 'termshim');
  const uid = process.getuid?.() ?? 0;
  return uid === 0 ? '/run/termshim' : join(tmpdir(), `termshim-${uid}`);
}
