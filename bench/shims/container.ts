/** A container with a terminal in a shim, what each step of making it took, and containerd's part in it. */
import { constants } from 'node:fs';
import { join } from 'node:path';
import { placeOf } from '../../src/client/external-shim/program.js';
import { check } from '../../src/errors/errors.js';
import { addon } from '../../src/native/addon.js';
import { createFifo } from '../../src/os/fifo.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { defaultSpec, writeBundle } from '../../src/runtime/spec/default-spec.js';
import { type Client, clientOf, connectTtrpc } from '../../src/ttrpc/client.js';
import { EventsDefinition } from '../../src/ttrpc/gen/containerd/event-service.js';
import { TaskDefinition } from '../../src/ttrpc/gen/containerd/task.js';
import { serveTtrpc } from '../../src/ttrpc/server.js';
import { service as ttrpcService } from '../../src/ttrpc/service.js';
import { runToEnd } from '../../test/helpers/base/command.js';
import type { Testbed } from '../../test/helpers/e2e/testbed.js';
import { containerdLeftovers } from '../../test/helpers/shim/containerd-leftovers.js';
import type { Placement } from '../harness/rounds.js';
import { type Ends, type Times, makeEnds, stopwatch } from '../harness/stage.js';

export interface ShimContainer {
  readonly ends: Ends;
  /** Up to the first bytes of its output. */
  readonly times: Times;
  /** The shim that has it. */
  readonly shimPid: number;
  /** `prepare` has the ends before the shim has. */
  exec(args: readonly string[], prepare?: (ends: Ends) => void): Promise<ShimExec>;
  /** Kills and deletes it. Its shim may end then, and is not waited for. */
  remove(): Promise<void>;
}

/** By the calls of `ctr run -t` and containerd, in their order. Settles when the process has written something. */
export async function runContainer(
  part: ContainerdPart,
  shim: string,
  args: readonly string[],
): Promise<ShimContainer> {
  const { testbed } = part;
  const id = testbed.newId();
  const bundle = await part.makeBundle(id, args);
  const openEnds = (name: string): Ends => {
    const opened = makeEnds(bundle, name);
    testbed.after(() => opened.close());
    return opened;
  };
  const ends = openEnds('init');

  const elapsed = stopwatch();
  const { socket, service } = await part.callStart(shim, id, bundle);
  const isAnnounced = elapsed();
  const connection = await connectTtrpc(socket);
  testbed.after(() => connection.close());
  const task = clientOf(TaskDefinition, connection, service);
  await task.create({ id, bundle, terminal: true, stdin: ends.stdin, stdout: ends.stdout });
  const isCreated = elapsed();
  const exited = task.wait({ id });
  exited.catch(() => {});
  const prompted = ends.output.hasBytes(1).then(elapsed);
  await task.start({ id });
  const isStarted = elapsed();
  const times = {
    '`start` answered': isAnnounced,
    'Create answered': isCreated,
    'Start answered': isStarted,
    prompt: await prompted,
  };

  const { shimPid } = await task.connect({ id });
  let execs = 0;
  return {
    ends,
    times,
    shimPid,
    exec(execArgs, prepare) {
      const execId = `exec-${++execs}`;
      const execEnds = openEnds(execId);
      prepare?.(execEnds);
      return runExec({ task, id, execId, ends: execEnds, args: execArgs });
    },
    async remove() {
      await task.kill({ id, signal: 9 });
      await exited;
      await task.delete({ id });
      await task.shutdown({ id }).catch(() => {});
      connection.close();
      ends.close();
    },
  };
}

/** containerd's part, played by the harness: what a shim needs of it, and how it starts one. */
export interface ContainerdPart {
  readonly testbed: Testbed;
  readonly namespace: string;
  /** Makes a container's bundle, with somebody who reads its log, as containerd does until the container is gone. */
  makeBundle(id: string, args: readonly string[], terminal?: boolean): Promise<string>;
  /** Executes the shim's `start` in the bundle, in the words of containerd 1.6. Answers where it listens, by ttrpc. */
  callStart(shim: string, id: string, bundle: string): Promise<{ socket: string; service: string }>;
  /** The same, with a namespace of which no shim knows yet. */
  anew(): ContainerdPart;
}

