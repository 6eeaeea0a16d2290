/** Signals, thaws and removes the cgroup of a container without its runtime. See cgroups(7). */
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf, fileError, ifPresent } from '../../errors/file-error.js';

/**
 * Sends a signal by number to every process in the directories of a cgroup and below, except this program. Then thaws
 * the cgroup: a frozen process handles no signal.
 */
export function signalCgroup(directories: readonly string[], signal: number): void {
  const pids = new Set(directories.flatMap((directory) => pidsBelow(directory)));
  pids.delete(process.pid);
  for (const pid of pids)
    ifPresent(`send the signal ${signal} to process ${pid}`, () => process.kill(pid, signal), absences);
  thawCgroup(directories);
}

/** Does nothing if the cgroup is not frozen. */
export function thawCgroup(directories: readonly string[]): void {
  for (const directory of directories) {
    for (const [name, word] of thawing) {
      const path = join(directory, name);
      if (existsSync(path)) ifPresent(`thaw the cgroup ${directory}`, () => writeFileSync(path, word), absences);
    }
  }
}

/** The file and what to write to it, in cgroups v1 and v2. */
const thawing = [
  ['freezer.state', 'THAWED'],
  ['cgroup.freeze', '0'],
] as const;

/** How long the processes of a cgroup may take to end after they were killed. */
const timeoutMs = 2000;

/**
 * Removes a cgroup and its children when their processes have ended. Fails if there are processes after two seconds.
 */
export async function removeCgroup(directories: readonly string[]): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (const directory of directories) {
    while (!tryRemove(directory, performance.now() >= deadline)) await delay(20);
  }
}

function pidsBelow(directory: string): number[] {
  const procs =
    ifPresent(`read ${directory}`, () => readFileSync(join(directory, 'cgroup.procs'), 'utf8'), absences) ?? '';
  const pids = procs.split('\n').map(Number);
  return [...pids.filter((pid) => pid > 0), ...below(directory).flatMap(pidsBelow)];
}

function below(directory: string): string[] {
  const entries = ifPresent(`read ${directory}`, () => readdirSync(directory, { withFileTypes: true }), absences) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(directory, name));
}

/** False if the cgroup has processes and this is not the last attempt. */
function tryRemove(directory: string, isLast: boolean): boolean {
  try {
    for (const child of below(directory)) if (!tryRemove(child, isLast)) return false;
    rmdirSync(directory);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return true;
    if (errno === 'EBUSY' && !isLast) return false;
    throw fileError(error, `remove the cgroup ${directory}`);
  }
  return true;
}

/** ENODEV: the cgroup was removed while its file was open. */
const absences = ['ENOENT', 'ESRCH', 'ENODEV'];
