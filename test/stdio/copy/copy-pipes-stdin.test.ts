/*
 * Many programs wait for the end of file on stdin, and it must come exactly once, after all input: not when a client
 * leaves, since another may come; not before CloseIO, which releases termshim's own writing end; and after CloseIO not
 * before the last client has left and its last byte was delivered. A process that does not read must stop its client,
 * and one that closes stdin must not end anything else.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FifoWriter } from '../../../src/os/fifo.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { pattern } from '../../helpers/copy/pattern.js';
import { startPipes } from '../../helpers/copy/pipe-session.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';
import { writeAll } from '../../helpers/copy/write-all.js';

const openKeyboard = (path: string): Promise<FifoWriter> => FifoWriter.open(path, { timeoutMs: 1000 });

describe('end of file', () => {
  leakTest('does not come when a client leaves, and a second and a third client are read', async (scope) => {
    const session = await startPipes(scope);
    const leader = session.run('while read line; do echo "got $line"; done; echo end');
    await session.type('first\n');
    session.leaveKeyboard();
    await session.stdout.expect('got first');
    for (const word of ['second', 'third']) {
      const client = await openKeyboard(session.stdinPath);
      await writeAll(client.fd, `${word}\n`);
      client.close();
      await session.stdout.expect(`got ${word}`);
    }
    await delay(30);
    assert.equal(leader.hasExited, false);
    session.stdin.release();
    assert.equal((await within(session.copy.done, 'the end')).stdinBytes, 'first\nsecond\nthird\n'.length);
    assert.match(session.stdout.text(), /end\n$/);
  });

  leakTest('does not come after CloseIO while a client is there', async (scope) => {
    const session = await startPipes(scope);
    const leader = session.run('while read line; do echo "got $line"; done; echo end');
    session.stdin.release();
    await session.type('after\n');
    await session.stdout.expect('got after');
    await delay(30);
    assert.equal(leader.hasExited, false);
    session.leaveKeyboard();
    await within(session.copy.done, 'the end');
    assert.match(session.stdout.text(), /got after\nend\n$/);
  });

  leakTest('does not come before a client has come', async (scope) => {
    const session = await startPipes(scope);
    session.leaveKeyboard();
    const leader = session.run('cat; echo end');
    await delay(30);
    assert.equal(leader.hasExited, false);
    session.stdin.release();
    await within(session.copy.done, 'the end');
    assert.equal(session.stdout.text(), 'end\n');
  });

  leakTest('comes to a process that starts after all input was written', async (scope) => {
    const session = await startPipes(scope);
    await session.type('early');
    session.stdin.release();
    session.leaveKeyboard();
    await waitFor(() => session.copy.stdinBytes === 5, 'the input');
    await delay(20);
    session.run('cat; echo " end"');
    await within(session.copy.done, 'the end');
    assert.equal((await session.stdout.all()).toString(), 'early end\n');
  });
});

describe('a megabyte', () => {
  leakTest('arrives in a process that reads with pauses, and then the end', async (scope) => {
    const session = await startPipes(scope);
    const file = join(session.directory, 'file');
    const slowly = 'head -c 30000; sleep 0.1; head -c 7; sleep 0.1; head -c 300000; sleep 0.1; cat';
    const leader = session.run(`{ ${slowly}; } >"$1"`, file);
    const sent = pattern(1_000_000);
    await within(session.type(sent), 'the typing');
    session.stdin.release();
    session.leaveKeyboard();
    assert.equal(await within(leader.exited, 'the end of file'), 0);
    assert.ok(readFileSync(file).equals(sent), 'other bytes were read than were typed');
    assert.equal((await session.copy.done).stdinBytes, sent.length);
  });

  leakTest(
    "stops its writer when the kernel's buffers and one block are full if the process does not read",
    async (scope) => {
      const session = await startPipes(scope);
      const leader = session.run('sleep 60');
      let isTyped = false;
      const typing = session.type(pattern(1_000_000)).then(
        () => (isTyped = true),
        () => {},
      );
      await waitFor(() => session.copy.stdinBytes === 65536, 'the pipe to fill up');
      await delay(50);
      assert.equal(session.copy.stdinBytes, 65536);
      assert.equal(isTyped, false);
      process.kill(-leader.pid, 'SIGKILL');
      await within(session.copy.done, 'the end, with the input still waiting');
      await typing;
      assert.equal(isTyped, false);
    },
  );
});

describe('a process that closes its stdin', () => {
  leakTest('breaks the pipe of the client, and its output goes on', async (scope) => {
    const session = await startPipes(scope);
    session.run('exec <&-; echo closed; sleep 0.2; echo end');
    await session.stdout.expect('closed');
    await assert.rejects(
      async () => {
        for (;;) {
          await session.type('nobody reads this');
          await delay(5);
        }
      },
      { errno: 'EPIPE' },
    );
    const result = await within(session.copy.done, 'the end');
    assert.equal((await session.stdout.all()).toString(), 'closed\nend\n');
    assert.equal(result.reason, 'exit');
  });

  leakTest('may close it while input waits for it', async (scope) => {
    const session = await startPipes(scope);
    session.run('sleep 0.1; exec <&-; sleep 0.1; echo end');
    await assert.rejects(session.type(pattern(1_000_000)), { errno: 'EPIPE' });
    await within(session.copy.done, 'the end');
    assert.equal((await session.stdout.all()).toString(), 'end\n');
  });
});

leakTest('a process without stdin gets the end of file at once', async (scope) => {
  const session = await startPipes(scope, { hasStdin: false });
  session.run('cat; echo end');
  const result = await within(session.copy.done, 'the end');
  assert.equal(result.stdinBytes, 0);
  assert.equal((await session.stdout.all()).toString(), 'end\n');
});
