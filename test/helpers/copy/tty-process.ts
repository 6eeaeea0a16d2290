/** A shell script on the tty of a console: the leader of its session, with the tty as its controlling terminal. */
import { spawn } from 'node:child_process';
import type { Scope } from '../base/leak-free.js';
import { type GroupLeader, adoptGroup } from './process-group.js';

/** The script has `args` as $1, $2, ... It and whatever is left of its process group are killed after the test. */
export function startOnTty(scope: Scope, ttyPath: string, script: string, ...args: string[]): GroupLeader {
  /* `detached` makes it a session leader, so the first tty that it opens becomes its controlling terminal. */
  const child = spawn('sh', ['-c', `exec <"$0" >"$0" 2>&1; ${script}`, ttyPath, ...args], {
    detached: true,
    stdio: 'ignore',
  });
  return adoptGroup(scope, child);
}
