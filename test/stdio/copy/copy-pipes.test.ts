/*
 * A process without a terminal has three streams that end one by one while the others continue. The events of one
 * stream must not affect another, a stream that has ended must cost nothing, and whatever the process does with its
 * ends (reopens them, passes them on, closes them) must work as with any pipe.
 */
import assert from 'node:assert/strict';
import { constants, fstatSync } from 'node:fs';
import { describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { copyPipes } from '../../../src/stdio/copy/copy-pipes.js';
import { O_CLOEXEC, fdFlags, openDescriptors } from '../../helpers/base/descriptors.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { pattern } from '../../helpers/copy/pattern.js';
import { startPipes } from '../../helpers/copy/pipe-session.js';
import { missing } from '../../helpers/base/requirement.js';
import { childrenOf, sleepsIn } from '../../helpers/base/process-state.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';

const { O_NONBLOCK } = constants;

leakTest('stdout and stderr stay apart, and both are counted', async (scope) => {
  const session = await startPipes(scope);
  const leader = session.run('for i in 1 2 3 4 5; do echo "out $i"; echo "err $i" >&2; done; exit 3');
  assert.equal(await within(leader.exited, 'the process'), 3);
  const result = await within(session.copy.done, 'the end');
  assert.equal((await session.stdout.all()).toString(), 'out 1\nout 2\nout 3\nout 4\nout 5\n');
  assert.equal((await session.stderr.all()).toString(), 'err 1\nerr 2\nerr 3\nerr 4\nerr 5\n');
  assert.deepEqual(result, {
    reason: 'exit',
    stdinBytes: 0,
    stdoutBytes: 60,
    discardedBytes: 0,
    undeliveredBytes: 0,
  });
});

leakTest('a megabyte passes through cat and back', async (scope) => {
  const session = await startPipes(scope);
  session.run('exec cat');
  const sent = pattern(1_000_000);
  await within(session.type(sent), 'the typing');
  assert.ok((await session.stdout.hasBytes(sent.length)).equals(sent));
  assert.equal(session.copy.stdinBytes, sent.length);
  session.stdin.release();
  session.leaveKeyboard();
  assert.equal((await within(session.copy.done, 'the end')).reason, 'exit');
  assert.equal((await session.stdout.all()).length, sent.length);
});

describe('the ends for the process', () => {
  leakTest('are blocking, and no other process inherits them', async (scope) => {
    const { copy } = await startPipes(scope);
    for (const end of copy.childEnds) {
      const flags = fdFlags(end as number);
      assert.equal(flags & O_NONBLOCK, 0);
      assert.equal(flags & O_CLOEXEC, O_CLOEXEC);
    }
  });

  leakTest('are closed by `started`, once', async (scope) => {
    const { copy } = await startPipes(scope);
    for (const end of copy.childEnds) fstatSync(end as number);
    copy.started();
    copy.started();
    for (const end of copy.childEnds) assert.throws(() => fstatSync(end as number), { code: 'EBADF' });
  });

  leakTest('do not exist without a stream, and the copy ends with the process', async () => {
    const copy = copyPipes({ drainTimeoutMs: 1000 });
    assert.deepEqual(copy.childEnds, ['ignore', 'ignore', 'ignore']);
    copy.started();
    assert.equal(copy.hasReader, false);
    copy.processEnded();
    await copy.drained;
    const nothing = { stdinBytes: 0, stdoutBytes: 0, discardedBytes: 0, undeliveredBytes: 0 };
    assert.deepEqual(await copy.done, { reason: 'exit', ...nothing });
  });

  leakTest(
    'can be opened again by their owner, as by /dev/stdout',
    async (scope) => {
      const owner = { uid: 54321, gid: 54322 };
      const session = await startPipes(scope, { owner });
      for (const end of session.copy.childEnds) {
        const { uid, gid } = fstatSync(end as number);
        assert.deepEqual({ uid, gid }, owner);
      }
      session.runAs(owner, 'echo out >/dev/stdout; echo err >/dev/stderr; read line </dev/stdin; echo "$line"');
      await session.type('hello\n');
      await within(session.copy.done, 'the end');
      assert.equal((await session.stdout.all()).toString(), 'out\nhello\n');
      assert.equal((await session.stderr.all()).toString(), 'err\n');
    },
    { skip: missing('root') },
  );
});

describe('an output that the process closes', () => {
  leakTest('ends for its reader, while the other streams go on', async (scope) => {
    const session = await startPipes(scope);
    const leader = session.run('echo out; exec >&-; read line; echo "err $line" >&2; cat >&2');
    assert.equal((await session.stdout.all()).toString(), 'out\n');
    assert.equal(leader.hasExited, false);
    await session.type('hello\n');
    await session.stderr.expect('err hello\n');
    const before = process.cpuUsage();
    await delay(300);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 150_000, `${user + system} us of 300 ms were spent on nothing`);
    session.stdin.release();
    session.leaveKeyboard();
    assert.equal((await within(session.copy.done, 'the end')).undeliveredBytes, 0);
  });

  leakTest('keeps unread bytes for a later reader, and then ends', async (scope) => {
    const session = await startPipes(scope);
    session.stdout.leave();
    session.run('echo out; exec >&-; echo err >&2; read line');
    await session.stderr.expect('err');
    await waitFor(() => session.copy.stdoutBytes === 8, 'the output');
    const screen = session.stdout.return();
    assert.equal((await screen.all()).toString(), 'out\n');
  });
});

