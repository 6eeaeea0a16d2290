/**
 * A process may write its last bytes and exit at once. What could break: the copy ends with the process, or at the
 * first hang-up, and loses what is still in the terminal, in a FIFO or in its own buffer. Hundreds of real processes
 * write 20,000 bytes and exit without a pause; every byte of every process must arrive.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { Console } from '../../../src/os/console.js';
import { FifoReader, FifoWriter, createFifo } from '../../../src/os/fifo.js';
import { watchProcess } from '../../../src/os/process/process-watch.js';
import { becomeSubreaper } from '../../../src/os/process/subreaper.js';
import { copyConsole } from '../../../src/stdio/copy/copy-console.js';
import { fifoSink } from '../../../src/stdio/copy/sink.js';
import { runToEnd } from '../../helpers/base/command.js';
import { callRuntime, prepareContainer } from '../../helpers/runtime/container.js';
import { startCopy } from '../../helpers/e2e/copy-command.js';
import { shellLine } from '../../helpers/sessions/terminal.js';
import { readFrom } from '../../helpers/copy/reader.js';
import { missingFor, runCommand, runtimeNames } from '../../helpers/runtime/run-command.js';
import { type Testbed, openTestbed } from '../../helpers/e2e/testbed.js';
import { within } from '../../helpers/base/wait-for.js';

/** 20,000 bytes, of which no two stretches are alike, and what a terminal makes of them. */
const output = Array.from({ length: 2000 }, (_, index) => `${index}`.padStart(9, '.'))
  .join('\n')
  .concat('\n');
const shown = output.replaceAll('\n', '\r\n');
assert.equal(output.length, 20_000);

test('500 processes on terminals, each with its own copy, lose no output at their end', {
  timeout: 120_000,
}, async (t) => {
  const testbed = openTestbed(t);
  becomeSubreaper();
  writeFileSync(testbed.path('output'), output);
  for (let done = 0; done < 500; done += 25) {
    const numbers = Array.from({ length: 25 }, (_, index) => done + index);
    const copies = await Promise.all(numbers.map((number) => copyOf(testbed, number)));
    for (const [index, copy] of copies.entries())
      assert.ok(copy === shown, `run ${done + index}: ${copy.length} bytes`);
  }
});

/** A process that writes and exits, the copy of its console, and what a reader of the FIFO has got at its end. */
async function copyOf(testbed: Testbed, number: number): Promise<string> {
  const console = Console.open({ columns: 80, rows: 24 });
  const { pid, go } = await startOrphan(console.name, testbed.path('output'));
  const leader = watchProcess(pid);
  const path = testbed.path(`fifo${number}`);
  createFifo(path);
  const reader = FifoReader.open(path);
  const received = readFrom(reader.fd);
  const writer = await FifoWriter.open(path, { timeoutMs: 1000 });
  const stdout = fifoSink(writer, 'block');
  const copying = copyConsole({ console, stdout, stdinEnd: 'ignore', endsOnHangup: false, drainTimeoutMs: 10_000 });
  go();
  assert.equal(await within(leader.exited, 'the process to end'), 0);
  copying.processEnded();
  const { reason, stdoutBytes } = await within(copying.done, 'the end of the copy');
  const bytes = await received.all();
  received.close();
  reader.close();
  assert.deepEqual({ reason, stdoutBytes }, { reason: 'exit', stdoutBytes: bytes.length });
  return bytes.toString('latin1');
}

/** As a runtime leaves it: leader of its session, child of a parent that has gone, and waiting for `go`. */
async function startOrphan(tty: string, file: string): Promise<{ pid: number; go: () => void }> {
  const waiting = 'read go <&3; exec 3<&- <"$0" >"$0" 2>&1; exec cat "$1"';
  const launcher = 'setsid sh -c "$2" "$0" "$1" & echo $!';
  const child = spawn('sh', ['-c', launcher, tty, file, waiting], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  const [, stdout, , latch] = child.stdio as unknown as [null, Readable, null, Writable];
  const [[data]] = (await Promise.all([once(stdout, 'data'), once(child, 'exit')])) as [[Buffer], unknown];
  stdout.destroy();
  return { pid: Number(data.toString()), go: () => void latch.end('\n') };
}

for (const runtime of runtimeNames) {
  test(`${runtime}: 25 runs of the whole command lose no output at their end`, {
    skip: missingFor(runtime),
  }, async (t) => {
    const testbed = openTestbed(t);
    const file = placeOutput(testbed, runtime);
    for (let number = 0; number < 25; number++) {
      const command = runCommand(runtime, testbed, { flags: ['-t'], command: ['cat', file] });
      const { stdout, status } = await runToEnd(command, { env: testbed.env });
      assert.ok(stdout === shown, `run ${number}: ${stdout.length} bytes`);
      assert.equal(status, 0);
    }
  });
}

test('runc: 20 sessions through termshim copy lose no output at their end', {
  skip: missingFor('runc'),
}, async (t) => {
  const testbed = openTestbed(t);
  const file = placeOutput(testbed, 'runc');
  for (let number = 0; number < 20; number++) {
    const copy = await startCopy(testbed);
    const received = runToEnd(['cat', copy.stdout], { env: testbed.env });
    const { id, bundle } = prepareContainer('runc', testbed, { args: ['cat', file], terminal: true });
    await callRuntime('runc', testbed, ['run', '-d', '--bundle', bundle, '--console-socket', copy.consoleSocket, id]);
    const { stdout } = await received;
    assert.ok(stdout === shown, `session ${number}: ${stdout.length} bytes`);
    const { result } = await copy.end();
    assert.equal(result.undeliveredBytes, 0);
  }
});

test('a reader that pauses for longer than any deadline gets everything', { timeout: 60_000 }, async (t) => {
  const testbed = openTestbed(t);
  // How much is under way when the process ends depends on the moment, so there are several sizes.
  const counts = Array.from({ length: 8 }, (_, index) => 20_000 + 2500 * index);
  const runs = counts.map(async (count) => {
    const command = shellLine(runCommand('pty', testbed, { flags: ['-t'], command: ['seq', '1', String(count)] }));
    const { stdout } = await runToEnd(['sh', '-c', `${command} | { sleep 13; cat; }`], { env: testbed.env });
    const expected = Array.from({ length: count }, (_, index) => `${index + 1}\r\n`).join('');
    return stdout === expected ? [] : [`${stdout.length} of ${expected.length} bytes`];
  });
  assert.deepEqual((await Promise.all(runs)).flat(), []);
});

/** Returns the path of the file as the process sees it. */
function placeOutput(testbed: Testbed, runtime: string): string {
  const isHost = runtime === 'pty';
  writeFileSync(isHost ? testbed.path('output') : `${testbed.rootfs}/tmp/output`, output);
  return isHost ? testbed.path('output') : '/tmp/output';
}
