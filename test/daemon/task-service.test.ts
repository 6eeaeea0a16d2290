/*
 * containerd, or anybody else at the socket, may send numbers that no system call takes, and ids that name nothing.
 * Each must be refused with the right status, because containerd takes NotFound to mean that the process has ended; and
 * the container must be unchanged. The tests send such requests to a real container.
 */
import assert from 'node:assert/strict';
import { leakTest } from '../helpers/base/leak-free.js';
import { shellProcess } from '../helpers/runtime/task.js';
import { serveTasks, type TaskServer } from '../helpers/shim/task-server.js';
import { waitFor, within } from '../helpers/base/wait-for.js';
import { Status } from '../../src/ttrpc/gen/containerd/task-status.js';
import { mostWaits } from '../../src/ttrpc/limits.js';
import { Code, type RpcError } from '../../src/ttrpc/status.js';

const sigkill = 9;

leakTest('Kill with an invalid signal is refused for a process that has ended too', async (scope) => {
  const { task, request } = await serveTasks(scope);
  const id = 'signals';
  await task.create(await request(id, 'exec sleep 100'));
  await task.start({ id });
  for (const signal of [65, 1000, 2 ** 31, 2 ** 32 - 1]) {
    await assert.rejects(task.kill({ id, signal }), { code: Code.InvalidArgument }, `signal ${signal}`);
  }
  await task.kill({ id, signal: 0 });
  assert.equal((await task.state({ id })).status, Status.RUNNING);
  await task.kill({ id, signal: 64 });
  assert.equal((await within(task.wait({ id }), 'the exit')).exitStatus, 128 + 64);
});

leakTest('a signal for one exec process reaches no other process, even with `all`', async (scope) => {
  const { task, request } = await serveTasks(scope);
  const id = 'all';
  await task.create(await request(id, 'exec sleep 100'));
  await task.start({ id });
  await addExec(task, id, 'e', 'exec sleep 100');
  await task.start({ id, execId: 'e' });
  await task.kill({ id, execId: 'e', signal: sigkill, all: true });
  assert.equal((await within(task.wait({ id, execId: 'e' }), 'the exit')).exitStatus, 137);
  assert.equal((await task.state({ id })).status, Status.RUNNING);
});

leakTest('a size that no terminal can have is refused before and after the start', async (scope) => {
  const { task, request } = await serveTasks(scope);
  const id = 'sizes';
  await task.create(await request(id, 'exec sleep 100'));
  await task.start({ id });
  await addExec(task, id, 'e', 'exec sleep 100');
  for (const execId of ['', 'e']) {
    for (const size of [65_536, 2 ** 31, 2 ** 32 - 1]) {
      await assert.rejects(task.resizePty({ id, execId, width: size, height: 24 }), { code: Code.InvalidArgument });
      await assert.rejects(task.resizePty({ id, execId, width: 80, height: size }), { code: Code.InvalidArgument });
    }
    await task.resizePty({ id, execId, width: 65_535, height: 65_535 });
    await task.resizePty({ id, execId, width: 0, height: 0 });
  }
  await task.start({ id, execId: 'e' });
  await task.kill({ id, execId: 'e', signal: sigkill });
  await within(task.wait({ id, execId: 'e' }), 'the exit');
});

leakTest('an exec process needs an id', async (scope) => {
  const { task, request, events } = await serveTasks(scope);
  const id = 'ids';
  await task.create(await request(id, 'exec sleep 100'));
  await task.start({ id });
  await assert.rejects(addExec(task, id, '', 'true'), { code: Code.InvalidArgument });
  for (const execId of ['__proto__', 'constructor', '..', '/', 'a b', '%s', '\u{1f40b}']) {
    await addExec(task, id, execId, 'exit 3');
    await task.start({ id, execId });
    assert.equal((await within(task.wait({ id, execId }), execId)).exitStatus, 3);
    await task.delete({ id, execId });
  }
  await waitFor(() => events.filter(({ kind }) => kind === 'exit').length === 7, 'every exit');
  assert.equal(events.filter(({ kind }) => kind === 'exec-added').length, 7);
});

function addExec(task: TaskServer['task'], id: string, execId: string, script: string): Promise<unknown> {
  const spec = { typeUrl: '', value: Buffer.from(JSON.stringify(shellProcess(script))) };
  return task.exec({ id, execId, terminal: true, spec });
}

leakTest('a connection with the most waits can still kill, and cancelled waits do not count', async (scope) => {
  const { task, request } = await serveTasks(scope);
  const id = 'waits';
  await task.create(await request(id, 'exec sleep 100'));
  await task.start({ id });
  const waits = Array.from({ length: mostWaits - 1 }, () => task.wait({ id }));
  for (let given = 0; given < 50; given++) {
    const refusals = [Code.DeadlineExceeded, Code.ResourceExhausted] as number[];
    await assert.rejects(task.wait({ id }, { timeoutMs: 1 }), ({ code }: RpcError) => refusals.includes(code));
  }
  // The client's deadline may have passed a moment before the server's.
  await waitFor(async () => {
    const last = task.wait({ id });
    let isRefused = false;
    last.catch(() => (isRefused = true));
    // A refusal is on its way before the next call is heard.
    await task.state({ id });
    await task.state({ id });
    return isRefused ? false : waits.push(last);
  }, 'room for the last');
  await assert.rejects(task.wait({ id }), { code: Code.ResourceExhausted });
  await task.kill({ id, signal: sigkill });
  for (const { exitStatus } of await within(Promise.all(waits), 'the exits')) assert.equal(exitStatus, 137);
});
