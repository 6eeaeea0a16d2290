import { readFileSync } from 'node:fs';
import { failure, findContainer, statusOf } from './container.js';
import { listMembers } from './members.js';

/** The processes of a container: their pids as a JSON array, or a table with their command lines. */
export function ps(root: string, id: string, format: 'json' | 'table'): string {
  const container = findContainer(root, id);
  const status = statusOf(container);
  if (status === 'stopped') throw failure('container is not running');
  const pids = listMembers(container).map(({ pid }) => pid);
  if (format === 'json') return JSON.stringify(pids);
  const width = 'PID'.length + 5;
  const row = (pid: string, command: string): string => `${pid.padEnd(width)}${command}`;
  return [row('PID', 'COMMAND'), ...pids.map((pid) => row(String(pid), commandLine(pid)))].join('\n');
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
  } catch {
    // The process has ended meanwhile.
    return '';
  }
}
