/**
 * The lock under which a daemon is started, and the socket of a dead one removed: nobody else may then take the same
 * socket for dead.
 */
import { constants } from 'node:fs';
import { constants as os } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../../native/addon.js';
import { TermshimError, check } from '../../errors/errors.js';
import { OwnedFd } from '../owned-fd.js';

/** Who has the lock starts a Node and two system calls, so this is long. */
const timeoutMs = 10_000;

/**
 * Locks the directory of the socket, so that no file of the lock stays. Closing it is the end of the lock. Throws
 * ERR_START_TIMEOUT.
 */
export async function lockDirectory(directory: string): Promise<OwnedFd> {
  const lock = OwnedFd.open(directory, constants.O_RDONLY | constants.O_DIRECTORY, directory);
  try {
    await waitForLock(lock, directory);
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

async function waitForLock(lock: OwnedFd, directory: string): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = addon.fd_lock(lock.fd);
    if (answer !== -os.errno.EAGAIN) {
      check(answer, 'flock', `lock ${directory}`);
      return;
    }
    if (performance.now() >= deadline) {
      const reason = `another start has held the lock of ${directory} for ${timeoutMs / 1000} s`;
      throw new TermshimError('ERR_START_TIMEOUT', reason);
    }
    await delay(5);
  }
}
