/**
 * The runtime directory, which a user's commands and daemon share. Its files are short-lived, and for this user alone.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isTrusted, makePrivateDirectory } from './directory-trust.js';

export function runtimeDirectory(): string {
  return placeOfUser('termshim');
}

/**
 * The path of `name` in $XDG_RUNTIME_DIR, else for root in /run, else of `name-UID` in the directory for temporary
 * files. $XDG_RUNTIME_DIR is ignored if it is a link, if others may write to it, or if another user owns it: after `su`
 * it still names that user's directory, where this user must not leave files.
 */
export function placeOfUser(name: string): string {
  return runtimePathOf(name) ?? join(tmpdir(), `${name}-${process.geteuid?.()}`);
}

/** As `placeOfUser`, but undefined if only the directory for temporary files is left. */
export function runtimePathOf(name: string): string | undefined {
  const { XDG_RUNTIME_DIR: home } = process.env;
  if (home && isTrusted(home, 'ours')) return join(home, name);
  return process.geteuid?.() === 0 ? join('/run', name) : undefined;
}

/** Makes the runtime directory if it is missing (0700). Throws ERR_DIRECTORY_UNSAFE if others may change it. */
export function makeRuntimeDirectory(): string {
  const path = runtimeDirectory();
  makePrivateDirectory(path);
  return path;
}
