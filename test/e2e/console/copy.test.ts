/**
 * `termshim copy` handles the console of a real runtime. What could break: it does not print where it listens, it
 * leaves its socket behind, its final numbers are wrong, or it waits for a terminal that a background process keeps
 * open. Each test starts the command, gives it a real process, and plays the client with processes of its own.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { Console } from '../../../src/os/console.js';
import { connectTo } from '../../helpers/copy/console-offer.js';
import { callRuntime, prepareContainer, startContainer } from '../../helpers/runtime/container.js';
import { startClient, startCopy } from '../../helpers/e2e/copy-command.js';
import { missing } from '../../helpers/base/requirement.js';
import { missingFor, runtimeNames } from '../../helpers/runtime/run-command.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { startOnTty } from '../../helpers/copy/tty-process.js';
import { waitFor } from '../../helpers/base/wait-for.js';

for (const runtime of runtimeNames) {
  test(`${runtime}: copy carries a session from the first byte to the last line`, {
    skip: missingFor(runtime),
  }, async (t) => {
    const testbed = openTestbed(t);
    const copy = await startCopy(testbed);
    const client = startClient(testbed, copy);
    const args = ['sh', '-c', 'stty -echo; echo ready; read line; echo "got $line"'];
    await startContainer(runtime, testbed, { args, consoleSocket: copy.consoleSocket });
    await client.expect('ready\r\n');
    assert.equal(existsSync(copy.consoleSocket), false, 'the socket is of no use once the console has come');
    client.type('a line\n');
    assert.equal(await client.end(), 'ready\r\ngot a line\r\n');
    const { status, stderr, result } = await copy.end();
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    const counts = { stdinBytes: 7, stdoutBytes: 19, discardedBytes: 0, undeliveredBytes: 0 };
    assert.deepEqual(result, { reason: 'hangup', ...counts });
    assert.equal(existsSync(dirname(copy.consoleSocket)), false);
  });

  if (runtime === 'pty') continue;
  test(`${runtime}: copy takes the console of run --detach`, { skip: missingFor(runtime) }, async (t) => {
    const testbed = openTestbed(t);
    const copy = await startCopy(testbed);
    const client = startClient(testbed, copy);
    const { id, bundle } = prepareContainer(runtime, testbed, { args: ['sh', '-c', 'tty; echo bye'], terminal: true });
    const run = ['run', '--detach', '--bundle', bundle, '--console-socket', copy.consoleSocket, id];
    await callRuntime(runtime, testbed, run);
    assert.match(await client.end(), /^\/dev\/(pts\/0|console)\r\nbye\r\n$/);
    assert.equal((await copy.end()).status, 0);
  });
}

test('copy listens at the given path, for this user only', async (t) => {
  const testbed = openTestbed(t);
  const path = testbed.path('my.sock');
  const copy = await startCopy(testbed, ['--console-socket', path]);
  assert.equal(copy.consoleSocket, path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  copy.signal('SIGTERM');
  await copy.end();
  assert.equal(existsSync(path), false);
});

test('copy listens below /run/termshim without $XDG_RUNTIME_DIR', { skip: missing('root') }, async (t) => {
  const testbed = openTestbed(t);
  const { XDG_RUNTIME_DIR: _, ...env } = testbed.env;
  const copy = await startCopy(testbed, [], env);
  assert.match(copy.consoleSocket, /^\/run\/termshim\/of-\d+-\w+\/pty-\w+\/pty\.sock$/);
  assert.equal(statSync(dirname(copy.consoleSocket)).mode & 0o777, 0o700);
  copy.signal('SIGTERM');
  await copy.end();
  assert.equal(existsSync(dirname(copy.consoleSocket)), false);
});

test('--pid-file exists when copy says that it listens', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed, ['--pid-file', testbed.path('pid')]);
  assert.equal(readFileSync(testbed.path('pid'), 'utf8'), `${copy.pid}\n`);
  copy.signal('SIGTERM');
  await copy.end();
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`${signal} ends a copy that waits for a console, and removes its socket`, async (t) => {
    const testbed = openTestbed(t);
    const copy = await startCopy(testbed);
    copy.signal(signal);
    const { status, stderr, result } = await copy.end();
    assert.deepEqual({ status, stderr, reason: result.reason }, { status: 0, stderr: '', reason: 'shutdown' });
    assert.equal(existsSync(dirname(copy.consoleSocket)), false);
  });

  test(`${signal} ends a running copy and hangs up the terminal`, async (t) => {
    const testbed = openTestbed(t);
    const copy = await startCopy(testbed);
    const client = startClient(testbed, copy);
    const script = 'trap "echo hung up >$0; exit" HUP; echo ready; while :; do sleep 0.02; done';
    const args = ['sh', '-c', script, testbed.path('hup')];
    await startContainer('pty', testbed, { args, consoleSocket: copy.consoleSocket });
    await client.expect('ready\r\n');
    copy.signal(signal);
    const { status, result } = await copy.end();
    assert.equal(status, 0);
    assert.equal(result.reason, 'shutdown');
    assert.equal(result.stdoutBytes, 7);
    await waitFor(() => existsSync(testbed.path('hup')), 'the process to get SIGHUP');
  });
}

test('a dialer that sends no console ends the copy, and removes its socket', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed);
  startClient(testbed, copy);
  connectTo(testbed, copy.consoleSocket).send('no console');
  const { status, stderr } = await copy.end();
  assert.equal(status, 1);
  assert.match(stderr, /^termshim: .* \[ERR_CONSOLE_MESSAGE\]\n$/);
  assert.equal(existsSync(dirname(copy.consoleSocket)), false);
});

test('--pid ends the copy with the process even if another process holds the terminal', async (t) => {
  const testbed = openTestbed(t);
  const console = Console.open({ columns: 80, rows: 24 });
  // It writes only once it is told to, by its own terminal. The other one outlives the hang-up.
  const script = 'trap "" HUP; stty -echo; read go; (exec sleep 1000) & echo "the last words"';
  const leader = startOnTty(testbed, console.name, script);
  const copy = await startCopy(testbed, ['--pid', String(leader.pid)]);
  const client = startClient(testbed, copy);
  const dialer = connectTo(testbed, copy.consoleSocket);
  dialer.send(console.name, console.fd);
  console.close();
  client.type('go\n');
  await client.expect('the last words\r\n');
  const { status, result } = await copy.end();
  assert.equal(status, 0);
  assert.equal(result.reason, 'exit');
  assert.equal(await client.end(), client.shown);
});
