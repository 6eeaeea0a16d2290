/*
 * These tests execute the program of an external shim. What could break: it is not called as containerd calls it, its
 * answer is misread, or a program that does not end is left running. Shell scripts play the shim.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ProgramCall, deleteByShim, startShim } from '../../../src/client/external-shim/program.js';
import { BootstrapParams } from '../../../src/ttrpc/gen/containerd/bootstrap.js';
import { writeProgram } from '../../helpers/runtime/fake-runtime.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor } from '../../helpers/base/wait-for.js';

function callOf(t: TestContext, script: string): ProgramCall {
  const bundle = temporaryDirectory(t);
  const shim = writeProgram({ path: (name) => join(bundle, name) }, 'shim', script);
  return { shim, id: 'demo', bundle, events: '/events.sock' };
}

const task = 'containerd.task';

test('a shim that answers with a plain address speaks version 2', async (t) => {
  assert.deepEqual(await startShim(callOf(t, 'echo unix:///run/s/1')), {
    socket: '/run/s/1',
    service: `${task}.v2.Task`,
  });
});

test('a shim that answers with JSON or a BootstrapResult speaks the version named there', async (t) => {
  const address = 'unix:///run/s/1';
  const socket = '/run/s/1';
  const json = (params: object) => startShim(callOf(t, `echo '${JSON.stringify(params)}'`));
  assert.deepEqual(await json({ version: 3, address, protocol: 'ttrpc' }), { socket, service: `${task}.v3.Task` });
  assert.deepEqual(await json({ address }), { socket, service: `${task}.v2.Task` });
  const result = (version: number) =>
    startShim(callOf(t, `printf '\\010\\00${version}\\022\\017${address}\\032\\005ttrpc'`));
  assert.deepEqual(await result(3), { socket, service: `${task}.v3.Task` });
  assert.deepEqual(await result(2), { socket, service: `${task}.v2.Task` });
});

test('a shim that fails without bootstrap parameters is called again with them', async (t) => {
  const script = `case $(wc -c <&0 | tee -a sizes) in 0) echo no bootstrap parameters >&2; exit 1;; esac`;
  const call = callOf(t, `{ tee params | { ${script}; }; } || exit 1; echo unix:///run/s/1`);
  assert.equal((await startShim(call)).socket, '/run/s/1');
  const params = BootstrapParams.decode(readFileSync(join(call.bundle, 'params')));
  assert.deepEqual([params.instanceId, params.namespace], ['demo', 'termshim']);
  assert.equal(params.containerdTtrpcAddress, '/events.sock');
  assert.equal(readFileSync(join(call.bundle, 'sizes'), 'utf8').split('\n')[0], '0');
});

test('if a shim fails twice, the error has the words of the first failure', async (t) => {
  const words = (first: string): string => `[ $(wc -c) = 0 ] && echo '${first}' >&2 || echo no luck >&2; exit 3`;
  await assert.rejects(startShim(callOf(t, words('no disk'))), { message: /start failed: no disk$/ });
  await assert.rejects(startShim(callOf(t, words('the deprecated API'))), { message: /start failed: no luck$/ });
});

const unusable: [title: string, answer: string, words: RegExp][] = [
  ['it says nothing', '', /is not a runtime v2 shim: .* no address: nothing$/],
  ['it says something else', 'echo hello', /is not a runtime v2 shim: .* no address: "hello"$/],
  [
    'it has no ttrpc',
    `echo '{"version":3,"address":"unix:///x","protocol":"grpc"}'`,
    /not use ttrpc on a unix socket, but grpc/,
  ],
  ['it has another version', `echo '{"version":4,"address":"unix:///x"}'`, /has version 4 of the Task service/],
  ['it fails', 'exit 3', /start failed: exit status 3/],
];

for (const [title, answer, words] of unusable) {
  test(`no process of the shim stays if ${title}`, async (t) => {
    // As a shim's daemon: in a group of its own, with its own outputs; another heeds no signal but the last.
    const daemon = (script: string): string => `( ${script} ) >/dev/null 2>&1 <&- &`;
    const own = `set -m 2>/dev/null; ${daemon('sleep 1000')} echo $! >>pids; ${daemon(`trap "" TERM; while :; do sleep 1; done`)} echo $! >>pids`;
    const call = callOf(t, `for it do :; done; echo $it >>verbs; [ $it = start ] || exit; ${own}; ${answer}`);
    await assert.rejects(startShim(call), { code: 'ERR_SHIM_FAILED', message: words });
    const read = (name: string): string[] => readFileSync(join(call.bundle, name), 'utf8').trim().split('\n');
    assert.equal(read('verbs').at(-1), 'delete');
    for (const pid of read('pids')) await waitFor(() => !isAlive(pid), 'the end of what it has started');
  });
}

function isAlive(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('the shim is called in its bundle, with an empty stdin and the address for events', async (t) => {
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

test('an abort gives the shim a second, and then kills all its processes', async (t) => {
  const call = callOf(t, 'sleep 1000 & echo $! >pid; wait');
  const pidFile = join(call.bundle, 'pid');
  const aborting = new AbortController();
  const starting = startShim({ ...call, signal: aborting.signal });
  await waitFor(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'), 'its child');
  aborting.abort();
  await assert.rejects(starting, { code: 'ERR_SHIM_FAILED', message: /start failed: it was cancelled$/ });
  const pid = readFileSync(pidFile, 'utf8').trim();
  await waitFor(() => !existsSync(`/proc/${pid}`), 'the end of its child');
});

test('a shim that answers within that second has answered', async (t) => {
  const aborting = new AbortController();
  const starting = startShim({ ...callOf(t, 'sleep 0.2; echo unix:///run/s/1'), signal: aborting.signal });
  aborting.abort();
  assert.equal((await starting).socket, '/run/s/1');
});
