/** Tells whether pipes that this process reads still have writers. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { addon } from '../../native/addon.js';
import { EPOLLHUP } from '../../os/epoll.js';
import type { OwnedFd } from '../../os/owned-fd.js';

/**
 * Whether any of the pipes has a writer. A closed reading end counts as one without writers. Waits for one turn of the
 * event loop first: if a copy in this process has just ended, it closes its writing end in this turn.
 */
export async function haveWriters(readers: readonly OwnedFd[]): Promise<boolean> {
  await nextTurn();
  return readers.some((reader) => reader.isOpen && (addon.fd_poll(reader.fd) & EPOLLHUP) === 0);
}
