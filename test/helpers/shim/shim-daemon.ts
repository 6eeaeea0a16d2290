/** The shim's daemon, started as containerd starts it, with the test in the place of containerd. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { addon } from '../../../src/native/addon.js';
import { check } from '../../../src/errors/errors.js';
import { createFifo } from '../../../src/os/fifo.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { writeBundle } from '../../../src/runtime/spec/default-spec.js';
import { hostSpec } from '../../../src/runtime/spec/host-spec.js';
import { type Client, clientOf, connectTtrpc } from '../../../src/ttrpc/client.js';
import { EventsDefinition } from '../../../src/ttrpc/gen/containerd/event-service.js';
import { Options } from '../../../src/ttrpc/gen/containerd/runc-options.js';
import { TaskExit } from '../../../src/ttrpc/gen/containerd/task-events.js';
import { TaskDefinition } from '../../../src/ttrpc/gen/containerd/task.js';
import { SessionsDefinition } from '../../../src/ttrpc/gen/termshim/sessions.js';
import { type ForgetResponse, ShimDefinition } from '../../../src/ttrpc/gen/termshim/shim.js';
import { message } from '../../../src/ttrpc/message.js';
import { serveTtrpc } from '../../../src/ttrpc/server.js';
import { service } from '../../../src/ttrpc/service.js';
import { runToEnd } from '../base/command.js';
import { ptyRuntimeProgram } from '../runtime/fake-runtime.js';
import { shimPath } from './shim.js';
import type { Testbed } from '../e2e/testbed.js';
import { waitFor } from '../base/wait-for.js';

export interface PublishedEvent {
  topic: string;
  /** Of `/tasks/exit`: the process's id; else empty. */
  exitOf: string;
  event: Uint8Array;
}

export interface ShimDaemon {
  task: Client<typeof TaskDefinition>;
  sessions: Client<typeof SessionsDefinition>;
  pid: number;
  /** As they were told, of all containers. */
  events: PublishedEvent[];
  /** How many descriptors the daemon has. */
  countDescriptors(): number;
  /** Makes a bundle for a process on this host, and a stdout FIFO in it. */
  makeBundle(id: string, args: readonly string[]): Promise<string>;
  /** Asks containerd's shim binary for a container, as before each Create. */
  announce(id: string, bundle: string): Promise<void>;
  /** Takes an announcement back, and removes what there is, as containerd's `delete` does. */
  forget(id: string): Promise<ForgetResponse>;
  /** What Create gets: the pty runtime, or another in its place, and a terminal. */
  request(id: string, bundle: string, runtime?: string): Parameters<Client<typeof TaskDefinition>['create']>[0];
}

/** It is asked to shut down after the test, and must be gone then. */
export async function startShimDaemon(testbed: Testbed): Promise<ShimDaemon> {
  const events: PublishedEvent[] = [];
  const namespace = testbed.newId();
  const address = testbed.path('containerd.sock');
  const listener = new OwnedFd(check(addon.socket_listen(`${address}.ttrpc`, 0o600), 'bind', 'listen'), 'events');
  const forward = service(EventsDefinition, {
    forward({ envelope }) {
      const { topic = '', event } = envelope ?? {};
      const value = event?.value ?? new Uint8Array();
      events.push({ topic, exitOf: topic === '/tasks/exit' ? TaskExit.decode(value).id : '', event: value });
      return {};
    },
  });
  const server = serveTtrpc(listener, [forward]);
  testbed.after(() => server.destroy());

  const announce = async (id: string, bundle: string): Promise<string> => {
    const flags = ['-namespace', namespace, '-address', address, '-publish-binary', '/bin/false', '-id', id];
    const env = { ...testbed.env, TTRPC_ADDRESS: `${address}.ttrpc` };
    const { stdout, stderr, status } = await runToEnd([shimPath, ...flags, 'start'], { env, cwd: bundle });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    return stdout.replace('unix://', '');
  };
  const makeBundle = async (id: string, args: readonly string[]): Promise<string> => {
    const bundle = testbed.path(`bundle-${id}`);
    mkdirSync(bundle);
    await writeBundle(bundle, hostSpec({ args, size: { columns: 80, rows: 24 } }));
    createFifo(`${bundle}/out`);
    return bundle;
  };

  const request: ShimDaemon['request'] = (id, bundle, runtime = ptyRuntimeProgram) => ({
    id,
    bundle,
    terminal: true,
    stdout: `${bundle}/out`,
    options: {
      typeUrl: Options.$type,
      value: Options.encode(message(Options, { binaryName: runtime, root: testbed.path('pty-root') })).finish(),
    },
  });

  // It keeps the daemon, while others come and go.
  const first = testbed.newId();
  const bundle = await makeBundle(first, ['true']);
  const socket = await announce(first, bundle);
  const connection = await connectTtrpc(socket);
  const task = clientOf(TaskDefinition, connection);
  await task.create({ ...request(first, bundle), stdout: '' });
  const pid = await daemonPid(testbed, socket);
  testbed.after(async () => {
    await task.delete({ id: first });
    await task.shutdown({ id: first });
    connection.close();
    await waitFor(() => !testbed.processes().some((it) => it.pid === pid), 'the end of the daemon');
  });
  return {
    task,
    sessions: clientOf(SessionsDefinition, connection),
    pid,
    events,
    countDescriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    makeBundle,
    announce: async (id, place) => void (await announce(id, place)),
    forget: (id) => clientOf(ShimDefinition, connection).forget({ id }),
    request,
  };
}

async function daemonPid(testbed: Testbed, socket: string): Promise<number> {
  return waitFor(() => testbed.processes().find((it) => it.commandLine.includes(socket))?.pid, 'the daemon');
}
