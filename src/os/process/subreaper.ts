/**
 * Makes this process the parent of its orphaned descendants, and reaps those that no caller has claimed.
 *
 * libuv waits by pid for the children that Node made, and loses them if anything else reaps them. So this module reaps
 * a child only if Node has not made it and no caller has claimed it.
 */
import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { type EventEmitter, errorMonitor } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { addon } from '../../native/addon.js';
import { check } from '../../errors/errors.js';

/**
 * Makes this process the parent of its orphaned descendants, such as the init that `runc create` leaves behind
 * (prctl(2)). Reaps orphans that no caller has claimed. Idempotent.
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
    // An error is the end only of a child that could not start. errorMonitor does not make the error count as handled.
    (child as EventEmitter).on(errorMonitor, () => {
      if (child.pid === undefined) nodeChildren.delete(child);
    });
  });
  process.on('SIGCHLD', reapOrphans);
}

/** Keeps this module from reaping a process until the returned function is called. */
export function claimProcess(pid: number): () => void {
  claimed.add(pid);
  return () => {
    claimed.delete(pid);
    if (isSubreaper) setImmediate(reapOrphans);
  };
}

/**
 * Keeps this module from reaping any orphan until the returned function is called. Use it while a runtime makes a
 * process whose pid, which you will claim, is not known yet.
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
/** Children that existed before `becomeSubreaper`. The code that made them reaps them. */
const earlierChildren = new Set<number>();
let isSubreaper = false;
const holds = new Set<object>();

/** waitid(2) shows the same zombie until its owner has reaped it, so this asks for each child by its pid. */
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

/** See proc_pid_task_children(5). Empty on a kernel without that file. */
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
