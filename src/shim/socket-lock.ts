/** The lock of the directory that contains the sockets of containerd's daemons. */
import { addon } from '../native/addon.js';
import { lockDirectory } from '../os/file/directory-lock.js';
import { check } from '../errors/errors.js';
import { OwnedFd } from '../os/owned-fd.js';
import { makeSocketDirectory, socketDirectory } from './address.js';

/**
 * Does the work under the lock. Throws ERR_START_TIMEOUT.
 *
 * @param lockFd the descriptor of the lock, if the launcher has already taken it
 */
export async function underLock<T>(work: () => Promise<T>, lockFd?: number): Promise<T> {
  const lock = lockFd === undefined ? await takeLock() : inheritLock(lockFd);
  try {
    return await work();
  } finally {
    lock.close();
  }
}

function takeLock(): Promise<OwnedFd> {
  makeSocketDirectory();
  return lockDirectory(socketDirectory);
}

function inheritLock(fd: number): OwnedFd {
  return new OwnedFd(check(addon.fd_adopt(fd), 'fcntl', `use the inherited lock ${fd}`), socketDirectory);
}
