/**
 * Reports the end of a process, by a pidfd in the epoll set, and reaps the process if it is a child of this process.
 */
import { constants } from 'node:os';
import { addon } from '../../native/addon.js';
import { EPOLLIN, watch } from '../epoll.js';
import { TermshimError, check, systemError } from '../../errors/errors.js';
import { OwnedFd } from '../owned-fd.js';
import { claimProcess } from './subreaper.js';

const { EAGAIN, ECHILD, ESRCH } = constants.errno;

/**
 * The status as a shell shows it: the exit code, or 128 plus the number of the signal that killed the process.
 * Undefined if the process was not a child of this process, because its status is unknown then.
 */
export type ExitStatus = number | undefined;

/** A process that is watched, by a pidfd. */
export interface ProcessWatch {
  readonly pid: number;
  /** Settles when the process has ended and, if it is a child of this process, was reaped. */
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal by number. False if the process has ended. */
  signal(number: number): boolean;
  /** Stops watching; `exited` never settles then. Idempotent. */
  close(): void;
}

/**
 * Watches a process by its pid, and reaps it if it is a child of this process. Do not watch the children that
 * node:child_process made: Node reaps those. Throws ERR_PROCESS_NOT_FOUND.
 *
 * @example
 * ```js
 * import { watchProcess } from 'termshim';
 *
 * const watched = watchProcess(process.ppid);
 * void watched.exited.then((status) => process.stdout.write(`ended with ${status}\n`));
 * watched.close();
 * ```
 */
export function watchProcess(pid: number): ProcessWatch {
  const fd = addon.pidfd_open(pid);
  if (fd === -ESRCH) throw new TermshimError('ERR_PROCESS_NOT_FOUND', `there is no process ${pid}`);
  const pidfd = new OwnedFd(check(fd, 'pidfd_open', `watch process ${pid}`), `the pidfd of process ${pid}`);
  const release = claimProcess(pid);
  let stop = (): void => {};
  const close = (): void => {
    if (!pidfd.isOpen) return;
    stop();
    pidfd.close();
    release();
  };
  const exited = new Promise<ExitStatus>((resolve, reject) => {
    const watching = watch(pidfd.fd, EPOLLIN, () => {
      const answer = addon.process_reap(pid);
      if (answer === -EAGAIN) return;
      close();
      if (answer >= 0) resolve(toExitStatus(answer));
      else if (answer === -ECHILD) resolve(undefined);
      else reject(systemError(answer, 'waitid', `reap process ${pid}`));
    });
    stop = () => watching?.close();
  });
  return {
    pid,
    exited,
    signal: (number) => pidfd.isOpen && addon.pidfd_signal(pidfd.fd, number) === 0,
    close,
  };
}

function toExitStatus(packed: number): number {
  const status = packed & 0xff;
  return packed >> 8 === 1 ? status : 128 + status;
}
