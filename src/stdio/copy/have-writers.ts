/** Whether anybody else can write to a pipe whose reading end is ours. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { addon } from '../../native/addon.js';
import { EPOLLHUP } from '../../os/epoll.js';
import type { OwnedFd } from '../../os/owned-fd.js';

/** To any of these. A copy of ours that has just ended closes its end in this turn. One that is closed has no writers. */
export async function haveWriters(readers: readonly OwnedFd[]): Promise<boolean> {
  await nextTurn();
  return readers.some((reader) => reader.isOpen && (addon.fd_poll(reader.fd) & EPOLLHUP) === 0);
}
