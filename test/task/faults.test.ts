/*
 * A runtime may do its work and still report a failure, clients may make unusual requests, and a step at the end may
 * fail. In each case no process may be left that the daemon does not know, and every exit must be reported. Fake
 * runtimes and real processes force each case.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TermshimError } from '../../src/errors/errors.js';
import { findRuntime } from '../../src/runtime/find-runtime.js';
import { ociRuntime, type OciRuntime } from '../../src/runtime/oci-runtime.js';
import type { TaskEvent } from '../../src/task/event.js';
import type { Exit } from '../../src/task/launch.js';
import { TaskProcess } from '../../src/task/process.js';
import { leakTest, type Scope } from '../helpers/base/leak-free.js';
import { newContainer, newStdio, shellProcess } from '../helpers/runtime/task.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

const sigkill = 9;

/** The pty runtime, some of whose commands are others. */
function changedRuntime(scope: Scope, change: (real: OciRuntime) => Partial<OciRuntime>): OciRuntime {
  const root = temporaryDirectory(scope);
  const real = ociRuntime({ ...findRuntime('pty', { isBundleGiven: true }), root });
  return { ...real, ...change(real) };
}

const sayNo = (code: 'ERR_RUNTIME_TIMEOUT' | 'ERR_RUNTIME_FAILED', words: string): never => {
  throw new TermshimError(code, words);
};

leakTest('an exec whose runtime is killed after it has made the process leaves none behind', async (scope) => {
  const runtime = changedRuntime(scope, (real) => ({
    async exec(id, options) {
      await real.exec(id, options);
      return sayNo('ERR_RUNTIME_TIMEOUT', 'too late');
    },
  }));
  const { stdio } = newStdio(scope, 'terminal');
  const { container, story } = await newContainer(scope, 'exec sleep 100', stdio, { runtime });
  await container.start('');
  for (const kind of ['terminal', 'pipes'] as const) {
    container.addExec(kind, shellProcess('exec sleep 100'), newStdio(scope, kind).stdio);
    await assert.rejects(container.start(kind), { code: 'ERR_RUNTIME_TIMEOUT' });
    await waitFor(async () => (await container.pids()).length === 1, `the ${kind} process to be gone`, 3000);
  }
  assert.deepEqual(story(), ['create', 'start', 'exec-added terminal', 'exec-added pipes']);
});

leakTest('a kill of all processes that comes too late fails with the error for an ended process', async (scope) => {
  const runtime = changedRuntime(scope, (real) => ({
    async kill(id, signal, options) {
      await real.kill(id, signal, options);
      sayNo('ERR_RUNTIME_FAILED', 'container not running');
    },
  }));
  const { stdio } = newStdio(scope, 'terminal');
  const { container } = await newContainer(scope, 'exec sleep 100', stdio, { runtime });
  await container.start('');
  await assert.rejects(container.kill('', sigkill, true), { code: 'ERR_PROCESS_NOT_FOUND' });
});

leakTest('a container that ends while its processes are listed has none', async (scope) => {
  const runtime = changedRuntime(scope, (real) => ({
    async ps(id) {
      await real.kill(id, sigkill);
      return sayNo('ERR_RUNTIME_FAILED', 'no such container');
    },
  }));
  const { stdio } = newStdio(scope, 'terminal');
  const { container } = await newContainer(scope, 'exec sleep 100', stdio, { runtime });
  await container.start('');
  assert.deepEqual(await container.pids(), []);
  assert.deepEqual(await container.pids(), []);
});

leakTest('a paused container is killed, even if the runtime leaves it frozen', async (scope) => {
  const frozen: Parameters<OciRuntime['kill']>[] = [];
  const runtime = changedRuntime(scope, (real) => ({
    kill: async (...args) => void frozen.push(args),
    async resume(id) {
      await real.resume(id);
      for (const args of frozen) await real.kill(...args);
    },
  }));
  const { stdio } = newStdio(scope, 'terminal');
  const { container, story } = await newContainer(scope, 'exec sleep 100', stdio, { runtime });
  await container.start('');
  await container.pause();
  await container.kill('', sigkill, false);
  assert.equal((await within(container.init.exited, 'the exit', 3000)).status, 137);
  assert.deepEqual(story(), ['create', 'start', 'paused', 'exit']);
});

leakTest('stdout and stderr may be one FIFO', async (scope) => {
  const { stdio, output } = newStdio(scope, 'pipes');
  const script = 'for i in 1 2 3 4 5 6 7 8 9; do echo out; echo err >&2; done; echo end';
  const { container } = await newContainer(scope, script, oneOutput(stdio));
  await container.start('');
  await within(container.init.exited, 'the exit');
  assert.equal(await output.expect('end\n'), `${'out\nerr\n'.repeat(9)}end\n`);
});

leakTest('one FIFO for both streams without a reader delays neither the exit nor the output', async (scope) => {
  const client = newStdio(scope, 'pipes');
  const { container } = await newContainer(scope, 'echo last words; exit 5', oneOutput(client.stdio));
  client.leave();
  await container.start('');
  assert.equal((await within(container.init.exited, 'the exit', 3000)).status, 5);
  await client.comeBack().expect('last words');

  const other = newStdio(scope, 'pipes');
  const full = await newContainer(scope, 'yes & exec yes >&2', oneOutput(other.stdio));
  other.leave();
  await full.container.start('');
  await full.container.kill('', sigkill, true);
  await within(full.container.init.exited, 'the exit', 3000);
});

function oneOutput(stdio: ReturnType<typeof newStdio>['stdio']): typeof stdio {
  return stdio.kind === 'pipes' ? { ...stdio, stderr: stdio.stdout } : stdio;
}

leakTest('an exception in a listener does not affect the container', async (scope) => {
  const told: string[] = [];
  const onEvent = ({ kind }: TaskEvent): void => {
    told.push(kind);
    throw new Error(`deaf to ${kind}`);
  };
  const faults: string[] = [];
  const onError = ({ message }: Error): void => void faults.push(message);
  const { stdio } = newStdio(scope, 'terminal');
  const { container } = await newContainer(scope, 'exit 3', stdio, { onEvent, onError });
  await container.start('');
  assert.equal((await within(container.init.exited, 'the exit', 3000)).status, 3);
  await container.delete('');
  assert.deepEqual(told, ['create', 'start', 'exit', 'delete']);
  assert.deepEqual(
    faults,
    told.map((kind) => `deaf to ${kind}`),
  );
});

test('the exit is reported even if the output could not be copied', async () => {
  const told: (Exit | Error)[] = [];
  const process = new TaskProcess({
    name: 'it',
    stdio: { kind: 'inherited', streams: ['ignore', 'ignore', 'ignore'] },
    beforeExit: () => Promise.resolve(),
    onExit: (exit) => void told.push(exit),
    onError: (error) => void told.push(error),
  });
  const exit = { status: 3, at: new Date() };
  const failure = new Error('too many open files');
  process.adopt({
    pid: 7,
    io: {
      make: () => Promise.resolve(),
      connect: () => Promise.resolve(),
      resize() {},
      closeStdin() {},
      reopenLogs: () => Promise.resolve([]),
      ended: () => Promise.resolve(),
      drain: () => Promise.reject(failure),
      close() {},
    },
    reaped: Promise.resolve(exit),
    signal: () => false,
    close() {},
  });
  assert.equal(await within(process.exited, 'the exit', 1000), exit);
  assert.deepEqual(told, [failure, exit]);
});
