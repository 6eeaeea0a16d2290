/** A process of a test, and the end of its whole process group after the test. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Scope } from '../base/leak-free.js';

export interface GroupLeader {
  readonly pid: number;
  /** Settles when it has been reaped. */
  readonly exited: Promise<number | NodeJS.Signals>;
  readonly hasExited: boolean;
}

/** Takes a child that was spawned `detached`. After the test its whole group is killed. */
export function adoptGroup(scope: Scope, child: ChildProcess): GroupLeader {
  const pid = child.pid as number;
  let hasExited = false;
  const exited = once(child, 'exit').then(([code, signal]) => {
    hasExited = true;
    return (code ?? signal) as number | NodeJS.Signals;
  });
  scope.after(() => {
    killGroup(pid);
    return exited;
  });
  return {
    pid,
    exited,
    get hasExited() {
      return hasExited;
    },
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    /* No process of the group is left. */
  }
}
