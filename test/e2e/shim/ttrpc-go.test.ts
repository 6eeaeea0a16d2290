/*
 * termshim's ttrpc must work with the Go implementation. The test starts containerd's own shim, written in Go:
 * termshim's client takes a container through its life with the shim's Task service, and termshim's server receives the
 * shim's events in the place of containerd. A wrong field number, frame or status would show as an empty field, a hang
 * or another error.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { placeOf } from '../../../src/client/external-shim/program.js';
import { createFifo } from '../../../src/os/fifo.js';
import { clientOf } from '../../../src/ttrpc/client.js';
import type { Client } from '../../../src/ttrpc/client.js';
import { Metrics as MetricsV1 } from '../../../src/ttrpc/gen/containerd/cgroup-v1.js';
import { Metrics as MetricsV2 } from '../../../src/ttrpc/gen/containerd/cgroup-v2.js';
import { EventsDefinition } from '../../../src/ttrpc/gen/containerd/event-service.js';
import { Options, ProcessDetails } from '../../../src/ttrpc/gen/containerd/runc-options.js';
import {
  TaskCreate,
  TaskDelete,
  TaskExecAdded,
  TaskExecStarted,
  TaskExit,
  TaskPaused,
  TaskResumed,
  TaskStart,
} from '../../../src/ttrpc/gen/containerd/task-events.js';
import { Status } from '../../../src/ttrpc/gen/containerd/task-status.js';
import { TaskDefinition } from '../../../src/ttrpc/gen/containerd/task.js';
import type { Envelope } from '../../../src/ttrpc/gen/containerd/types.js';
import type { Any } from '../../../src/ttrpc/gen/google/protobuf/any.js';
import { type MessageType, packAny, unpackAny } from '../../../src/ttrpc/message.js';
import { service } from '../../../src/ttrpc/service.js';
import { Code } from '../../../src/ttrpc/status.js';
import { makeBundle } from '../../helpers/runtime/bundle.js';
import { runToEnd } from '../../helpers/base/command.js';
import { missing } from '../../helpers/base/requirement.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { connect, serve } from '../../helpers/shim/ttrpc.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const skip = missing('root', 'busybox', 'runc', 'containerd');
const sigkill = 9;

interface GoShim {
  readonly task: Client<typeof TaskDefinition>;
  readonly id: string;
  readonly bundle: string;
  /** Every event so far. */
  readonly events: readonly Envelope[];
}

/** Starts the shim as containerd does, with us in containerd's place. */
async function startGoShim(testbed: Testbed, args: readonly string[]): Promise<GoShim> {
  const events: Envelope[] = [];
  const { path: eventSocket } = serve(testbed, [
    service(EventsDefinition, {
      forward({ envelope }) {
        if (envelope !== undefined) events.push(envelope);
        return {};
      },
    }),
  ]);
  const bundle = makeBundle(testbed, { args, terminal: false });
  holdLog(testbed, join(bundle, 'log'));
  const id = testbed.newId();
  const namespace = `test-${id}`;
  const options = ['-namespace', namespace, '-id', id, '-address', testbed.path('containerd.sock')];
  const env = { ...testbed.env, TTRPC_ADDRESS: eventSocket };
  const start = ['containerd-shim-runc-v2', ...options, '-publish-binary', '/bin/true', 'start'];
  const { stdout, stderr } = await runToEnd(start, { cwd: bundle, env, input: '' });
  assert.equal(stderr, '');
  const { socket, service: name } = placeOf(Buffer.from(stdout), 'containerd-shim-runc-v2');
  const connection = await connect(testbed, socket);
  const task = clientOf(TaskDefinition, connection, name);
  const { shimPid } = await task.connect({ id });
  assert.equal(readFileSync(`/proc/${shimPid}/comm`, 'utf8'), 'containerd-shim\n');
  return { task, id, bundle, events };
}

/** A shim does not live without its log; containerd holds both ends of the FIFO too. */
function holdLog(testbed: Testbed, path: string): void {
  createFifo(path);
  const log = openSync(path, 'r+');
  testbed.after(() => closeSync(log));
}

async function end({ task, id }: GoShim): Promise<void> {
  await task.kill({ id, signal: sigkill, all: true }).catch(() => {});
  await task.delete({ id }).catch(() => {});
  /* It may be gone before it has answered. */
  await task.shutdown({ id, now: true }).catch(() => {});
}

