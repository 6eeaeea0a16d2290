import { closeSync, constants, fstatSync, lstatSync, openSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { isTrustedLink } from '../../os/file/open-directory.js';

export type LogFormat = 'json' | 'text';

/** Appends an error to the file that a caller named with `--log`, in one of runc's two formats. */
export function logFailure(path: string, format: LogFormat, message: string): void {
  const time = new Date().toISOString();
  const line =
    format === 'json'
      ? JSON.stringify({ level: 'error', msg: message, time })
      : `time="${time}" level=error msg=${JSON.stringify(message)}`;
  try {
    append(path, `${line}\n`);
  } catch {
    // The message goes to stderr too, and a log that cannot be written must not hide it.
  }
}

/** Follows a link, such as /dev/stderr, only if no other user can have put it there. */
function append(path: string, line: string): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const found = lstatSync(path, { throwIfNoEntry: false });
  const isFollowed = found?.isSymbolicLink() === true && isTrustedLink(found, statSync(dirname(path)));
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | (isFollowed ? 0 : O_NOFOLLOW);
  const fd = openSync(path, flags, 0o600);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.nlink === 1) writeSync(fd, line);
  } finally {
    closeSync(fd);
  }
}
