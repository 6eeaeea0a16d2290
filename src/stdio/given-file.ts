/** A file that a process writes to itself, without us: both of its streams are one descriptor. */
import { constants, fstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { logError } from '../log/log-error.js';
import { makeDirectory } from '../log/make-directory.js';
import { addon } from '../native/addon.js';
import { check, systemError, TermshimError } from '../os/errors.js';
import { OwnedFd } from '../os/owned-fd.js';
import type { FileTarget } from './output-target.js';
import type { Outlet } from './outlet.js';

/** Fails with ERR_LOG_FAILED. */
export async function openGivenFile({ path }: FileTarget): Promise<Outlet> {
  try {
    await makeDirectory(dirname(path));
    const file = openForAppend(path);
    return { stdout: file, stderr: file, done: Promise.resolve(), end() {}, close: () => file.close() };
  } catch (error) {
    throw logError(error, `open the file ${path}`);
  }
}

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;

/** With containerd's mode. What is there may be a device, but nothing that has to be waited for. */
function openForAppend(path: string): OwnedFd {
  const name = `the file ${path}`;
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;
  const fd = addon.fd_open(path, flags, 0o644);
  if (fd < 0) {
    const { message, ...reason } = systemError(fd, 'open', `open ${name}`);
    throw new TermshimError('ERR_LOG_FAILED', message, reason);
  }
  const file = new OwnedFd(fd, name);
  try {
    if (fstatSync(file.fd).isFIFO()) throw new TermshimError('ERR_LOG_FAILED', `${path} is a FIFO, and not a file`);
    check(addon.fd_set_nonblocking(file.fd, false), 'fcntl', `make ${name} blocking`);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}
