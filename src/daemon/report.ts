/**
 * When a daemon gets SIGUSR1, it writes a report to its log: its containers, and the resources that it waits for.
 * containerd's own shims write their stacks; JavaScript has none to show, because Node handles a signal between two
 * turns of the event loop. The number of lines is limited. The report has no environment variables and no output of
 * processes.
 */
import { readdirSync } from 'node:fs';
import { version } from '../package.js';
import type { Log } from './daemon-log.js';
import type { Tasks } from './tasks.js';

/** A report lists at most so many containers, those that were created last. */
const maxContainers = 50;

export function writeReport(log: Log, tasks: Tasks): void {
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const containers = tasks.list();
  const bundle = containers.at(-1)?.request.bundle;
  log.info(
    'report',
    {
      version: version(),
      node: process.version,
      pid: process.pid,
      uptime: seconds(process.uptime() * 1e6),
      cpu: `${seconds(user)}+${seconds(system)}`,
      rss,
      heap: heapUsed,
      external,
      descriptors: readdirSync('/proc/self/fd').length,
      containers: containers.length,
    },
    bundle,
  );
  log.info('report: open resources', counts(process.getActiveResourcesInfo()), bundle);
  for (const { request, container } of containers.slice(-maxContainers)) {
    const { pid, state } = container.init;
    const execs = [...container.execs.values()].map(({ process }) => process.state);
    const fields = { container: request.id, state, pid, execs: execs.length, ...counts(execs) };
    log.info('report: container', fields, request.bundle);
  }
}

function counts(names: readonly string[]): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const name of names) counted[name] = (counted[name] ?? 0) + 1;
  return counted;
}

function seconds(microseconds: number): string {
  return `${(microseconds / 1e6).toFixed(1)}s`;
}
