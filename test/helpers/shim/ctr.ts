/** Command lines of ctr, and the events of containerd while they run. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Containerd } from './containerd.js';
import type { Testbed } from '../e2e/testbed.js';
import { waitFor } from '../base/wait-for.js';

export interface RunOptions {
  shim: string;
  id: string;
  /** Such as `-d`. */
  flags?: readonly string[];
  /** For the shell of the container. */
  script: string;
}

/** The arguments of `ctr run`, with the root filesystem of the testbed. */
export function runOf(testbed: Testbed, { shim, id, flags = [], script }: RunOptions): string[] {
  const all = [...flags, ...fifosIn(testbed), '--runtime', shim, '--rootfs'];
  return ['run', ...all, testbed.rootfs, id, '/bin/sh', '-c', script];
}

/** The arguments of `ctr tasks exec` of a shell script. */
export function execOf(testbed: Testbed, id: string, execId: string, script: string, ...flags: string[]): string[] {
  return ['tasks', 'exec', ...flags, ...fifosIn(testbed), '--exec-id', execId, id, '/bin/sh', '-c', script];
}

/** A directory for FIFOs in the testbed: ctr does not remove them if another client deletes the task. */
export function fifosIn(testbed: Testbed): string[] {
  return ['--fifo-dir', testbed.path('fifos')];
}

/** As `ctr tasks ls` shows it: RUNNING, PAUSED, STOPPED; undefined if there is no such task. */
export async function statusOf(containerd: Containerd, id: string): Promise<string | undefined> {
  const line = (await containerd.ask('tasks', 'ls')).split('\n').find((it) => it.startsWith(`${id} `));
  return line?.trim().split(/\s+/).at(-1);
}

export function hasStatus(
  containerd: Containerd,
  id: string,
  status: string | undefined,
  timeoutMs?: number,
): Promise<true> {
  return waitFor(async () => (await statusOf(containerd, id)) === status, `${id} to be ${status ?? 'gone'}`, timeoutMs);
}

/** Waits until there is neither a task nor a bundle of it any more. */
export async function isGone(containerd: Containerd, id: string): Promise<void> {
  await hasStatus(containerd, id, undefined);
  await waitFor(() => !existsSync(containerd.bundleOf(id)), `the bundle of ${id} to be removed`);
}

export interface ContainerdEvent {
  /** Such as `/tasks/exit`. */
  topic: string;
  /** Of the event's own fields. */
  [field: string]: unknown;
}

export interface Events {
  /** Those of one container so far, with the topics of tasks only. */
  of(id: string): ContainerdEvent[];
  /** Waits for the first that has this topic and these fields. */
  expect(topic: string, fields: Record<string, unknown>): Promise<ContainerdEvent>;
}

/** Listens until the test ends, with all that happens from now on. */
export async function listenToEvents(testbed: Testbed, containerd: Containerd): Promise<Events> {
  const [program = '', ...args] = containerd.command('events');
  const child = spawn(program, args, { env: testbed.env, stdio: ['ignore', 'pipe', 'inherit'] });
  testbed.after(() => child.kill('SIGKILL'));
  let printed = '';
  child.stdout.on('data', (data: Buffer) => {
    printed += data.toString();
  });
  const all = (): ContainerdEvent[] => printed.split('\n').slice(0, -1).map(parseEvent);
  // Nothing tells that it listens, but an event that it has heard.
  await waitFor(async () => {
    await containerd.ask('namespaces', 'label', containerd.namespace, `heard=${performance.now()}`);
    return printed !== '';
  }, 'ctr events to listen');
  return {
    of: (id) => all().filter((event) => event['container_id'] === id),
    async expect(topic, fields) {
      const wanted = Object.entries({ topic, ...fields });
      const find = (): ContainerdEvent | undefined => all().find((it) => wanted.every(([key, is]) => it[key] === is));
      return waitFor(find, `${topic} of ${JSON.stringify(fields)}`);
    },
  };
}

/** `2026-01-01 00:00:00.1 +0000 UTC NAMESPACE /tasks/start {"container_id":"c","pid":7}` */
function parseEvent(line: string): ContainerdEvent {
  const [, topic = '', fields = '{}'] = / (\/\S+) ({.*})$/.exec(line) ?? [];
  return { topic, ...(JSON.parse(fields) as Record<string, unknown>) };
}
