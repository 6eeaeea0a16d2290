/**
 * The lock under which a daemon is started, and the socket of a dead one removed: nobody else may then take the same
 * socket for dead.
 */
import { constants } from 'node:fs';
import { constants as os } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../native/addon.js';
import { TermshimError, check } from '../os/errors.js';
import { OwnedFd } from '../os/owned-fd.js';
import { makeSocketDirectory, socketDirectory } from './address.js';

/** Who has the lock starts a Node and two system calls, so this is long. */
const timeoutMs = 10_000;

/**
 * Does the work under the lock, which is on the directory, so that no file of it stays. Throws ERR_START_TIMEOUT.
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

async function takeLock(): Promise<OwnedFd> {
  makeSocketDirectory();
  const lock = OwnedFd.open(socketDirectory, constants.O_RDONLY | constants.O_DIRECTORY, socketDirectory);
  try {
    await waitForLock(lock);
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

async function waitForLock(lock: OwnedFd): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = addon.fd_lock(lock.fd);
    if (answer !== -os.errno.EAGAIN) {
      check(answer, 'flock', `lock ${socketDirectory}`);
      return;
    }
    if (performance.now() >= deadline) {
      const reason = `another start has held the lock of ${socketDirectory} for ${timeoutMs / 1000} s`;
      throw new TermshimError('ERR_START_TIMEOUT', reason);
    }
    await delay(5);
  }
}

function inheritLock(fd: number): OwnedFd {
  return new OwnedFd(check(addon.fd_adopt(fd), 'fcntl', `take over the lock ${fd}`), socketDirectory);
}
