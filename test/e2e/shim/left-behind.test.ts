/*
 * A process may leave other processes behind that still write to its output. What could break: that output is lost, its
 * writer is killed by SIGPIPE, the command waits for ever for a service, or a normal exit becomes slower. The test
 * compares the output of termshim's commands and of ctr with that of bash; for a process that writes for ever the bound
 * is that of containerd's shim, 10 s.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runToEnd } from '../../helpers/base/command.js';
import { startContainerd } from '../../helpers/shim/containerd.js';
import { execOf, hasStatus, runOf } from '../../helpers/shim/ctr.js';
import { missing } from '../../helpers/base/requirement.js';
import { missingFor, runCommand, runtimeNames, termshimCommand } from '../../helpers/runtime/run-command.js';
import { shimPath as shim } from '../../helpers/shim/shim.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const numbers = Array.from({ length: 20 }, (_, i) => `${i + 1}\n`).join('');
const behind = 'exec > >(while read line; do echo $line; sleep 0.02; done); seq 1 20';

test('termshim run prints what bash prints with a process substitution', async (t) => {
  const testbed = openTestbed(t);
  const alone = await runToEnd(['bash', '-c', `bash -c '${behind}' | cat`], { env: testbed.env });
  assert.equal(alone.stdout, numbers);
  for (const flags of [[], ['-t']]) {
    const script = flags.length > 0 ? `trap "" HUP; stty -onlcr; ${behind}` : behind;
    const run = termshimCommand('run', ...flags, '--', 'bash', '-c', script);
    assert.deepEqual(await runToEnd(run, { env: testbed.env }), { stdout: numbers, stderr: '', status: 0 });
  }
});

for (const runtime of runtimeNames) {
  test(`${runtime}: termshim exec shows later output, and returns the status of the process`, {
    skip: missingFor(runtime),
  }, async (t) => {
    const testbed = openTestbed(t);
    const id = testbed.newId();
    const run = runCommand(runtime, testbed, { flags: ['-d'], id, command: ['sleep', '1000'] });
    await runToEnd(run, { env: testbed.env });
    testbed.after(() => runToEnd(termshimCommand('delete', '-f', id), { env: testbed.env }));
    const script = 'trap "" HUP; (sleep 0.5; echo late; echo wrong >&2) & echo early; exit 3';
    const exec = (...flags: string[]) =>
      runToEnd(termshimCommand('exec', ...flags, id, 'sh', '-c', script), { env: testbed.env });
    assert.deepEqual(await exec(), { stdout: 'early\nlate\n', stderr: 'wrong\n', status: 3 });
    assert.deepEqual(await exec('-t'), { stdout: 'early\r\nlate\r\nwrong\r\n', stderr: '', status: 3 });
  });
}

test('a background process that writes for ever is disconnected after 10 s', { timeout: 60_000 }, async (t) => {
  const testbed = openTestbed(t);
  const begun = performance.now();
  const run = termshimCommand('run', '--', 'sh', '-c', 'while echo more; do sleep 1; done & exit 4');
  const { stdout, status } = await runToEnd(run, { env: testbed.env });
  const elapsedMs = performance.now() - begun;
  assert.equal(status, 4);
  assert.match(stdout, /^(more\n){8,12}$/);
  assert.ok(elapsedMs > 9500 && elapsedMs < 20_000, `${elapsedMs} ms`);
});

test('if the reader exits, the processes end as in a shell, the background ones too', async (t) => {
  const testbed = openTestbed(t);
  for (const script of ['exec yes', 'yes & exit 0']) {
    const command = termshimCommand('run', '--', 'sh', '-c', script).map((word) => `'${word}'`);
    const begun = performance.now();
    assert.equal(
      (await runToEnd(['sh', '-c', `${command.join(' ')} | head -n 1`], { env: testbed.env })).stdout,
      'y\n',
    );
    assert.ok(performance.now() - begun < 8000);
  }
  await waitFor(() => testbed.processes().every(({ commandLine }) => commandLine !== 'yes'), 'yes to end');
});

const skip = missing('root', 'busybox', 'runc', 'containerd');

test('ctr task exec shows later output, and a process that writes for ever is read after Delete, and lives on', {
  skip,
  timeout: 90_000,
}, async (t) => {
  const testbed = openTestbed(t);
  const containerd = await startContainerd(testbed);
  const id = testbed.newId();
  const run = containerd.command(...runOf(testbed, { shim, id, flags: ['-d'], script: 'sleep 1000' }));
  await runToEnd(run, { env: testbed.env });
  const exec = (execId: string, script: string, ...flags: string[]) =>
    runToEnd(containerd.command(...execOf(testbed, id, execId, script, ...flags)), { env: testbed.env });
  assert.deepEqual(await exec('one', '(sleep 1; echo late) & echo early; exit 5'), {
    stdout: 'early\nlate\n',
    stderr: '',
    status: 5,
  });
  const begun = performance.now();
  const { stdout } = await exec(
    'two',
    '(i=0; while echo $i && echo $i >/beat; do i=$((i+1)); sleep 0.2; done) & echo $! >/pid',
  );
  const elapsedMs = performance.now() - begun;
  assert.ok(elapsedMs > 9500 && elapsedMs < 20_000, `${elapsedMs} ms`);
  assert.match(stdout, /^0\n1\n2\n/);
  const beat = (): number => Number(readFileSync(`${testbed.rootfs}/beat`, 'utf8'));
  const before = beat();
  await waitFor(() => beat() > before + 5, 'it to write on, though nobody reads');
  await runToEnd(containerd.command('tasks', 'kill', '-s', 'KILL', id), { env: testbed.env });
  await hasStatus(containerd, id, 'STOPPED');
  await containerd.ask('tasks', 'rm', id);
  await containerd.ask('containers', 'rm', id);
});
