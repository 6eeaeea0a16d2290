/** The log target of a file to which the process writes directly: both of its streams are one descriptor. */
import { openPlainFile } from '../../log/write/plain-file.js';
import { addon } from '../../native/addon.js';
import { check } from '../../errors/errors.js';
import { OwnedFd } from '../../os/owned-fd.js';
import type { FileTarget } from './output-target.js';
import type { OpenLogTarget } from './log-target.js';

/** Fails with ERR_LOG_FAILED and ERR_PATH_UNTRUSTED. */
export async function openPlainFileTarget({ path }: FileTarget): Promise<OpenLogTarget> {
  const name = `the file ${path}`;
  const opened = await openPlainFile(path);
  try {
    check(addon.fd_set_nonblocking(opened.fd, false), 'fcntl', `make ${name} blocking`);
    const file = new OwnedFd(check(addon.fd_duplicate(opened.fd), 'fcntl', `duplicate ${name}`), name);
    const close = (): void => file.close();
    return { stdout: file, stderr: file, done: Promise.resolve(), end: () => Promise.resolve(), close };
  } finally {
    await opened.close();
  }
}
