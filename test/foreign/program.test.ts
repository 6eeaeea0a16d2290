/*
 * The program of another shim. What could break: it is called in another way than containerd calls it, an answer is read
 * wrongly, and one that does not end is left running.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ProgramCall, deleteByShim, startShim } from '../../src/foreign/program.js';
import { writeProgram } from '../helpers/fake-runtime.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { waitFor } from '../helpers/wait-for.js';

function callOf(t: TestContext, script: string): ProgramCall {
  const bundle = temporaryDirectory(t);
  const shim = writeProgram({ path: (name) => join(bundle, name) }, 'shim', script);
  return { shim, id: 'demo', bundle, events: '/events.sock' };
}

const task = 'containerd.task';

test('a plain address is version 2', async (t) => {
  assert.deepEqual(await startShim(callOf(t, 'echo unix:///run/s/1')), {
    socket: '/run/s/1',
    service: `${task}.v2.Task`,
  });
});

test('bootstrap parameters have the version', async (t) => {
  const answer = (params: object) => startShim(callOf(t, `echo '${JSON.stringify(params)}'`));
  const address = 'unix:///run/s/1';
  const socket = '/run/s/1';
  assert.deepEqual(await answer({ version: 3, address, protocol: 'ttrpc' }), { socket, service: `${task}.v3.Task` });
  assert.deepEqual(await answer({ address }), { socket, service: `${task}.v2.Task` });
});

test('it is called in its bundle, with an empty stdin and where to tell events', async (t) => {
  const script = 'for it do printf "%s\\n" "$it"; done >args; pwd; echo $TTRPC_ADDRESS; cat';
  const call = callOf(t, `{ ${script}; } >said; echo unix:///run/s/1`);
  await startShim(call);
  const read = (name: string): string[] => readFileSync(join(call.bundle, name), 'utf8').trimEnd().split('\n');
  assert.deepEqual(read('said'), [call.bundle, '/events.sock']);
  const address = read('args').find((it) => it.endsWith('containerd.sock')) ?? '';
  const where = ['-namespace', 'termshim', '-id', 'demo', '-address', address, '-publish-binary', '/bin/true'];
  assert.deepEqual(read('args'), [...where, 'start']);
  await deleteByShim(call);
  assert.deepEqual(read('args'), [...where, '-bundle', call.bundle, 'delete']);
});

test('the signal leaves it a second, and then nothing of it runs', async (t) => {
  const call = callOf(t, 'sleep 1000 & echo $! >pid; wait');
  const pidFile = join(call.bundle, 'pid');
  const aborting = new AbortController();
  const starting = startShim({ ...call, signal: aborting.signal });
  await waitFor(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'), 'its child');
  aborting.abort();
  await assert.rejects(starting, { code: 'ERR_SHIM_FAILED', message: /start failed: the wait for it was given up$/ });
  const pid = readFileSync(pidFile, 'utf8').trim();
  await waitFor(() => !existsSync(`/proc/${pid}`), 'the end of its child');
});

test('one that answers in that second has answered', async (t) => {
  const aborting = new AbortController();
  const starting = startShim({ ...callOf(t, 'sleep 0.2; echo unix:///run/s/1'), signal: aborting.signal });
  aborting.abort();
  assert.equal((await starting).socket, '/run/s/1');
});
