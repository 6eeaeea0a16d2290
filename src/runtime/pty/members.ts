/** Finds the processes of a container by session and parent, because no kernel object holds them together. */
import { type Container, listExecs, removeExec } from './container.js';
import { listEntries, type ProcessEntry, type ProcessIdentity, signalProcess } from '../../os/process/process-table.js';

/**
 * All live processes of the container: those in the sessions that its first process and its execs lead, and their
 * descendants. A process that made a session of its own and lost its parents is not found.
 */
export function listMembers(container: Container): ProcessEntry[] {
  const { init } = container.record;
  const leaders = [...(init === undefined ? [] : [init]), ...listExecs(container)];
  const entries = listEntries();
  const members = new Map(leaders.flatMap((leader) => sessionOf(leader, entries)).map((entry) => [entry.pid, entry]));
  for (let before = -1; before !== members.size; ) {
    before = members.size;
    for (const entry of entries) if (members.has(entry.parentPid)) members.set(entry.pid, entry);
  }
  return [...members.values()].toSorted((one, other) => one.startTime - other.startTime || one.pid - other.pid);
}

/** Sends a signal to every process of the container, the oldest first, and to those forked meanwhile. */
export function signalMembers(container: Container, signal: number): void {
  const reached = new Set<number>();
  // Bounded, for a container that forks faster than it can be signalled.
  for (let round = 0; round < 100; round += 1) {
    const next = listMembers(container).filter((member) => !reached.has(member.pid));
    if (next.length === 0) return;
    for (const member of next) {
      signalProcess(member, signal);
      reached.add(member.pid);
    }
  }
}

/** Drops the records of execs that have ended and left nothing behind. */
export function forgetEndedExecs(container: Container): void {
  const entries = listEntries();
  for (const leader of listExecs(container)) {
    if (sessionOf(leader, entries).length === 0) removeExec(container, leader);
  }
}

function sessionOf(leader: ProcessIdentity, entries: ProcessEntry[]): ProcessEntry[] {
  const holder = entries.find((entry) => entry.pid === leader.pid);
  // The kernel reuses a pid only when its session is empty. So if the start time differs, the session is another one.
  if (holder !== undefined && holder.startTime !== leader.startTime) return [];
  return entries.filter((entry) => entry.session === leader.pid && entry.startTime >= leader.startTime);
}
