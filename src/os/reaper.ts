/**
 * Knows when processes end: those that a runtime left to us, told by a pidfd, and orphans that nobody asked about.
 *
 * libuv waits for the children it made, by pid, and expects no thief: a pid is reaped here only if it was asked for or
 * is certainly no child of Node's.
 */
import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { type EventEmitter, errorMonitor } from 'node:events';
import { constants } from 'node:os';
import { addon } from '../native/addon.js';
import { EPOLLIN, watch } from './epoll.js';
import { TermshimError, check, systemError } from './errors.js';
import { OwnedFd } from './owned-fd.js';

const { EAGAIN, ECHILD, ESRCH } = constants.errno;

/** As a shell says it: the exit code, or 128 plus the signal's number. Undefined if it was not ours to ask. */
export type ExitStatus = number | undefined;

export interface ProcessWatch {
  readonly pid: number;
  /** Settles once, when the process has ended and, if it is our child, has been reaped. */
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal by number. False if the process has ended. */
  signal(number: number): boolean;
  /** Stops watching; `exited` never settles then. Idempotent. */
  close(): void;
}

/** Orphans among our descendants, such as the init that `runc create` leaves behind, become our children. */
export function becomeSubreaper(): void {
  if (isSubreaper) return;
  check(addon.process_set_subreaper(true), 'prctl', 'become a subreaper');
  isSubreaper = true;
  subscribe('child_process', (message) => {
    const { process: child } = message as { process: ChildProcess };
    ownChildren.add(child);
    // An error is an end only for a child that never was; errorMonitor leaves it uncaught if nobody else listens.
    child.once('exit', () => forgetChild(child));
    (child as EventEmitter).on(errorMonitor, () => {
      if (child.pid === undefined) forgetChild(child);
    });
  });
  process.on('SIGCHLD', reapOrphans);
}

/** Watches a process of this host by its pid. Fails with ERR_PROCESS_NOT_FOUND. */
export function watchProcess(pid: number): ProcessWatch {
  const fd = addon.pidfd_open(pid);
  if (fd === -ESRCH) throw new TermshimError('ERR_PROCESS_NOT_FOUND', `there is no process ${pid}`);
  const pidfd = new OwnedFd(check(fd, 'pidfd_open', `watch process ${pid}`), `the pidfd of process ${pid}`);
  let close = (): void => pidfd.close();
  const exited = new Promise<ExitStatus>((resolve, reject) => {
    const watching = watch(pidfd.fd, EPOLLIN, () => {
      const answer = addon.process_reap(pid);
      if (answer === -EAGAIN) return;
      close();
      if (answer >= 0) resolve(toExitStatus(answer));
      else if (answer === -ECHILD) resolve(undefined);
      else reject(systemError(answer, 'waitid', `reap process ${pid}`));
    });
    watched.add(pid);
    close = () => {
      if (!pidfd.isOpen) return;
      watching?.close();
      pidfd.close();
      watched.delete(pid);
      if (isSubreaper) setImmediate(reapOrphans);
    };
  });
  return {
    pid,
    exited,
    signal: (number) => pidfd.isOpen && addon.pidfd_signal(pidfd.fd, number) === 0,
    close: () => close(),
  };
}

const watched = new Set<number>();
const ownChildren = new Set<ChildProcess>();
let isSubreaper = false;

function forgetChild(child: ChildProcess): void {
  ownChildren.delete(child);
  reapOrphans();
}

/**
 * Reaps the zombies that are neither watched nor Node's. waitid(2) shows one at a time: if that one has an owner, the
 * owner takes it soon, and this is called again.
 */
function reapOrphans(): void {
  for (let pid = addon.process_peek(); pid > 0; pid = addon.process_peek()) {
    if (watched.has(pid) || isOwnChild(pid)) return;
    if (addon.process_reap(pid) < 0) return;
  }
}

function isOwnChild(pid: number): boolean {
  for (const child of ownChildren) if (child.pid === pid) return true;
  return false;
}

function toExitStatus(packed: number): number {
  const status = packed & 0xff;
  return packed >> 8 === 1 ? status : 128 + status;
}
