/** Writes to a non-blocking descriptor, waiting while it is full. */
import { addon } from '../../../src/native/addon.js';
import { EPOLLOUT, watch } from '../../../src/os/epoll.js';
import { systemError } from '../../../src/errors/errors.js';

const EAGAIN = 11;

/** Resolves when the kernel has taken the last byte. */
export function writeAll(fd: number, data: Uint8Array | string): Promise<void> {
  let left = Buffer.from(data);
  const write = (): boolean => {
    while (left.length > 0) {
      const taken = addon.fd_write(fd, left);
      if (taken === -EAGAIN) return false;
      if (taken < 0) throw systemError(taken, 'write', 'write test data');
      left = left.subarray(taken);
    }
    return true;
  };
  return new Promise((resolve, reject) => {
    const watching = watch(fd, EPOLLOUT, () => {
      try {
        if (!write()) return;
        watching?.close();
        resolve();
      } catch (error) {
        watching?.close();
        reject(error);
      }
    });
  });
}