export interface PartOptions {
  placement: Placement;
  /** More for the environment of the shims. */
  env?: NodeJS.ProcessEnv;
}

/** It hears the shims' events until the testbed ends. */
export function playContainerd(testbed: Testbed, options: PartOptions): ContainerdPart {
  const address = testbed.path(`${testbed.newId()}.sock`);
  const listener = new OwnedFd(check(addon.socket_listen(`${address}.ttrpc`, 0o600), 'bind', 'listen'), 'events');
  const server = serveTtrpc(listener, [ttrpcService(EventsDefinition, { forward: () => ({}) })]);
  testbed.after(() => server.destroy());
  const ours = { TERMSHIM_GROUP: undefined, TERMSHIM_NODE: process.execPath };
  const env = { ...testbed.env, ...ours, ...options.env, TTRPC_ADDRESS: `${address}.ttrpc`, GOMAXPROCS: '2' };
  return inNamespace(testbed, address, { ...options, env });
}

function inNamespace(testbed: Testbed, address: string, options: PartOptions): ContainerdPart {
  const { placement, env } = options;
  const namespace = testbed.newId();
  testbed.lookFor(containerdLeftovers({ testbed, namespace, address, state: testbed.directory, left: [] }));
  return {
    testbed,
    namespace,
    async makeBundle(id, args, terminal = true) {
      const bundle = testbed.path(id);
      await writeBundle(bundle, defaultSpec({ rootfs: testbed.rootfs, args, terminal, rootless: false }));
      const log = join(bundle, 'log');
      createFifo(log);
      const reader = OwnedFd.open(log, constants.O_RDWR | constants.O_NONBLOCK, log);
      testbed.after(() => reader.close());
      return bundle;
    },
    async callStart(shim, id, bundle) {
      const flags = ['-namespace', namespace, '-address', address, '-publish-binary', '/bin/false', '-id', id];
      const { stdout, stderr } = await runToEnd([...placement.prefix, shim, ...flags, 'start'], { cwd: bundle, env });
      if (stderr !== '') throw new Error(`${shim} start: ${stderr}`);
      return placeOf(Buffer.from(stdout), shim);
    },
    anew: () => inNamespace(testbed, address, options),
  };
}

export interface ExecOptions {
  task: Client<typeof TaskDefinition>;
  id: string;
  execId: string;
  ends: Ends;
  args: readonly string[];
}

/** One more process in a container of a shim, with a terminal of its own. */
export interface ShimExec {
  readonly ends: Ends;
  /** Up to the first bytes of its output. */
  times(): Promise<Times>;
  /** Kills and deletes it, and closes the ends. */
  remove(): Promise<void>;
}

/** By the calls of `ctr tasks exec -t` and containerd, in their order. Settles when the process runs. */
export async function runExec({ task, id, execId, ends, args }: ExecOptions): Promise<ShimExec> {
  const elapsed = stopwatch();
  await task.exec({ id, execId, terminal: true, stdin: ends.stdin, stdout: ends.stdout, spec: specOf(args) });
  const isAdded = elapsed();
  const exited = task.wait({ id, execId });
  exited.catch(() => {});
  const seen = ends.output.hasBytes(1).then(elapsed);
  seen.catch(() => {});
  await task.start({ id, execId });
  const isStarted = elapsed();
  return {
    ends,
    times: async () => ({ 'Exec answered': isAdded, 'Start answered': isStarted, prompt: await seen }),
    async remove() {
      await task.kill({ id, execId, signal: 9 });
      await exited;
      await task.delete({ id, execId });
      ends.close();
    },
  };
}

function specOf(args: readonly string[]) {
  const env = ['PATH=/bin', 'TERM=xterm'];
  const process = { args, cwd: '/', env, terminal: true, user: { uid: 0, gid: 0 } };
  const typeUrl = 'types.containerd.io/opencontainers/runtime-spec/1/Process';
  return { typeUrl, value: Buffer.from(JSON.stringify(process)) };
}
