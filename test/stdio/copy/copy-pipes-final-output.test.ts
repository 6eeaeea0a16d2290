/*
 * The last output of a process is still in its pipes when it has exited, and other processes may hold those pipes open,
 * silent or writing for ever. In the tests many processes write and exit at once, alone and with others, into readers
 * that read, that do not read yet, and that come late: all output of the ended process must arrive, and then the end.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { makeLatch } from '../../helpers/base/latch.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { pattern } from '../../helpers/copy/pattern.js';
import { type PipeSession, startPipes } from '../../helpers/copy/pipe-session.js';
import { missing } from '../../helpers/base/requirement.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

/** A file with bytes of which no two stretches are alike. */
function output(session: PipeSession, length: number, seed = 1): { path: string; bytes: Buffer } {
  const path = join(session.directory, `output-${seed}`);
  const bytes = pattern(length, seed);
  writeFileSync(path, bytes);
  return { path, bytes };
}

async function writeAndEnd(scope: Scope, seed: number): Promise<void> {
  const session = await startPipes(scope, { hasStdin: false });
  const [out, err] = [output(session, 20_000, 2 * seed), output(session, 70_000, 2 * seed + 1)];
  session.run('cat "$1"; exec cat "$2" >&2', out.path, err.path);
  const result = await within(session.copy.done, 'the end');
  assert.ok((await session.stdout.all()).equals(out.bytes), `${session.stdout.byteCount} bytes came on stdout`);
  assert.ok((await session.stderr.all()).equals(err.bytes), `${session.stderr.byteCount} bytes came on stderr`);
  assert.deepEqual([result.stdoutBytes, result.undeliveredBytes], [90_000, 0]);
}

leakTest('two hundred processes that write and exit lose no output', async (scope) => {
  for (let round = 0; round < 40; round++) {
    await Promise.all([1, 2, 3, 4, 5].map((i) => writeAndEnd(scope, 5 * round + i)));
  }
});

describe('a background process that holds the pipes', () => {
  leakTest('does not delay the end, and its output is still copied to its end', async (scope) => {
    const session = await startPipes(scope, { drainTimeoutMs: 0 });
    const { path, bytes } = output(session, 50_000);
    const late = output(session, 200_000, 2);
    const latch = makeLatch(scope);
    const leader = session.run(`(${latch.wait}; cat "$2") & cat "$1"; exit 3`, path, late.path);
    assert.equal(await within(leader.exited, 'the leader'), 3);
    await within(session.copy.drained, 'all that the leader wrote', 1000);
    assert.equal(await Promise.race([session.copy.ended, delay(50, 'nothing')]), 'nothing');
    latch.open();
    const { reason, undeliveredBytes } = await within(session.copy.done, 'the end');
    assert.deepEqual({ reason, undeliveredBytes }, { reason: 'exit', undeliveredBytes: 0 });
    assert.ok((await session.stdout.all()).equals(Buffer.concat([bytes, late.bytes])));
  });

  leakTest('and writes without end does not displace or delay the last output of the process', async (scope) => {
    for (let round = 0; round < 5; round++) {
      const session = await startPipes(scope, { drainTimeoutMs: 0 });
      session.stdout.pause();
      const leader = session.run('for i in 1 2 3 4 5; do echo leader; done; (yes & yes & yes &); sleep 0.1; exit 3');
      assert.equal(await within(leader.exited, 'the leader'), 3);
      session.stdout.resume();
      await within(session.copy.drained, 'what the leader wrote', 2000);
      session.copy.close();
      const { stdoutBytes } = await within(session.copy.done, 'the end', 2000);
      const got = await session.stdout.all();
      assert.equal(got.length, stdoutBytes);
      assert.match(got.subarray(0, 99).toString(), /^(leader\n){5}(y\n)+$/);
    }
  });

  leakTest('may write for the time to drain, and gets SIGPIPE if it writes after that', async (scope) => {
    const session = await startPipes(scope, { drainTimeoutMs: 300 });
    const latch = makeLatch(scope);
    const status = join(session.directory, 'status');
    session.run(`(${latch.wait}; yes; echo $? >"$1") &`, status);
    await within(session.copy.done, 'the end');
    latch.open();
    const written = await waitFor(
      () => (existsSync(status) && readFileSync(status, 'utf8').trim()) || undefined,
      'its status',
    );
    assert.equal(written, String(128 + constants.signals.SIGPIPE));
  });

  leakTest('may go on writing after the copy was abandoned, and its output is read and dropped', async (scope) => {
    const session = await startPipes(scope, { drainTimeoutMs: 0 });
    const latch = makeLatch(scope);
    const status = join(session.directory, 'status');
    session.run(`(${latch.wait}; seq 100000; seq 100000 >&2; echo $? >"$1") & echo early`, status);
    await within(session.copy.drained, 'what the leader wrote');
    session.copy.abandon();
    await within(session.copy.done, 'the end');
    latch.open();
    const written = await waitFor(
      () => (existsSync(status) && readFileSync(status, 'utf8').trim()) || undefined,
      'its status',
    );
    assert.equal(written, '0');
    assert.equal((await session.stdout.all()).toString(), 'early\n');
  });
});

