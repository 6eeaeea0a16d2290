/**
 * `termshim copy` carries a lot of bytes. What could break: bytes are lost, doubled or swapped when a buffer is full, a
 * reader is slow or a pump stops and continues; a large paste hangs; the copy is far too slow. The output is numbered
 * lines, so no two parts of it are the same, and separate programs compute checksums on both sides.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runToEnd } from '../../helpers/base/command.js';
import { connectTo, offerConsole } from '../../helpers/copy/console-offer.js';
import { startContainer } from '../../helpers/runtime/container.js';
import { startClient, startCopy } from '../../helpers/e2e/copy-command.js';
import { missingFor } from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

/** Numbers of eight digits, nine bytes with the line end: 256 MiB and 2 bytes. */
const flood = ['seq', '10000001', '39826162'];
const floodBytes = 9 * 29_826_162;

test('256 MB arrive as they were written', { timeout: 90_000 }, async (t) => {
  const testbed = openTestbed(t);
  const expected = await sumOf(testbed, flood.join(' '));
  const copy = await startCopy(testbed);
  const received = sumOf(testbed, `cat '${copy.stdout}'`);
  const began = performance.now();
  offerConsole(testbed, connectTo(testbed, copy.consoleSocket), `stty raw; exec ${flood.join(' ')}`);
  assert.equal(await received, expected);
  const seconds = (performance.now() - began) / 1000;
  t.diagnostic(`256 MB in ${seconds.toFixed(1)} s`);
  assert.ok(seconds < 30, `256 MB took ${seconds.toFixed(1)} s`);
  const { result } = await copy.end();
  assert.equal(result.stdoutBytes, floodBytes);
});

test('runc: 32 MB arrive at a reader that stops again and again', { skip: missingFor('runc') }, async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed);
  // dd reads blocks that do not fit those of a pipe, and rests after each megabyte.
  const slow = `exec 3<'${copy.stdout}'; while dd bs=10007 count=100 iflag=fullblock status=none <&3 | tee -a part |
    wc -c | grep -qv '^0$'; do sleep 0.005; done; cat part`;
  const received = sumOf(testbed, `(${slow})`);
  const args = ['sh', '-c', 'stty raw; exec seq 1000001 5000000'];
  await startContainer('runc', testbed, { args, consoleSocket: copy.consoleSocket });
  assert.equal(await received, await sumOf(testbed, 'seq 1000001 5000000'));
  assert.equal((await copy.end()).result.stdoutBytes, 8 * 4_000_000);
});

test('a paste of 1 MB arrives at a program that reads a little at a time', { timeout: 60_000 }, async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed, ['--stdin-eof', 'ignore']);
  const client = startClient(testbed, copy);
  const paste = randomBytes(1024 * 1024);
  const reader =
    'i=0; while [ $i -lt 128 ]; do dd bs=8192 count=1 iflag=fullblock status=none; sleep 0.005; i=$((i+1)); done';
  const process = offerConsole(
    testbed,
    connectTo(testbed, copy.consoleSocket),
    `stty raw -echo; echo ready; (${reader}) >"$1"; echo done`,
    testbed.path('got'),
  );
  await client.expect('ready');
  client.type(paste);
  await client.expect('done', 30_000);
  assert.equal(await within(process.exited, 'the program to end'), 0);
  assert.ok(readFileSync(testbed.path('got')).equals(paste));
  const { result } = await copy.end();
  assert.equal(result.stdinBytes, paste.length);
});

test('a flood and a paste at the same time both arrive whole', { timeout: 60_000 }, async (t) => {
  const testbed = openTestbed(t);
  const copy = await startCopy(testbed, ['--stdin-eof', 'ignore']);
  const paste = randomBytes(512 * 1024);
  const received = sumOf(testbed, `cat '${copy.stdout}'`);
  // A terminal that is not raw yet would take some of the paste for ^C.
  const script = 'stty raw -echo; : >"$1.raw"; seq 1000001 5000000 & head -c 524288 | sha256sum >"$1"; wait';
  const process = offerConsole(testbed, connectTo(testbed, copy.consoleSocket), script, testbed.path('sum'));
  await waitFor(() => existsSync(testbed.path('sum.raw')), 'the terminal to be raw');
  const typing = runToEnd(['sh', '-c', `cat >'${copy.stdin}'`], { env: testbed.env, input: paste, timeoutMs: 30_000 });
  assert.equal(await received, await sumOf(testbed, 'seq 1000001 5000000'));
  await typing;
  assert.equal(await within(process.exited, 'the program to end'), 0);
  const sum = createHash('sha256').update(paste).digest('hex');
  assert.equal(readFileSync(testbed.path('sum'), 'utf8').split(' ')[0], sum);
  await copy.end();
});

/** The sum of what a shell command prints. */
async function sumOf(testbed: Testbed, command: string): Promise<string> {
  const options = { env: testbed.env, cwd: testbed.directory, timeoutMs: 60_000 };
  return (await runToEnd(['sh', '-c', `${command} | sha256sum`], options)).stdout;
}
