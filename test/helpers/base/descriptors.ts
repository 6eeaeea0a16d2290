/** The descriptors of a process, and their flags, to prove that what was opened was closed. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { waitFor } from './wait-for.js';

/** What each open descriptor is, as `5 -> pipe:[123]`; the one that reads the directory is left out. */
export function openDescriptors(pid: number | 'self' = 'self'): string[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).flatMap((fd) => {
    try {
      return [`${fd} -> ${readlinkSync(`${directory}/${fd}`)}`];
    } catch {
      return [];
    }
  });
}

/**
 * Runs `work` once to warm up (the epoll set and Node's own pipes stay open), then again, and fails if a descriptor is
 * open that was not before. Waits for those that Node closes a turn later.
 */
export async function assertNoDescriptorLeak(work: () => unknown): Promise<void> {
  await work();
  const before = openDescriptors();
  await work();
  const added = (): string[] => openDescriptors().filter((entry) => !before.includes(entry));
  await waitFor(() => added().length === 0, 'every descriptor to be closed').catch(() => {});
  assert.deepEqual(added(), [], 'descriptors were left open');
}

/** O_CLOEXEC as fdinfo shows it; node:fs does not name it. */
export const O_CLOEXEC = 0o2000000;

export function fdFlags(fd: number, pid: number | 'self' = 'self'): number {
  const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
  return Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '', 8);
}
