/**
 * The tests show what `termshim copy` does when a client leaves. What could break: output is lost or doubled, or blocks
 * a process that was to go on; a process is hung up against the policy, or is not hung up; the last typed bytes do not
 * arrive. Real processes write and read; the clients are processes that exit, or are killed with kill -9 in the middle
 * of a flood.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runToEnd } from '../../helpers/base/command.js';
import { startContainer } from '../../helpers/runtime/container.js';
import { startClient, startCopy } from '../../helpers/e2e/copy-command.js';
import { missingFor } from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const numbers = (first: number, last: number, end: string): string =>
  Array.from({ length: last - first + 1 }, (_, index) => `${first + index}${end}`).join('');

/** Takes exactly so many bytes of the FIFO into a file, then dies by kill -9 with the FIFO open. */
async function takeAndDie(testbed: Testbed, fifo: string, count: number, file: string): Promise<void> {
  const script = 'exec 3<"$0"; dd bs="$1" count=1 iflag=fullblock of="$2" status=none <&3; kill -9 $$';
  const child = spawn('sh', ['-c', script, fifo, String(count), file], { env: testbed.env, stdio: 'ignore' });
  const [, signal] = (await within(once(child, 'exit'), 'the client to die')) as [unknown, string];
  assert.equal(signal, 'SIGKILL');
}

for (const runtime of ['runc', 'pty'] as const) {
  test(`${runtime}: the policy block loses nothing if a client is killed in a flood and another comes`, {
    skip: missingFor(runtime),
  }, async (t) => {
    const testbed = openTestbed(t);
    const copy = await startCopy(testbed, ['--no-reader', 'block']);
    const files = [1, 2, 3].map((number) => testbed.path(`part${number}`));
    const first = takeAndDie(testbed, copy.stdout, 100_001, files[0] as string);
    const last = 400_000;
    await startContainer(runtime, testbed, { args: ['seq', '1', String(last)], consoleSocket: copy.consoleSocket });
    await first;
    await takeAndDie(testbed, copy.stdout, 300_007, files[1] as string);
    await runToEnd(['sh', '-c', 'cat "$0" >"$1"', copy.stdout, files[2] as string]);
    const all = Buffer.concat(files.map((file) => readFileSync(file))).toString();
    assert.ok(all === numbers(1, last, '\r\n'), `${all.length} bytes came, and not the right ones`);
    const { result } = await copy.end();
    assert.equal(result.stdoutBytes, all.length);
    assert.equal(result.undeliveredBytes, 0);
  });
}

test('the policy discard lets the process go on, and a new client gets the newest output', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed, ['--no-reader', 'discard', '--stdin-eof', 'ignore']);
  const first = startClient(testbed, copy);
  const done = testbed.path('done');
  const args = ['sh', '-c', 'stty -echo; echo ready; read go; seq 1 100000; echo >"$0"; read end; echo bye', done];
  await startContainer('pty', testbed, { args, consoleSocket: copy.consoleSocket });
  await first.expect('ready\r\n');
  await first.die();
  await typeLine(testbed, copy.stdin, 'go');
  await waitFor(() => existsSync(done), 'the process to go on');
  const second = startClient(testbed, copy);
  await second.expect('100000\r\n');
  second.type('end\n');
  const shown = await second.end();
  const all = `ready\r\n${numbers(1, 100_000, '\r\n')}bye\r\n`;
  assert.ok(all.endsWith(shown), 'what was left is not the newest output');
  const { result } = await copy.end();
  assert.equal(result.reason, 'hangup');
  assert.equal(result.stdoutBytes, all.length);
  assert.equal(result.discardedBytes + result.undeliveredBytes, all.length - first.shown.length - shown.length);
});

test('the policy hangup hangs up the terminal if a client leaves', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed, ['--no-reader', 'hangup', '--stdin-eof', 'ignore']);
  const client = startClient(testbed, copy);
  const hup = testbed.path('hup');
  const args = ['sh', '-c', 'trap "echo >$0; exit" HUP; echo ready; while :; do sleep 0.02; done', hup];
  await startContainer('pty', testbed, { args, consoleSocket: copy.consoleSocket });
  await client.expect('ready\r\n');
  await client.die();
  const { status, result } = await copy.end();
  assert.deepEqual({ status, reason: result.reason }, { status: 0, reason: 'broken-pipe' });
  await waitFor(() => existsSync(hup), 'the process to get SIGHUP');
});

test('stdin-eof hangup delivers what was typed, then hangs up the terminal', async (t) => {
  const testbed = openTestbed(t);
  // dd takes the line in one read, and cannot be kept from it by SIGHUP.
  const take = 'trap "" HUP; stty -echo; echo ready; exec dd bs=4096 count=1 status=none of="$0"';
  const script = `trap 'echo >"$0"; exit' HUP; sh -c '${take}' "$1"; sleep 1000 & wait`;
  const session = async (number: number): Promise<string> => {
    const [typed, hup] = [testbed.path(`typed${number}`), testbed.path(`hup${number}`)];
    const copy = await startCopy(testbed, ['--stdin-eof', 'hangup']);
    const client = startClient(testbed, copy);
    await startContainer('pty', testbed, { args: ['sh', '-c', script, hup, typed], consoleSocket: copy.consoleSocket });
    await client.expect('ready\r\n');
    client.type('the last line\n');
    client.stopTyping();
    const { status, result } = await copy.end();
    assert.deepEqual({ status, reason: result.reason }, { status: 0, reason: 'stdin-end' });
    await waitFor(() => existsSync(hup), 'the process to get SIGHUP');
    return readFileSync(typed, 'utf8');
  };
  // The hang-up and the reader race: once is not enough.
  const typed = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(session));
  assert.deepEqual(
    typed,
    Array.from({ length: 8 }, () => 'the last line\n'),
  );
});

test('stdin-eof veof types ^D for each writer that leaves', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed, ['--stdin-eof', 'veof']);
  const client = startClient(testbed, copy);
  const args = ['sh', '-c', 'stty -echo; echo ready; cat; echo one ended; cat; echo two ended'];
  await startContainer('pty', testbed, { args, consoleSocket: copy.consoleSocket });
  await client.expect('ready\r\n');
  client.type('first\n');
  client.stopTyping();
  await client.expect('one ended\r\n');
  await typeLine(testbed, copy.stdin, 'second');
  assert.equal(await client.end(), 'ready\r\nfirst\r\none ended\r\nsecond\r\ntwo ended\r\n');
  assert.equal((await copy.end()).result.reason, 'hangup');
});

test('stdin-eof ignore lets writers come and go', async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed, ['--stdin-eof', 'ignore']);
  const client = startClient(testbed, copy);
  const args = ['sh', '-c', 'stty -echo; echo ready; read a; echo "got $a"; read b; echo "got $b"'];
  await startContainer('pty', testbed, { args, consoleSocket: copy.consoleSocket });
  await client.expect('ready\r\n');
  client.type('first\n');
  client.stopTyping();
  await client.expect('got first\r\n');
  await typeLine(testbed, copy.stdin, 'second');
  assert.equal(await client.end(), 'ready\r\ngot first\r\ngot second\r\n');
  assert.equal((await copy.end()).result.reason, 'hangup');
});

/** A client that types one line and leaves. */
async function typeLine(testbed: Testbed, fifo: string, line: string): Promise<void> {
  await runToEnd(['sh', '-c', 'echo "$1" >"$0"', fifo, line], { env: testbed.env });
}
