import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Beside the user only the group may read what a container says; Docker has the same mode. */
export const logMode = 0o640;

/** Opens a file to append to, and to read its end; makes it. An open waits neither for a FIFO's reader nor for a tty. */
export function openForAppend(path: string, moreFlags = 0): Promise<FileHandle> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;
  return open(path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | moreFlags, logMode);
}
