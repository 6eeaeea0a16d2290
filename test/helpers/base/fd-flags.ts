/** The flags of an open descriptor, as the kernel tells them in /proc/PID/fdinfo. */
import { readFileSync } from 'node:fs';

/** O_CLOEXEC as fdinfo shows it; node:fs does not name it. */
export const O_CLOEXEC = 0o2000000;

export function fdFlags(fd: number, pid: number | 'self' = 'self'): number {
  const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
  return Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '', 8);
}
