/** A cgroup with little memory for one test, of the version that this machine has. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cgroup } from '../../../src/task/cgroup/cgroup-paths.js';
import type { Scope } from '../base/leak-free.js';

export const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers');

export interface MemoryCgroup {
  readonly cgroup: Cgroup;
  readonly directory: string;
  /** Starts a program in it. */
  spawn(...command: string[]): ChildProcess;
  /** Once nothing runs in it. Idempotent. */
  remove(): void;
}

const limitBytes = 16 * 2 ** 20;

/** Removed at the end of the test, for which nothing may run in it any more. */
export function makeMemoryCgroup(scope: Scope, name = `termshim-test-${randomBytes(5).toString('hex')}`): MemoryCgroup {
  const directory = join(isV2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory', name);
  if (isV2) writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+memory');
  mkdirSync(directory);
  const remove = (): void => {
    if (existsSync(directory)) rmdirSync(directory);
  };
  scope.after(remove);
  setLimits(directory);
  return {
    cgroup: isV2 ? { version: 2, directory } : { version: 1, directories: new Map([['memory', directory]]) },
    directory,
    spawn: (...command) =>
      spawn('sh', ['-c', 'echo $$ > "$0" && exec "$@"', join(directory, 'cgroup.procs'), ...command], {
        stdio: 'ignore',
      }),
    remove,
  };
}

/** Swap is no way out, where there is any. The order is v1's: the limit of both may not be below that of memory. */
function setLimits(directory: string): void {
  const limits = isV2
    ? { 'memory.max': limitBytes, 'memory.swap.max': 0 }
    : { 'memory.limit_in_bytes': limitBytes, 'memory.memsw.limit_in_bytes': limitBytes };
  for (const [file, limit] of Object.entries(limits)) {
    if (existsSync(join(directory, file))) writeFileSync(join(directory, file), String(limit));
  }
}