describe('a pipe that the process made larger', () => {
  const enlarge = 'perl -e "fcntl(STDOUT, 1031, 1 << 20) or die";';
  leakTest(
    'is read to its end, even if it holds a megabyte',
    async (scope) => {
      const session = await startPipes(scope, { drainTimeoutMs: 0 });
      const { path, bytes } = output(session, 1_000_000);
      session.stdout.pause();
      const leader = session.run(`${enlarge} exec cat "$1"`, path);
      assert.equal(await within(leader.exited, 'the process, which need not wait'), 0);
      assert.ok(session.copy.stdoutBytes <= 65536);
      session.stdout.resume();
      assert.equal((await within(session.copy.done, 'the end')).undeliveredBytes, 0);
      assert.ok((await session.stdout.all()).equals(bytes));
    },
    { skip: missing('perl') },
  );
});

describe('a client that does not read yet', () => {
  leakTest('gets all output if it fits into the pipe and the FIFO', async (scope) => {
    const session = await startPipes(scope);
    const { path, bytes } = output(session, 100_000);
    session.stdout.pause();
    const leader = session.run('exec cat "$1"', path);
    assert.equal(await within(leader.exited, 'the process, which need not wait'), 0);
    assert.equal(session.stdout.byteCount, 0);
    session.stdout.resume();
    assert.equal((await within(session.copy.done, 'the end')).undeliveredBytes, 0);
    assert.ok((await session.stdout.all()).equals(bytes));
  });

  leakTest('gets all output if it returns after the process has exited', async (scope) => {
    const session = await startPipes(scope, { drainTimeoutMs: 0 });
    const { path, bytes } = output(session, 150_000);
    session.stdout.leave();
    const leader = session.run('exec cat "$1"', path);
    await within(leader.exited, 'the process');
    assert.equal(session.copy.hasReader, false);
    const screen = session.stdout.return();
    await within(session.copy.drained, 'the pipe to be empty');
    assert.equal((await within(session.copy.done, 'the end')).undeliveredBytes, 0);
    assert.ok((await screen.all()).equals(bytes));
  });

  leakTest('does not delay the other output', async (scope) => {
    const session = await startPipes(scope, { drainTimeoutMs: 0 });
    session.stdout.leave();
    const leader = session.run('echo out; echo err >&2');
    await within(leader.exited, 'the process');
    assert.equal((await session.stderr.all()).toString(), 'err\n');
    const screen = session.stdout.return();
    assert.equal((await screen.all()).toString(), 'out\n');
    await within(session.copy.done, 'the end');
  });
});

leakTest('`drained` resolves when the pipes are empty, even if a FIFO was not read yet', async (scope) => {
  const session = await startPipes(scope, { drainTimeoutMs: 0 });
  session.stdout.leave();
  const leader = session.run('echo out');
  await within(leader.exited, 'the process');
  await within(session.copy.drained, 'the pipes to be empty');
  const first = await Promise.race([session.copy.done, delay(50, 'nothing')]);
  assert.equal(first, 'nothing', 'it was done before anybody had read');
});
