/**
 * Orphans among our descendants become our children, and are reaped here if nobody asked for them.
 *
 * libuv waits for the children that Node made, by pid, and expects no thief: a pid is reaped only if it is certainly no
 * child of Node's and nobody has claimed it.
 */
import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { type EventEmitter, errorMonitor } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { addon } from '../../native/addon.js';
import { check } from '../../errors/errors.js';

/**
 * Makes this process the parent of its orphaned descendants, such as the init that `runc create` leaves behind (prctl(2)).
 * Orphans that nobody has claimed are reaped here. Idempotent.
 */
export function becomeSubreaper(): void {
  if (isSubreaper) return;
  for (const pid of childPids()) earlierChildren.add(pid);
  check(addon.process_set_subreaper(true), 'prctl', 'become a subreaper');
  isSubreaper = true;
  subscribe('child_process', (message) => {
    const { process: child } = message as { process: ChildProcess };
    nodeChildren.add(child);
    child.once('exit', () => nodeChildren.delete(child));
    // An error is an end only for a child that never was; errorMonitor leaves it uncaught if nobody else listens.
    (child as EventEmitter).on(errorMonitor, () => {
      if (child.pid === undefined) nodeChildren.delete(child);
    });
  });
  process.on('SIGCHLD', reapOrphans);
}

/** Keeps a process from being reaped by this module, until the returned function is called. */
export function claimProcess(pid: number): () => void {
  claimed.add(pid);
  return () => {
    claimed.delete(pid);
    if (isSubreaper) setImmediate(reapOrphans);
  };
}

/**
 * Keeps every orphan from being reaped, until the returned function is called: while a runtime makes a process, and its
 * pid, which will be claimed, is not known yet.
 */
export function holdOrphans(): () => void {
  const hold = {};
  holds.add(hold);
  return () => {
    if (holds.delete(hold) && isSubreaper) setImmediate(reapOrphans);
  };
}

const claimed = new Set<number>();
const nodeChildren = new Set<ChildProcess>();
/** Children from before this began. They are left to whoever made them. */
const earlierChildren = new Set<number>();
let isSubreaper = false;
const holds = new Set<object>();

/** waitid(2) would show one zombie at a time, and always the same while its owner lets it wait: so each is asked for. */
function reapOrphans(): void {
  if (holds.size > 0 || addon.process_peek() <= 0) return;
  for (const pid of childPids()) {
    const hasOwner = claimed.has(pid) || earlierChildren.has(pid) || isNodeChild(pid);
    if (!hasOwner) addon.process_reap(pid);
  }
}

function isNodeChild(pid: number): boolean {
  for (const child of nodeChildren) if (child.pid === pid) return true;
  return false;
}

/** proc_pid_task_children(5); a kernel without it tells of none. */
function childPids(): number[] {
  try {
    const lists = readdirSync('/proc/self/task').map((task) =>
      readFileSync(`/proc/self/task/${task}/children`, 'utf8'),
    );
    return lists.flatMap((list) => list.split(' ')).flatMap((pid) => (Number(pid) > 0 ? [Number(pid)] : []));
  } catch {
    return [];
  }
}
