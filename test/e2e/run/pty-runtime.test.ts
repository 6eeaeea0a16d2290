/**
 * The embedded pty runtime takes the place of runc, so a caller must not see a difference in the order of events: the
 * process exists after `create` but runs nothing before `start`; the console arrives over the socket with its size set,
 * and no byte was read from it; a kill and a delete leave no process. The test process is a subreaper, as the daemon
 * is, and reaps the processes itself.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../../helpers/base/requirement.js';
import { waitFor } from '../../helpers/base/wait-for.js';
import { reap } from '../../runtime/orphans.js';
import { createInTerminal, failed, readPid, setUp, statusOf } from '../../runtime/pty/testbed.js';

test('a container with a terminal is created, started, killed and deleted', async (t) => {
  const args = ['sh', '-c', 'tty; stty size; read line; echo "<$line>"; exit 3'];
  const testbed = await setUp(t, { args, terminal: true, consoleSize: { width: 132, height: 43 } });
  const { runtime, root } = testbed;
  const console = await createInTerminal(t, testbed);
  assert.match(console.label, /^\/dev\/pts\/\d+$/);
  assert.equal(console.size(), '132x43');
  assert.equal(statSync(join(root, 'c')).mode & 0o777, 0o700);
  const state = await runtime.state('c');
  assert.deepEqual([state.id, state.status, state.pid, state.bundle], ['c', 'created', console.pid, testbed.bundle]);
  assert.equal(console.output(), '');

  await runtime.start('c');
  await console.waitForOutput(`${console.label}\r\n43 132\r\n`);
  assert.equal(await statusOf(runtime), 'running');
  assert.deepEqual(await runtime.ps('c'), [console.pid]);
  console.type('hello\n');
  await console.waitForOutput('<hello>\r\n');
  // Not reaped yet, it counts as stopped.
  await waitFor(async () => (await statusOf(runtime)) === 'stopped', 'the container to stop');
  assert.equal(await reap(console.pid), 3);
  assert.deepEqual(await runtime.state('c'), { ...state, status: 'stopped', pid: 0 });
  await runtime.delete('c');
  assert.deepEqual(readdirSync(root), []);
});

test('input that is typed before the start reaches the process, and the runtime reads none of it', async (t) => {
  const testbed = await setUp(t, { args: ['sh', '-c', 'read line; echo "<$line>"'], terminal: true });
  const console = await createInTerminal(t, testbed);
  console.type('early\n');
  await console.waitForOutput('early\r\n');
  assert.equal(console.size(), '0x0');
  await testbed.runtime.start('c');
  await console.waitForOutput('<early>\r\n');
  assert.equal(await reap(console.pid), 0);
});

test('the process has exactly the environment, arguments and directory of the bundle', async (t) => {
  const env = ['PATH=/usr/bin:/bin', 'discovery.type=single', 'PWD=/odd', 'IFS=x', '_=y', 'A=b=c d\n$e', 'TERM=dumb'];
  const script = 'process.stdout.write(JSON.stringify([process.argv.slice(1), process.env, process.cwd()]))';
  const words = ['', 'a b', '$x', '--y', 'k=v'];
  const observer = { args: [process.execPath, '-e', script, '--', ...words], env, cwd: '/usr/bin' };
  for (const terminal of [false, true]) {
    const testbed = await setUp(t, { ...observer, terminal });
    const { runtime, bundle, pidFile, out } = testbed;
    const console = terminal ? await createInTerminal(t, testbed) : undefined;
    if (!terminal) await runtime.create('c', { bundle, pidFile, stdio: ['ignore', out, out] });
    await runtime.start('c');
    assert.equal(await reap(readPid(pidFile)), 0);
    const [argv, environment, cwd] = JSON.parse(console?.output() ?? testbed.output()) as [string[], object, string];
    assert.deepEqual(argv, words);
    assert.deepEqual(environment, Object.fromEntries(env.map((entry) => entry.split(/=(.*)/s).slice(0, 2))));
    assert.equal(cwd, '/usr/bin');
  }
});

test('a container without a terminal is created, started, killed and deleted', async (t) => {
  const args = ['sh', '-c', 'echo out; echo err >&2; sleep 1000 & wait'];
  const { runtime, bundle, pidFile, out, output } = await setUp(t, { args });
  await runtime.create('c', { bundle, pidFile, stdio: ['ignore', out, out] });
  const pid = readPid(pidFile);
  assert.equal(await statusOf(runtime), 'created');
  await runtime.start('c');
  await waitFor(() => output() === 'out\nerr\n', 'the output');
  const pids = await waitFor(async () => {
    const members = await runtime.ps('c');
    return members.length === 2 && members;
  }, 'two processes');
  assert.equal(pids[0], pid);
  const stateOf = (of: number): string => /\) (\S)/.exec(readFileSync(`/proc/${of}/stat`, 'latin1'))?.[1] ?? '';

  await runtime.pause('c');
  assert.equal(await statusOf(runtime), 'paused');
  assert.deepEqual(pids.map(stateOf), ['T', 'T']);
  await assert.rejects(runtime.pause('c'), failed('pty pause failed: cannot pause a container that is paused'));
  await runtime.resume('c');
  assert.deepEqual(pids.map(stateOf), ['S', 'S']);
  await assert.rejects(runtime.resume('c'), failed('pty resume failed: cannot resume a container that is running'));

  await assert.rejects(
    runtime.delete('c'),
    failed('pty delete failed: cannot delete container c that is not stopped: running'),
  );
  await runtime.kill('c', 'KILL');
  assert.equal(await reap(pid), 128 + 9);
  // Its child is still there: a container would have taken it along, and so does delete.
  assert.deepEqual(
    pids.map((of) => existsSync(`/proc/${of}`)),
    [false, true],
  );
  await runtime.delete('c');
  assert.equal(await reap(pids[1] ?? 0), 128 + 9);
});

test('kill takes signals by name and by number, for one process and for all', async (t) => {
  const { runtime, bundle, out, pidFile } = await setUp(t, { args: ['sleep', '1000'] });
  for (const [signal, number] of [
    ['SIGTERM', 15],
    ['hup', 1],
    [10, 10],
  ] as const) {
    await runtime.create('c', { bundle, pidFile, stdio: ['ignore', out, out] });
    await runtime.start('c');
    await assert.rejects(runtime.kill('c', 'NOPE'), failed('pty kill failed: unknown signal "NOPE"'));
    await runtime.kill('c', signal);
    assert.equal(await reap(readPid(pidFile)), 128 + number);
    await assert.rejects(runtime.kill('c', 'KILL'), failed('pty kill failed: container not running'));
    await runtime.kill('c', 'KILL', { all: true });
    await runtime.delete('c');
  }
});

test('delete removes a container in every state', async (t) => {
  const testbed = await setUp(t, { args: ['sleep', '1000'], terminal: true });
  const { runtime, root } = testbed;
  const created = await createInTerminal(t, testbed);
  await runtime.delete('c');
  assert.equal(await reap(created.pid), 128 + 9);

  const running = await createInTerminal(t, testbed);
  await runtime.start('c');
  await runtime.delete('c', { force: true });
  assert.equal(await reap(running.pid), 128 + 9);

  const creating = await createInTerminal(t, testbed);
  const record = join(root, 'c', 'state.json');
  writeFileSync(record, JSON.stringify({ ...(JSON.parse(readFileSync(record, 'utf8')) as object), isCreated: false }));
  assert.equal(await statusOf(runtime), 'creating', 'a create that was killed before its end');
  await assert.rejects(
    runtime.delete('c'),
    failed(/^pty delete failed: cannot delete container c that is not stopped/),
  );
  await runtime.delete('c', { force: true });
  assert.equal(await reap(creating.pid), 128 + 9);

  await runtime.delete('c', { force: true });
  assert.deepEqual(readdirSync(root), []);
  mkdirSync(join(root, 'c'));
  await runtime.delete('c', { force: true });
  assert.deepEqual(readdirSync(root), [], 'a create that was killed at its beginning');
});

test('the process runs as the user of the bundle', { skip: missing('root') }, async (t) => {
  const script = 'id -u; id -g; id -G; : >"$(tty)" && echo writable';
  const testbed = await setUp(t, { args: ['sh', '-c', script], terminal: true, user: { uid: 65534, gid: 65534 } });
  const console = await createInTerminal(t, testbed);
  await testbed.runtime.start('c');
  assert.equal(await reap(console.pid), 0);
  assert.equal(console.output(), '65534\r\n65534\r\n65534\r\nwritable\r\n');
});
