/*
 * A copy must end after a bounded time and close everything, in any state: while it copies, drains into a client that
 * does not read, flushes into a FIFO without a reader, or fails on a full disk. It must report what it could not
 * deliver, and a second request to end must not undo the first. The tests end real processes in each state.
 */
import assert from 'node:assert/strict';
import { constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { addon } from '../../../src/native/addon.js';
import { Console } from '../../../src/os/console.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import type { ConsoleCopy } from '../../../src/stdio/copy/copy-api.js';
import { copyConsole } from '../../../src/stdio/copy/copy-console.js';
import { plainSink } from '../../../src/stdio/copy/sink.js';
import { startSession } from '../../helpers/copy/console-session.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { startOnTty } from '../../helpers/copy/tty-process.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const { O_WRONLY, O_CREAT, O_NONBLOCK } = constants;

describe('EIO, which means that no tty is open,', () => {
  leakTest('does not end the copy by default, and the next process on the tty is copied', async (scope) => {
    const session = await startSession(scope, { tellsEnd: false });
    for (let round = 0; round < 3; round++) {
      const leader = session.run(`stty -echo; echo "process ${round}"; read line; echo "got $line"`);
      await session.screen.expect(`process ${round}`);
      await session.type(`line ${round}\n`);
      await session.screen.expect(`got line ${round}`);
      await within(leader.exited, 'the process');
    }
    session.copy.processEnded();
    assert.equal((await within(session.copy.done, 'the end')).reason, 'exit');
  });

  leakTest('ends the copy with the reason hangup if endsOnHangup is set', async (scope) => {
    const session = await startSession(scope, { endsOnHangup: true, tellsEnd: false });
    session.run('echo hello');
    assert.equal((await within(session.copy.done, 'the end')).reason, 'hangup');
    assert.equal((await session.screen.all()).toString(), 'hello\r\n');
  });

  leakTest('does not end the copy before a process has opened the tty', async (scope) => {
    const session = await startSession(scope, { endsOnHangup: true, tellsEnd: false });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const leader = session.run('echo hello');
    await within(leader.exited, 'the process');
    assert.equal((await within(session.copy.done, 'the end')).reason, 'hangup');
    assert.equal((await session.screen.all()).toString(), 'hello\r\n');
  });
});

describe('the time to drain', () => {
  leakTest('ends the copy if nobody reads, and the result says what was not delivered', async (scope) => {
    const session = await startSession(scope, { drainTimeoutMs: 200, hasStdin: false, tellsEnd: false });
    session.leaveScreen();
    const leader = session.run('stty -opost; printf 1234567890');
    await within(leader.exited, 'the process');
    // The time begins when the copy is told, which a busy machine may do long before this test goes on.
    const start = performance.now();
    session.copy.processEnded();
    const result = await within(session.copy.done, 'the end');
    const elapsed = performance.now() - start;
    assert.ok(elapsed >= 199 && elapsed < 5000, `${elapsed} ms`);
    assert.deepEqual([result.reason, result.stdoutBytes, result.undeliveredBytes], ['exit', 10, 10]);
  });

  leakTest(
    'ends with all bytes of the FIFO, the waiting block and the console counted as undelivered',
    async (scope) => {
      const session = await startSession(scope, { drainTimeoutMs: 200, hasStdin: false });
      session.screen.pause();
      using filler = OwnedFd.open(session.stdoutPath, O_WRONLY | O_NONBLOCK, 'another writer');
      assert.equal(addon.fd_write(filler.fd, new Uint8Array(65536)), 65536);
      const leader = session.run('stty -opost; printf "%100s"; sleep 0.05; printf "%5000s"');
      await within(leader.exited, 'the process, whose output fits into the console');
      session.leaveScreen();
      const { reason, stdoutBytes, undeliveredBytes } = await within(session.copy.done, 'the end');
      assert.deepEqual(
        { reason, stdoutBytes, undeliveredBytes },
        { reason: 'exit', stdoutBytes: 0, undeliveredBytes: 70_636 },
      );
    },
  );
});

describe('background processes that go on writing', () => {
  leakTest('do not delay the output of the leader, even if they never pause', async (scope) => {
    const session = await startSession(scope, { drainTimeoutMs: 0, tellsEnd: false });
    const leader = session.run(
      'stty -opost; trap "" HUP; (yes & yes & yes &); while :; do echo leader; done & sleep 0.2',
    );
    await within(leader.exited, 'the leader');
    const before = session.copy.stdoutBytes;
    session.copy.processEnded();
    await within(session.copy.drained, 'what the leader wrote', 2000);
    const { stdoutBytes } = session.copy;
    assert.ok(stdoutBytes - before <= 192 * 1024, `${stdoutBytes - before} bytes came after the end`);
    session.copy.close();
    assert.equal((await within(session.copy.done, 'the end', 2000)).reason, 'exit');
  });

  leakTest('may write for the time to drain, and are hung up then', async (scope) => {
    const session = await startSession(scope, { drainTimeoutMs: 300 });
    const status = join(temporaryDirectory(scope), 'status');
    session.run(`trap "" HUP; (while echo more; do sleep 0.02; done; echo over >${status}) 2>/dev/null & sleep 0.1`);
    assert.equal((await within(session.copy.done, 'the end', 2000)).reason, 'exit');
    await waitFor(() => existsSync(status), 'a write that fails');
  });

  leakTest(
    'may go on writing after the copy was abandoned, and their output is read and dropped until they close the tty',
    async (scope) => {
      const session = await startSession(scope, { drainTimeoutMs: 0, tellsEnd: false });
      const status = join(temporaryDirectory(scope), 'status');
      const leader = session.run(`trap "" HUP; (sleep 0.3; seq 20000; echo $? >${status}) & echo early`);
      await within(leader.exited, 'the leader');
      session.copy.processEnded();
      await within(session.copy.drained, 'what the leader wrote', 1000);
      session.copy.abandon();
      await within(session.copy.done, 'the end', 1000);
      assert.equal(
        await waitFor(() => (existsSync(status) && readFileSync(status, 'utf8').trim()) || undefined, 'its status'),
        '0',
      );
      assert.equal((await session.screen.all()).toString(), 'early\r\n');
    },
  );
});

describe('shutdown', () => {
  leakTest('ends an idle session at once, with SIGHUP for the process', async (scope) => {
    const session = await startSession(scope, { tellsEnd: false });
    const leader = session.run("trap 'exit 7' HUP; echo ready; sleep 60 & wait");
    await session.screen.expect('ready');
    session.copy.shutdown();
    session.copy.shutdown();
    assert.equal((await within(session.copy.done, 'the end', 1000)).reason, 'shutdown');
    assert.equal(await within(leader.exited, 'SIGHUP'), 7);
  });

  leakTest('ends a session without a process at once', async (scope) => {
    const session = await startSession(scope);
    session.copy.shutdown();
    assert.deepEqual(await within(session.copy.done, 'the end', 1000), {
      reason: 'shutdown',
      stdinBytes: 0,
      stdoutBytes: 0,
      discardedBytes: 0,
      undeliveredBytes: 0,
    });
  });

  leakTest('ends a flood that is read within the time to drain, and all written bytes are read', async (scope) => {
    const session = await startSession(scope, { tellsEnd: false, drainTimeoutMs: 500 });
    session.run('stty -opost; exec yes abcdefghi');
    await session.screen.hasBytes(100_000);
    session.copy.shutdown();
    const { reason, stdoutBytes } = await within(session.copy.done, 'the end', 2000);
    const got = await session.screen.all();
    assert.deepEqual([reason, stdoutBytes], ['shutdown', got.length]);
    assert.ok(got.toString().startsWith('abcdefghi\n'.repeat(10_000)));
  });

  leakTest('ends a flood that nobody reads within the time to drain', async (scope) => {
    const session = await startSession(scope, { tellsEnd: false, drainTimeoutMs: 200 });
    session.leaveScreen();
    session.run('exec yes');
    await waitFor(() => session.copy.stdoutBytes > 30_000, 'the flood');
    session.copy.shutdown();
    const { reason, undeliveredBytes } = await within(session.copy.done, 'the end', 2000);
    assert.equal(reason, 'shutdown');
    assert.ok(undeliveredBytes > 30_000);
  });

  leakTest('after the exit ends a copy that goes on for another process with the tty', async (scope) => {
    const session = await startSession(scope, { drainTimeoutMs: 0, tellsEnd: false });
    const leader = session.run('trap "" HUP; (exec sleep 60) & echo early');
    await within(leader.exited, 'the leader');
    session.copy.processEnded();
    await within(session.copy.drained, 'what the leader wrote', 1000);
    session.copy.shutdown();
    assert.equal((await within(session.copy.done, 'the end', 1000)).reason, 'exit');
    assert.equal((await session.screen.all()).toString(), 'early\r\n');
  });

  leakTest('changes nothing while the copy drains and flushes, and after its end', async (scope) => {
    const session = await startSession(scope, { drainTimeoutMs: 150, hasStdin: false });
    session.leaveScreen();
    const leader = session.run('printf x');
    await within(leader.exited, 'the process');
    session.copy.shutdown();
    session.copy.processEnded();
    assert.equal((await within(session.copy.done, 'the end', 1000)).reason, 'exit');
    session.copy.shutdown();
    session.copy.processEnded();
    assert.equal(session.copy.stdoutBytes, 1);
    assert.equal(session.copy.stdinBytes, 0);
  });
});

describe('an output that is not a FIFO', () => {
  function copyTo(scope: Scope, path: string, script: string): ConsoleCopy {
    const console = Console.open();
    const sink = plainSink(OwnedFd.open(path, O_WRONLY | O_CREAT, path));
    const copy = copyConsole({ console, stdout: sink, stdinEnd: 'ignore', endsOnHangup: true, drainTimeoutMs: 500 });
    const leader = startOnTty(scope, console.name, script);
    scope.after(() => leader.exited);
    return copy;
  }

  leakTest('gets all bytes if it is a regular file', async (scope) => {
    const path = join(temporaryDirectory(scope), 'file');
    const result = await within(copyTo(scope, path, 'stty -opost; seq 20000').done, 'the end');
    const expected = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join('');
    assert.equal(readFileSync(path, 'utf8'), expected);
    assert.equal(result.stdoutBytes, expected.length);
  });

  leakTest('gets all bytes if it is /dev/null', async (scope) => {
    const result = await within(copyTo(scope, '/dev/null', 'stty -opost; head -c 100000 /dev/zero').done, 'the end');
    assert.equal(result.stdoutBytes, 100_000);
  });

  leakTest('fails on a full disk with the errno, and everything is closed', async (scope) => {
    const copy = copyTo(scope, '/dev/full', 'echo x');
    const expected = { name: 'TermshimError', code: 'ERR_SYSTEM', errno: 'ENOSPC', syscall: 'write' };
    await assert.rejects(within(copy.done, 'the failure'), expected);
  });
});

leakTest('a copy fails for a descriptor that cannot be watched, and everything is closed', async () => {
  const console = Console.open();
  const stdin = OwnedFd.open('/dev/null', constants.O_RDONLY, '/dev/null');
  const closed = { fd: 1_000_000, close() {} };
  const sink = plainSink(OwnedFd.open('/dev/null', O_WRONLY, '/dev/null'));
  const copy = copyConsole({
    console,
    stdin: { fd: closed.fd, close: () => stdin.close() },
    stdout: sink,
    stdinEnd: 'ignore',
    endsOnHangup: true,
    drainTimeoutMs: 500,
  });
  await assert.rejects(within(copy.done, 'the failure'), { code: 'ERR_SYSTEM', errno: 'EBADF' });
  assert.equal(console.isOpen, false);
});