test("termshim's client and server work with a shim written in Go through the life of a container", {
  skip,
}, async (t) => {
  const testbed = openTestbed(t);
  const shim = await startGoShim(testbed, ['sleep', '1000']);
  const { task, id, bundle, events } = shim;
  testbed.after(() => end(shim));

  await assert.rejects(task.state({ id }), { name: 'RpcError', code: Code.NotFound });
  const options = packAny(Options, { binaryName: 'runc', root: testbed.path('runc') });
  const created = await task.create({ id, bundle, options });
  assert.ok(created.pid > 0);
  await assert.rejects(task.create({ id, bundle, options }), { code: Code.Unknown, message: /already exists/ });
  const state = await task.state({ id });
  assert.deepEqual([state.id, state.bundle, state.pid, state.status], [id, bundle, created.pid, Status.CREATED]);
  assert.deepEqual(await task.start({ id }), created);
  const waiting = task.wait({ id });

  await task.pause({ id });
  assert.equal((await task.state({ id })).status, Status.PAUSED);
  await task.resume({ id });
  const { stats } = await task.stats({ id });
  const current = unpackAny(MetricsV1, stats)?.pids?.current ?? unpackAny(MetricsV2, stats)?.pids?.current;
  assert.equal(current, 1n);

  const process = { args: ['sleep', '1000'], cwd: '/', env: ['PATH=/bin'], user: { uid: 0, gid: 0 } };
  const spec = {
    typeUrl: 'types.containerd.io/opencontainers/runtime-spec/1/Process',
    value: Buffer.from(JSON.stringify(process)),
  };
  await task.exec({ id, execId: 'second', spec });
  const second = await task.start({ id, execId: 'second' });
  const { processes } = await task.pids({ id });
  assert.deepEqual(new Set(processes.map((it) => it.pid)), new Set([created.pid, second.pid]));
  const details = processes.find((it) => it.pid === second.pid)?.info;
  assert.equal(unpackAny(ProcessDetails, details)?.execId, 'second');
  await assert.rejects(task.wait({ id, execId: 'second' }, { timeoutMs: 100 }), { code: Code.DeadlineExceeded });
  await task.kill({ id, execId: 'second', signal: sigkill });
  assert.equal((await task.wait({ id, execId: 'second' })).exitStatus, 128 + sigkill);
  await task.delete({ id, execId: 'second' });

  await task.kill({ id, signal: sigkill });
  const exited = await within(waiting, 'the end of the container');
  assert.equal(exited.exitStatus, 128 + sigkill);
  const deleted = await task.delete({ id });
  assert.deepEqual(deleted, { pid: created.pid, ...exited });

  await waitFor(() => events.some((it) => it.topic === '/tasks/delete'), 'the last event');
  const told = (type: MessageType<object>, topic: string): object[] =>
    events.filter((it) => it.topic === topic).map((it) => unpackAny(type, it.event as Any) as object);
  const { pid } = created;
  const of = { containerId: id };
  const { exitedAt } = exited;
  const io = { stdin: '', stdout: '', stderr: '', terminal: false };
  assert.deepEqual(told(TaskCreate, '/tasks/create'), [{ ...of, bundle, rootfs: [], io, checkpoint: '', pid }]);
  assert.deepEqual(told(TaskStart, '/tasks/start'), [{ ...of, pid }]);
  assert.deepEqual(told(TaskPaused, '/tasks/paused'), [of]);
  assert.deepEqual(told(TaskResumed, '/tasks/resumed'), [of]);
  assert.deepEqual(told(TaskExecAdded, '/tasks/exec-added'), [{ ...of, execId: 'second' }]);
  assert.deepEqual(told(TaskExecStarted, '/tasks/exec-started'), [{ ...of, execId: 'second', pid: second.pid }]);
  const exits = told(TaskExit, '/tasks/exit') as TaskExit[];
  assert.deepEqual(
    exits.map((it) => [it.id, it.pid, it.exitStatus]),
    [
      ['second', second.pid, 137],
      [id, pid, 137],
    ],
  );
  assert.deepEqual(exits[1]?.exitedAt, exitedAt);
  const [removed] = told(TaskDelete, '/tasks/delete').slice(-1);
  assert.deepEqual(removed, { ...of, pid, exitStatus: 137, exitedAt, id: '' });
  assert.ok(events.every((it) => it.namespace === `test-${id}` && (it.timestamp?.seconds ?? 0n) > 1_700_000_000n));
});
