/** The lock of the directory where the sockets of containerd's daemons are. */
import { addon } from '../native/addon.js';
import { lockDirectory } from '../os/file/directory-lock.js';
import { check } from '../errors/errors.js';
import { OwnedFd } from '../os/owned-fd.js';
import { makeSocketDirectory, socketDirectory } from './address.js';

/**
 * Does the work under the lock. Throws ERR_START_TIMEOUT.
 *
 * @param lockFd the lock that the launcher took, and left to this process under this number
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
  return new OwnedFd(check(addon.fd_adopt(fd), 'fcntl', `take over the lock ${fd}`), socketDirectory);
}
