/** The control group of a process, on either version of cgroups. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of it, such as `pids.max` of the controller `pids`. */
export function cgroupFile(pid: number, controller: string, file: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(':'));
  const v1 = lines.find(([, controllers]) => controllers === controller)?.[2];
  const v2 = lines.find(([id]) => id === '0')?.[2] ?? '';
  return v1 === undefined ? join('/sys/fs/cgroup', v2, file) : join('/sys/fs/cgroup', controller, v1, file);
}
