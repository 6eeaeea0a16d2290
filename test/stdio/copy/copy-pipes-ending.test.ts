/*
 * A copy must end after a bounded time and close everything, from any point of its life: before the runtime has its
 * ends, while it copies, while it drains into a client that does not read, while it flushes into a FIFO without a
 * reader, and if it cannot start. The tests combine each point with each way to end; a descriptor that stays open fails
 * the test.
 */
import assert from 'node:assert/strict';
import { constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../../../src/native/addon.js';
import { FifoReader } from '../../../src/os/fifo.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { type PipeCopy, copyPipes } from '../../../src/stdio/copy/copy-pipes.js';
import { type Sink, plainSink } from '../../../src/stdio/copy/sink.js';
import { newFifo } from '../../helpers/copy/fifo-ends.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { type PipeSession, startPipes } from '../../helpers/copy/pipe-session.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const { O_WRONLY, O_CREAT } = constants;

function fileSink(path: string): Sink {
  return plainSink(OwnedFd.open(path, O_WRONLY | O_CREAT, path));
}

describe('a copy closes everything', () => {
  const flood = 'yes & yes >&2 & sleep 60';
  const points: Readonly<Record<string, (session: PipeSession) => unknown>> = {
    'before anything': () => {},
    'after the runtime has inherited its ends, and has failed': ({ copy }) => copy.started(),
    'while the process is silent': ({ run }) => run('sleep 60'),
    'while it writes and is read': async ({ run, stdout, stderr }) => {
      run(flood);
      await Promise.all([stdout.hasBytes(200_000), stderr.hasBytes(200_000)]);
    },
    'while it writes and nobody reads': async ({ run, copy, stdout, stderr }) => {
      stdout.leave();
      stderr.pause();
      run(flood);
      await waitFor(() => copy.stdoutBytes === 2 * 65536, 'both FIFOs to fill up');
    },
    'while it does not read its input': async ({ run, copy, type }) => {
      run('sleep 60');
      void type(new Uint8Array(300_000)).catch(() => {});
      await waitFor(() => copy.stdinBytes === 65536, 'the pipe to fill up');
    },
    'after one output has ended': async ({ run, stdout }) => {
      run('exec >&-; sleep 60');
      await stdout.all();
    },
    'after all its streams have ended': async ({ run, stdout, stderr }) => {
      run('exec >&- 2>&- <&-; sleep 60');
      await Promise.all([stdout.all(), stderr.all()]);
    },
    'while it drains already': ({ run, copy, stdout }) => {
      stdout.leave();
      run(flood);
      copy.processEnded();
    },
  };
  const ways: Readonly<Record<string, (copy: PipeCopy) => void>> = {
    processEnded: (copy) => copy.processEnded(),
    shutdown: (copy) => copy.shutdown(),
    close: (copy) => copy.close(),
    'all of these several times': (copy) => {
      for (let i = 0; i < 3; i++) {
        copy.shutdown();
        copy.started();
        copy.close();
        copy.processEnded();
      }
    },
  };
  for (const [point, live] of Object.entries(points)) {
    for (const [way, end] of Object.entries(ways)) {
      leakTest(`when it is ended by ${way} ${point}`, async (scope) => {
        const session = await startPipes(scope, { tellsEnd: false, drainTimeoutMs: 200 });
        await live(session);
        end(session.copy);
        const { reason } = await within(session.copy.done, 'the end', 1000);
        await session.copy.drained;
        const isExit = way === 'processEnded' || point === 'while it drains already';
        assert.equal(reason, isExit ? 'exit' : 'shutdown');
        end(session.copy);
        assert.equal(session.copy.hasReader, false);
        assert.ok(session.copy.stdoutBytes >= 0 && session.copy.stdinBytes >= 0);
      });
    }
  }
});

describe('the time to drain', () => {
  leakTest('ends the copy if nobody reads, and the result says exactly what was not delivered', async (scope) => {
    const session = await startPipes(scope, { drainTimeoutMs: 200, tellsEnd: false });
    session.stdout.leave();
    session.stderr.leave();
    const leader = session.run('head -c 120000 /dev/zero; printf 12345 >&2');
    await within(leader.exited, 'the process');
    // The time begins when the copy is told, which a busy machine may do long before this test goes on.
    const start = performance.now();
    session.copy.processEnded();
    const { reason, stdoutBytes, undeliveredBytes } = await within(session.copy.done, 'the end');
    const elapsed = performance.now() - start;
    assert.ok(elapsed >= 199 && elapsed < 5000, `${elapsed} ms`);
    assert.deepEqual({ reason, undeliveredBytes }, { reason: 'exit', undeliveredBytes: 120_005 });
    assert.equal(stdoutBytes, 65_541);
  });

  leakTest('ends without counting what a background process writes meanwhile', async (scope) => {
    const session = await startPipes(scope, { drainTimeoutMs: 300, tellsEnd: false });
    session.stdout.leave();
    const leader = session.run('head -c 120000 /dev/zero; (sleep 0.1; head -c 10000 /dev/zero) &');
    await within(leader.exited, 'the process');
    session.copy.processEnded();
    assert.equal((await within(session.copy.done, 'the end')).undeliveredBytes, 120_000);
  });

  leakTest('is endless for another process with the pipes, and `shutdown` ends the wait', async (scope) => {
    const session = await startPipes(scope, { drainTimeoutMs: 0, tellsEnd: false });
    const leader = session.run('(exec sleep 60) & echo early');
    await within(leader.exited, 'the process');
    session.copy.processEnded();
    await within(session.copy.drained, 'what the process wrote', 1000);
    session.copy.shutdown();
    assert.deepEqual(await within(session.copy.done, 'the end', 1000), {
      reason: 'exit',
      stdinBytes: 0,
      stdoutBytes: 6,
      discardedBytes: 0,
      undeliveredBytes: 0,
    });
  });

  leakTest('is endless if it is 0, and `close` ends the wait', async (scope) => {
    const session = await startPipes(scope, { drainTimeoutMs: 0 });
    session.stdout.leave();
    const leader = session.run('head -c 120000 /dev/zero');
    await within(leader.exited, 'the process');
    assert.equal(await Promise.race([session.copy.done, delay(300, 'nothing')]), 'nothing');
    session.copy.close();
    const { reason, undeliveredBytes } = await within(session.copy.done, 'the end', 500);
    assert.deepEqual({ reason, undeliveredBytes }, { reason: 'exit', undeliveredBytes: 120_000 });
  });

  leakTest('is shared by draining and flushing', async (scope) => {
    const session = await startPipes(scope, { drainTimeoutMs: 400 });
    session.stdout.pause();
    const leader = session.run('head -c 120000 /dev/zero');
    await within(leader.exited, 'the process');
    const start = performance.now();
    await delay(200);
    session.stdout.resume();
    await session.stdout.hasBytes(100_000);
    session.stdout.leave();
    await within(session.copy.done, 'the end');
    assert.ok(performance.now() - start < 800);
  });
});

describe('an output that is not a FIFO', () => {
  leakTest('gets all bytes if it is a regular file', async (scope) => {
    const path = join(temporaryDirectory(scope), 'file');
    const session = await startPipes(scope, { stdout: fileSink(path) });
    session.run('seq 20000');
    const result = await within(session.copy.done, 'the end');
    const expected = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join('');
    assert.equal(readFileSync(path, 'utf8'), expected);
    assert.equal(result.stdoutBytes, expected.length);
  });

  leakTest(
    'ends on a full disk while the other output goes on, and the errno is reported at the end',
    async (scope) => {
      const session = await startPipes(scope, { stdout: fileSink('/dev/full') });
      session.run('trap "" PIPE; echo lost; until ! echo lost; do sleep 0.01; done 2>/dev/null; echo after >&2');
      await session.stderr.expect('after\n');
      const expected = { name: 'TermshimError', code: 'ERR_SYSTEM', errno: 'ENOSPC', syscall: 'write' };
      await assert.rejects(within(session.copy.done, 'the failure'), expected);
      assert.equal((await session.stderr.all()).toString(), 'after\n');
    },
  );
});

describe('a copy that cannot start', () => {
  leakTest('because stdin cannot be watched throws, and everything is closed', () => {
    const outputs = { stdout: fileSink('/dev/null'), stderr: fileSink('/dev/null') };
    const stdin = { fd: 1_000_000, close() {} } as unknown as FifoReader;
    assert.throws(() => copyPipes({ ...outputs, stdin, drainTimeoutMs: 0 }), { errno: 'EBADF' });
  });

  for (const culprit of ['stdout', 'stderr'] as const) {
    leakTest(`because ${culprit} cannot be watched throws from started, and close closes everything`, async (scope) => {
      const stdin = FifoReader.open(newFifo(scope));
      stdin.hold();
      const streams = { stdout: fileSink('/dev/null'), stderr: fileSink('/dev/null') };
      const { [culprit]: sink } = streams;
      const broken: Sink = { ...sink, fd: 1_000_000 };
      const copy = copyPipes({ stdin, ...streams, [culprit]: broken, drainTimeoutMs: 0 });
      assert.throws(() => copy.started(), { errno: 'EBADF' });
      copy.close();
      await copy.done;
    });
  }

  leakTest("what was written before it was started is nobody's output, if it is closed then", async (scope) => {
    const path = join(temporaryDirectory(scope), 'output');
    const copy = copyPipes({ stdout: fileSink(path), drainTimeoutMs: 0 });
    const [, theirs] = copy.childEnds;
    addon.fd_write(theirs as number, Buffer.from('the words of a runtime that failed'));
    copy.close();
    const { undeliveredBytes } = await copy.done;
    assert.equal(undeliveredBytes, 34);
    assert.equal(readFileSync(path, 'utf8'), '');
  });

  leakTest('because the owner of the pipes cannot be set throws, and everything is closed', (scope) => {
    const options = { stdin: FifoReader.open(newFifo(scope)), stdout: fileSink('/dev/null'), drainTimeoutMs: 0 };
    const owner = { uid: 2 ** 32 - 2, gid: -5 };
    assert.throws(() => copyPipes({ ...options, owner }), {
      code: 'ERR_SYSTEM',
      message: /change the owner of the pipe for stdin to/,
    });
  });
});
