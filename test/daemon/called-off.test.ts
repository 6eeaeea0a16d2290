/*
 * A caller may give up: its deadline passes, or its connection is closed. A request that was cancelled must have no
 * effect, or its effect must be undone. What could break: a process runs that the daemon does not know, a runtime that
 * hangs goes on, the reported state is wrong, or the next call for the same process waits or is refused. The runtimes
 * here hang before or after they do their work; the call is cancelled then, and the test examines the state, the events
 * and the processes.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskEvent } from '../../src/task/event.js';
import { Options } from '../../src/ttrpc/gen/containerd/runc-options.js';
import { Status } from '../../src/ttrpc/gen/containerd/task-status.js';
import { packAny } from '../../src/ttrpc/message.js';
import { Code } from '../../src/ttrpc/status.js';
import { fakeRuntime, ptyRuntimeProgram } from '../helpers/runtime/fake-runtime.js';
import { leakTest, type Scope } from '../helpers/base/leak-free.js';
import { processState } from '../helpers/base/process-state.js';
import { newStdio, shellProcess } from '../helpers/runtime/task.js';
import { serveTasks, type TaskServer } from '../helpers/shim/task-server.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const id = 'c';
const execId = 'e';
const passed = { code: Code.DeadlineExceeded };
/** A runtime takes some 100 ms on an idle machine. */
const deadline = { timeoutMs: 1500 };

interface Hanging extends TaskServer {
  path(name: string): string;
  /** From now on the runtime does what it is asked. */
  letGo(): void;
  /** Settles when the runtime hangs, and once more when it has been killed. */
  hangs(): Promise<() => Promise<unknown>>;
  story(): string[];
}

/** A container whose runtime hangs in `verb`, before it does anything or afterwards. */
async function serveHanging(scope: Scope, verb: string, when: 'before' | 'after'): Promise<Hanging> {
  const server = await serveTasks(scope);
  const directory = temporaryDirectory(scope);
  const path = (name: string): string => join(directory, name);
  const hang = `[ -e ${path('go')} ] || { echo $$ >${path('hung')}; exec sleep 100; }`;
  const real = `[ -e ${path('go')} ] || '${ptyRuntimeProgram}' "$@"`;
  const binaryName = fakeRuntime({ path }, { [verb]: when === 'before' ? hang : `${real}; ${hang}` });
  const options = packAny(Options, { binaryName, root: path('root') });
  await server.task.create({ ...(await server.request(id, 'exec sleep 100')), options });
  return {
    ...server,
    path,
    letGo: () => writeFileSync(path('go'), ''),
    async hangs() {
      const pid = await waitFor(() => numberIn(path('hung')), 'the runtime to hang');
      return () => waitFor(() => processState(pid) === undefined, 'the runtime to be killed', 5000);
    },
    story: () => server.events.map(({ kind }: TaskEvent) => kind),
  };
}

function numberIn(path: string): number | undefined {
  return existsSync(path) ? Number(readFileSync(path, 'utf8')) || undefined : undefined;
}

async function addExec(
  { task }: TaskServer,
  script: string,
  stdio: { stdout?: string; stdin?: string } = {},
): Promise<void> {
  const spec = { typeUrl: '', value: Buffer.from(JSON.stringify(shellProcess(script))) };
  await task.exec({ id, execId, spec, ...stdio });
}

leakTest(
  'Start of an exec process can be repeated if it is cancelled before the runtime has made the process',
  async (scope) => {
    const server = await serveHanging(scope, 'exec', 'before');
    const { task, hangs, letGo, story } = server;
    await task.start({ id });
    await addExec(server, 'exit 3');
    const refused = assert.rejects(task.start({ id, execId }, deadline), passed);
    const isKilled = await hangs();
    await refused;
    await isKilled();
    assert.equal((await task.state({ id, execId })).status, Status.CREATED);
    letGo();
    await within(task.start({ id, execId }), 'the start');
    assert.equal((await within(task.wait({ id, execId }), 'the exit')).exitStatus, 3);
    assert.deepEqual(story(), ['create', 'start', 'exec-added', 'exec-started', 'exit']);
  },
);

for (const how of ['the deadline passes', 'the connection is closed']) {
  leakTest(
    `the daemon kills an exec process that the runtime has made already if ${how} during its Start`,
    async (scope) => {
      const server = await serveHanging(scope, 'exec', 'after');
      const { task, hangs, story, path } = server;
      await task.start({ id });
      await addExec(server, `sleep 101 & echo $! >${path('child')}; echo $$ >${path('pid')}; wait`);
      const other = await server.connect();
      const refused = other.task
        .start({ id, execId }, how === 'the deadline passes' ? { timeoutMs: 4000 } : {})
        .catch(() => {});
      const isKilled = await hangs();
      const pids = await waitFor(() => {
        const both = [numberIn(path('pid')), numberIn(path('child'))];
        return both.every((pid) => pid !== undefined) && both;
      }, 'the process and its child');
      if (how === 'the connection is closed') other.leave();
      await refused;
      await isKilled();
      for (const pid of pids) await waitFor(() => processState(pid) === undefined, 'the process to be killed', 5000);
      assert.equal((await task.state({ id, execId })).status, Status.CREATED);
      await within(task.delete({ id, execId }), 'the deletion', 5000);
      assert.deepEqual(story(), ['create', 'start', 'exec-added']);
      other.leave();
    },
  );
}

