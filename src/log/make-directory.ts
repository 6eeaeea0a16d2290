import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '../os/file-error.js';

/**
 * Makes a directory and those above it. Whatever has the name already stays as it is.
 *
 * Node's own `recursive` never comes back from below a directory that takes no others, such as /proc: it makes the
 * parent, finds that it is there, and begins again.
 */
export async function makeDirectory(path: string): Promise<void> {
  if (!(await make(path, ['EEXIST', 'ENOENT']))) return;
  await makeDirectory(dirname(path));
  await make(path, ['EEXIST']);
}

/** Answers whether there is nothing to make it in. */
async function make(path: string, tolerated: readonly string[]): Promise<boolean> {
  try {
    await mkdir(path, 0o755);
    return false;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || !tolerated.includes(errno)) throw error;
    return errno === 'ENOENT';
  }
}
