/** Ends the processes that a shim's program has left running. */
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { listEntries, signalProcess } from '../../os/process/process-table.js';

/** After SIGTERM a shim gets time to remove its socket. */
const graceMs = 1000;
const killMs = 1000;

/**
 * Ends all processes of a session. Its id is the pid of a program that this process has started as its leader. As long
 * as a process of the session is left, no other process gets this pid.
 */
export async function endSession(session: number): Promise<void> {
  const { SIGTERM, SIGKILL } = constants.signals;
  if (!(await signalAll(session, SIGTERM, graceMs))) await signalAll(session, SIGKILL, killMs);
}

/** Also signals processes that appear meanwhile. False if some are left when the time is up. */
async function signalAll(session: number, signal: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  const told = new Set<number>();
  for (;;) {
    const members = listEntries().filter((it) => it.session === session);
    if (members.length === 0) return true;
    if (performance.now() > deadline) return false;
    for (const member of members.filter((it) => !told.has(it.pid))) {
      signalProcess(member, signal);
      told.add(member.pid);
    }
    await delay(10);
  }
}
