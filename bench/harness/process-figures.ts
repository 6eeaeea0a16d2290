/** What /proc says of the processes of a peer, all threads together. See proc(5). */
import { readFileSync, readdirSync } from 'node:fs';

/** Time on a CPU. From schedstat, which counts ns, where utime and stime count 10 ms. */
export function cpuSeconds(pids: readonly number[]): number {
  return sum(tasks(pids), (task) => Number(readFileSync(`${task}/schedstat`, 'utf8').split(' ')[0]) / 1e9);
}

/** How often a thread gave up its CPU to wait, and so had to be woken. */
export function wakeUps(pids: readonly number[]): number {
  return sum(tasks(pids), (task) => field(`${task}/status`, 'voluntary_ctxt_switches'));
}

/** Resident KiB. Where there are many processes, what they share counts once (PSS). */
export function memoryKib(pids: readonly number[]): number {
  return pids.length > 1 ? pssKib(pids) : rssKib(pids);
}

/** What several processes share counts for each of them with its part. */
export function pssKib(pids: readonly number[]): number {
  return sum(pids, (pid) => field(`/proc/${pid}/smaps_rollup`, 'Pss'));
}

/** What several processes share counts for each of them whole. */
export function rssKib(pids: readonly number[]): number {
  return sum(pids, (pid) => field(`/proc/${pid}/smaps_rollup`, 'Rss'));
}

function tasks(pids: readonly number[]): string[] {
  return pids.flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((task) => `/proc/${pid}/task/${task}`));
}

function field(path: string, name: string): number {
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}:`));
  return Number.parseInt(line?.slice(name.length + 1) ?? 'NaN', 10);
}

function sum<T>(items: readonly T[], figure: (item: T) => number): number {
  return items.reduce((total, item) => total + figure(item), 0);
}