leakTest(
  'Start of an exec process makes no process and closes the FIFOs if it is cancelled while it waits for a reader',
  async (scope) => {
    const server = await serveTasks(scope);
    const { task, request } = server;
    await task.create(await request(id, 'exec sleep 100'));
    await task.start({ id });
    const { stdio, leave } = newStdio(scope, 'pipes');
    leave();
    const mark = join(temporaryDirectory(scope), 'mark');
    const stdout = stdio.kind === 'pipes' && stdio.stdout?.kind === 'fifo' ? stdio.stdout.path : '';
    await addExec(server, `echo >${mark}`, { stdout });
    await assert.rejects(task.start({ id, execId }, { timeoutMs: 300 }), passed);
    await within(task.delete({ id, execId }), 'the deletion', 2000);
    assert.equal(existsSync(mark), false);
  },
);

leakTest('a Start that is cancelled while it waits for another Start never begins', async (scope) => {
  const server = await serveHanging(scope, 'exec', 'before');
  const { task, hangs, letGo, path } = server;
  await task.start({ id });
  await addExec(server, `echo >>${path('runs')}`);
  const first = assert.rejects(task.start({ id, execId }, { timeoutMs: 3000 }), passed);
  const isKilled = await hangs();
  await assert.rejects(task.start({ id, execId }, { timeoutMs: 50 }), passed);
  letGo();
  await first;
  await isKilled();
  assert.equal((await task.state({ id, execId })).status, Status.CREATED);
  assert.equal(existsSync(path('runs')), false);
});

leakTest('Start of the init can be repeated if it is cancelled before the runtime began', async (scope) => {
  const { task, hangs, letGo, story } = await serveHanging(scope, 'start', 'before');
  const refused = assert.rejects(task.start({ id }, deadline), passed);
  const isKilled = await hangs();
  await refused;
  await isKilled();
  assert.equal((await task.state({ id })).status, Status.CREATED);
  letGo();
  await within(task.start({ id }), 'the start');
  assert.deepEqual(story(), ['create', 'start']);
});

leakTest(
  'Start of the init kills it and reports its start and exit if it is cancelled after the runtime began',
  async (scope) => {
    const { task, hangs, story } = await serveHanging(scope, 'start', 'after');
    const refused = assert.rejects(task.start({ id }, { timeoutMs: 3000 }), passed);
    const isKilled = await hangs();
    await refused;
    await isKilled();
    assert.equal((await within(task.wait({ id }), 'the exit', 5000)).exitStatus, 137);
    assert.deepEqual(story(), ['create', 'start', 'exit']);
    await within(task.delete({ id }), 'the deletion');
  },
);

for (const when of ['before', 'after'] as const) {
  leakTest(`Pause leaves the state unchanged if it is cancelled ${when} the runtime did it`, async (scope) => {
    const paused = await serveHanging(scope, 'pause', when);
    await paused.task.start({ id });
    const refused = assert.rejects(paused.task.pause({ id }, { timeoutMs: 3000 }), passed);
    const isKilled = await paused.hangs();
    await refused;
    await isKilled();
    // The next change of its state waits for what is undone.
    await within(
      paused.task.update({ id, resources: { typeUrl: '', value: Buffer.from('{}') } }).catch(() => {}),
      'its turn',
    );
    assert.equal((await paused.task.state({ id })).status, Status.RUNNING);
    const pid = paused.tasks.get(id).container.init.pid;
    await waitFor(() => processState(pid) !== 'T', 'it to run');
    assert.deepEqual(paused.story(), ['create', 'start']);
  });
}

leakTest(
  'Delete deletes nothing if it is cancelled while it waits for the output, and the next Delete succeeds',
  async (scope) => {
    const server = await serveTasks(scope);
    const { task, tasks, request } = server;
    await task.create(await request(id, 'exec sleep 100'));
    await task.start({ id });
    const { stdio } = newStdio(scope, 'pipes');
    const stdout = stdio.kind === 'pipes' && stdio.stdout?.kind === 'fifo' ? stdio.stdout.path : '';
    const go = join(temporaryDirectory(scope), 'go');
    await addExec(server, `(until [ -e ${go} ]; do sleep 0.05; done) & exit 3`, { stdout });
    await task.start({ id, execId });
    await within(task.wait({ id, execId }), 'the exit');
    const calledOff = new AbortController();
    const refused = assert.rejects(tasks.get(id).container.delete(execId, calledOff.signal), /called off/);
    await task.state({ id, execId });
    calledOff.abort(new Error('called off'));
    await within(refused, 'the refusal', 1000);
    assert.equal((await task.state({ id, execId })).status, Status.STOPPED);
    writeFileSync(go, '');
    assert.equal((await within(task.delete({ id, execId }), 'the deletion', 5000)).exitStatus, 3);
  },
);

leakTest('Create leaves nothing behind if it is cancelled, and its id is free', async (scope) => {
  const { task, shim, request } = await serveTasks(scope);
  const nobodyReads = { ...(await request(id, 'exec sleep 100')), stdout: (await request('other', '')).stdin ?? '' };
  await shim.reserve({ id: 'next' });
  await assert.rejects(task.create(nobodyReads, { timeoutMs: 1000 }), passed);
  const again = await request(id, 'exec sleep 100');
  await waitFor(
    async () =>
      task.create(again).then(
        () => true,
        () => false,
      ),
    'its id to be free',
    10_000,
  );
  await shim.forget({ id: 'next' });
});
