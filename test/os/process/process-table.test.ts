/**
 * A signal goes to the process that has a pid at that moment. The name of a program can imitate the fields of
 * /proc/PID/stat, and a pid may belong to another process or to a zombie by then: neither may be taken for the intended
 * process. The tests use a program with such a name, and processes that have ended.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findLive, identify, listEntries, readEntry, signalProcess } from '../../../src/os/process/process-table.js';
import { parseSignal } from '../../../src/runtime/pty/signal.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor } from '../../helpers/base/wait-for.js';

async function startSleep(t: TestContext, name = 'sleep'): Promise<{ pid: number; exit: Promise<unknown[]> }> {
  const program = join(temporaryDirectory(t), name);
  symlinkSync('/bin/sleep', program);
  const child = spawn(program, ['1000'], { stdio: 'ignore' });
  await once(child, 'spawn');
  t.after(() => child.kill('SIGKILL'));
  return { pid: child.pid ?? 0, exit: once(child, 'exit') };
}

test('readEntry reads a process whose name looks like fields', async (t) => {
  const { pid } = await startSleep(t, 'x) Z 1 1 (');
  const entry = await waitFor(() => {
    const found = readEntry(pid);
    return found?.state === 'S' && found;
  }, 'the program to sleep');
  assert.equal(entry.parentPid, process.pid);
  assert.equal(entry.session, readEntry(process.pid)?.session);
  assert.ok(entry.startTime > (readEntry(process.pid)?.startTime ?? 0));
  assert.ok(listEntries().some((other) => other.pid === pid));
});

test('signalProcess signals the intended process and no other', async (t) => {
  const { pid, exit } = await startSleep(t);
  const identity = identify(pid);
  const stranger = { pid, startTime: identity.startTime - 1 };
  assert.equal(findLive(stranger), undefined);
  assert.equal(signalProcess(stranger, parseSignal('KILL')), false);
  assert.equal(findLive(identity)?.pid, pid);
  assert.equal(signalProcess(identity, parseSignal('TERM')), true);
  assert.deepEqual(await exit, [null, 'SIGTERM']);
  assert.equal(signalProcess(identity, parseSignal('TERM')), false);
  assert.equal(findLive(identity), undefined);
});

test('a signal is read by name and by number', () => {
  assert.deepEqual(['TERM', 'SIGTERM', 'term', '15', '64'].map(parseSignal), [15, 15, 15, 15, 64]);
  for (const word of ['', '0', '65', '-1', 'SIG', 'NOPE', '1.5'])
    assert.throws(() => parseSignal(word), /unknown signal/);
});
