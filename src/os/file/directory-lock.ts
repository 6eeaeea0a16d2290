/**
 * The lock for starting a daemon and for removing the socket of a dead one. Only its holder may decide that a socket
 * belongs to a dead daemon.
 */
import { constants } from 'node:fs';
import { constants as os } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../../native/addon.js';
import { TermshimError, check } from '../../errors/errors.js';
import { OwnedFd } from '../owned-fd.js';

/** Long, because the holder of the lock starts Node and makes two system calls. */
const timeoutMs = 10_000;

/**
 * Locks the directory of the socket itself (flock(2)), so there is no lock file to remove. Close the descriptor to
 * release the lock. Throws ERR_START_TIMEOUT, ERR_SYSTEM.
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
