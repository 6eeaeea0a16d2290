/**
 * The directory that the commands of one user share with their daemon. What is in it is short-lived, and for nobody else.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isTrusted, makePrivateDirectory } from './directory-trust.js';

export function runtimeDirectory(): string {
  return placeOfUser('termshim');
}

/**
 * A name in $XDG_RUNTIME_DIR, or in /run for root, or else one for this user in the directory for temporary files. A
 * variable that came along with `su` names the directory of somebody else, who must not find files of ours there: it
 * counts as none, as does a link, and a directory that others may write to.
 */
export function placeOfUser(name: string): string {
  return runtimePathOf(name) ?? join(tmpdir(), `${name}-${process.geteuid?.()}`);
}

/** As `placeOfUser`, but undefined where there is only the directory for temporary files. */
export function runtimePathOf(name: string): string | undefined {
  const { XDG_RUNTIME_DIR: home } = process.env;
  if (home && isTrusted(home, 'ours')) return join(home, name);
  return process.geteuid?.() === 0 ? join('/run', name) : undefined;
}

/** Makes it where it is missing, with mode 0700. Throws ERR_DIRECTORY_UNSAFE if others may reach into it. */
export function makeRuntimeDirectory(): string {
  const path = runtimeDirectory();
  makePrivateDirectory(path);
  return path;
}
