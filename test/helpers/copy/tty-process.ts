/** A shell script on the other side of a console: leader of its session, the console's tty its terminal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Scope } from '../base/leak-free.js';

export interface TtyProcess {
  readonly pid: number;
  /** Settles when it has been reaped. */
  readonly exited: Promise<number | NodeJS.Signals>;
  readonly hasExited: boolean;
}

/** The script has `args` as $1, $2, ... It and whatever is left of its process group are killed after the test. */
export function startOnTty(scope: Scope, ttyPath: string, script: string, ...args: string[]): TtyProcess {
  /* `detached` makes it a session leader, so the first tty that it opens becomes its controlling terminal. */
  const child = spawn('sh', ['-c', `exec <"$0" >"$0" 2>&1; ${script}`, ttyPath, ...args], {
    detached: true,
    stdio: 'ignore',
  });
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
    /* Nobody is left of it. */
  }
}
