/**
 * The directory that the commands of one user share with their daemon. What is in it is short-lived, and for nobody else.
 */
import { type Stats, chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TermshimError } from './errors.js';
import { fileError } from './file-error.js';

export function runtimeDirectory(): string {
  return placeOfUser('termshim');
}

/** A directory of this user: {@link runtimePlace}, or where there is no such place one in that for temporary files. */
export function placeOfUser(name: string): string {
  return runtimePlace(name) ?? join(tmpdir(), `${name}-${process.getuid?.()}`);
}

/**
 * A name in $XDG_RUNTIME_DIR, or in /run for root; undefined where there is neither. A variable that came along with `su`
 * names the directory of somebody else, who must not find files of ours there.
 */
export function runtimePlace(name: string): string | undefined {
  const { XDG_RUNTIME_DIR: place } = process.env;
  if (place && isOurs(place)) return join(place, name);
  return process.getuid?.() === 0 ? join('/run', name) : undefined;
}

/** Makes it where it is missing, with mode 0700. Throws ERR_DAEMON_FAILED if it is somebody else's. */
export function makeRuntimeDirectory(): string {
  const path = runtimeDirectory();
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(error, `make the directory ${path}`);
  }
  assertOurs(path);
  return path;
}

/**
 * Does nothing if it is missing. In a directory for temporary files anybody may have made it, to be told what is typed
 * here.
 */
export function assertOurs(path: string): void {
  const found = lookAt(path);
  if (found === undefined) return;
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new TermshimError('ERR_DAEMON_FAILED', `${path} is not a directory of this user`);
  }
  if ((found.mode & 0o777) !== 0o700) chmodSync(path, 0o700);
}

function isOurs(place: string): boolean {
  try {
    return statSync(place).uid === process.getuid?.();
  } catch {
    return false;
  }
}

function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw fileError(error, `look at ${path}`);
  }
}
