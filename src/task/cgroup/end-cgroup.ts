/** What a runtime does with the cgroup of a container, where there is no runtime any more. See cgroups(7). */
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf, fileError } from '../../errors/file-error.js';

/**
 * Sends a signal by number to every process in the directories of a cgroup and below. What is frozen goes on, or no signal would
 * reach it.
 */
export function signalCgroup(directories: readonly string[], signal: number): void {
  const pids = new Set(directories.flatMap((directory) => pidsBelow(directory)));
  pids.delete(process.pid);
  for (const pid of pids) unlessGone(`send the signal ${signal} to process ${pid}`, () => process.kill(pid, signal));
  thawCgroup(directories);
}

/** Does nothing if it is not frozen. */
export function thawCgroup(directories: readonly string[]): void {
  for (const directory of directories) {
    for (const [name, word] of thawing) {
      const path = join(directory, name);
      if (existsSync(path)) unlessGone(`thaw the cgroup ${directory}`, () => writeFileSync(path, word));
    }
  }
}

/** Of both versions of cgroups. */
const thawing = [
  ['freezer.state', 'THAWED'],
  ['cgroup.freeze', '0'],
] as const;

/** How long the processes in it may take to end once they were killed. */
const timeoutMs = 2000;

/** Removes it and what is below it, once its processes have ended. Fails if some are there after two seconds. */
export async function removeCgroup(directories: readonly string[]): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (const directory of directories) {
    while (!tryRemove(directory, performance.now() >= deadline)) await delay(20);
  }
}

function pidsBelow(directory: string): number[] {
  const procs = readOrEmpty(() => readFileSync(join(directory, 'cgroup.procs'), 'utf8')) ?? '';
  const pids = procs.split('\n').map(Number);
  return [...pids.filter((pid) => pid > 0), ...below(directory).flatMap(pidsBelow)];
}

function below(directory: string): string[] {
  const entries = readOrEmpty(() => readdirSync(directory, { withFileTypes: true })) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(directory, name));
}

/** False if processes are in it. */
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

function unlessGone(attempted: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!gone.has(errnoOf(error) ?? '')) throw fileError(error, attempted);
  }
}

/** ENODEV is what a cgroup's file says that was removed while it was open. */
const gone = new Set(['ENOENT', 'ESRCH', 'ENODEV']);

function readOrEmpty<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (gone.has(errnoOf(error) ?? '')) return undefined;
    throw fileError(error, 'read a cgroup');
  }
}