describe('an output that nobody reads', () => {
  const count = 300_000;
  const flood = `head -c ${count} /dev/zero; echo done >&2; sleep 60`;

  leakTest(
    'makes the process wait with the policy block, the next reader misses nothing, and the other output goes on',
    async (scope) => {
      const session = await startPipes(scope);
      session.stdout.leave();
      const leader = session.run('echo before >&2; head -c 300000 /dev/zero; echo after >&2');
      await session.stderr.expect('before');
      await waitFor(() => session.copy.stdoutBytes >= 65536, 'the FIFO to fill up');
      await delay(50);
      assert.equal(leader.hasExited, false);
      assert.doesNotMatch(session.stderr.text(), /after/);
      const screen = session.stdout.return();
      await session.stderr.expect('after');
      assert.equal((await within(session.copy.done, 'the end')).undeliveredBytes, 0);
      assert.equal((await screen.all()).length, 300_000);
    },
  );

  leakTest('is discarded with the policy discard, and discarded and undelivered bytes are counted', async (scope) => {
    const session = await startPipes(scope, { noReader: 'discard' });
    session.stdout.leave();
    const leader = session.run(flood);
    await session.stderr.expect('done');
    process.kill(-leader.pid, 'SIGKILL');
    const { discardedBytes, undeliveredBytes } = await within(session.copy.done, 'the end');
    assert.equal(discardedBytes + undeliveredBytes, count);
    assert.ok(discardedBytes > 0 && undeliveredBytes > 0);
  });

  leakTest('closes its pipe alone with the policy hangup', async (scope) => {
    const session = await startPipes(scope, { noReader: 'hangup' });
    const pipe = `pipe:[${fstatSync(session.copy.childEnds[1] as number).ino}]`;
    session.run('trap "" PIPE; read line; echo lost || echo "$line: broken" >&2; read line; echo "$line" >&2');
    session.stdout.leave();
    await waitFor(() => !openDescriptors().some((it) => it.endsWith(pipe)), 'the hang-up');
    await session.type('first\n');
    await session.stderr.expect('first: broken');
    await session.type('second\n');
    await session.stderr.expect('second');
    const result = await within(session.copy.done, 'the end');
    assert.deepEqual([result.reason, result.undeliveredBytes], ['exit', 0]);
  });

  leakTest('counts unread bytes as undelivered with the policy hangup', async (scope) => {
    const session = await startPipes(scope, { noReader: 'hangup' });
    session.stdout.pause();
    const leader = session.run(flood);
    await waitFor(() => session.copy.stdoutBytes === 65536, 'the FIFO to fill up');
    await waitFor(() => childrenOf(leader.pid).some((pid) => sleepsIn(pid, /pipe_write/)), 'the pipe to fill up');
    session.stdout.leave();
    await session.stderr.expect('done');
    process.kill(-leader.pid, 'SIGKILL');
    const { undeliveredBytes } = await within(session.copy.done, 'the end');
    const held = `${undeliveredBytes} bytes: the FIFO, what had been read, and the pipe`;
    assert.ok(undeliveredBytes >= 2 * 65536 && undeliveredBytes <= 3 * 65536, held);
  });
});
