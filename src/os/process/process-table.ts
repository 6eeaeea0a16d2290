/** Processes as /proc shows them; see proc(5). */
import { readdirSync } from 'node:fs';
import { addon } from '../../native/addon.js';
import { check } from '../../errors/errors.js';
import { readStatFields } from './proc-stat.js';

/** Identifies one process for ever: the kernel uses a pid again, but not with the same start time. */
export interface ProcessIdentity {
  pid: number;
  /** In clock ticks since boot. */
  startTime: number;
}

export interface ProcessEntry extends ProcessIdentity {
  /** One letter: `R`, `S`, `T` stopped by a signal, `Z` zombie, ... */
  state: string;
  parentPid: number;
  session: number;
}

/** Undefined if there is no such process. */
export function readEntry(pid: number): ProcessEntry | undefined {
  const fields = readStatFields(`/proc/${pid}`);
  if (fields === undefined) return undefined;
  const [state = '', parentPid, , session, ...rest] = fields;
  return { pid, state, parentPid: Number(parentPid), session: Number(session), startTime: Number(rest[15]) };
}

/** All processes that have not ended. A zombie has ended. */
export function listEntries(): ProcessEntry[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => readEntry(Number(pid)) ?? []).filter(isLive);
}

/** The process, unless it has ended. */
export function findLive(identity: ProcessIdentity): ProcessEntry | undefined {
  const entry = readEntry(identity.pid);
  return entry !== undefined && entry.startTime === identity.startTime && isLive(entry) ? entry : undefined;
}

/** The identity of a process that was just made; its start time is 0 if there is no such process. */
export function identify(pid: number): ProcessIdentity {
  return { pid, startTime: readEntry(pid)?.startTime ?? 0 };
}

/** Sends a signal to the process with this identity, never to a later one with its pid. False if it has ended. */
export function signalProcess(identity: ProcessIdentity, signal: number): boolean {
  const attempted = `signal the process ${identity.pid}`;
  const pidfd = addon.pidfd_open(identity.pid);
  if (pidfd === -esrch) return false;
  check(pidfd, 'pidfd_open', attempted);
  try {
    // A pidfd always refers to the same process, so the identity is checked after the pidfd was opened.
    if (findLive(identity) === undefined) return false;
    const answer = addon.pidfd_signal(pidfd, signal);
    if (answer === -esrch) return false;
    check(answer, 'pidfd_send_signal', attempted);
    return true;
  } finally {
    addon.fd_close(pidfd);
  }
}

const esrch = 3;

function isLive(entry: ProcessEntry): boolean {
  return entry.state !== 'Z' && entry.state !== 'X';
}
