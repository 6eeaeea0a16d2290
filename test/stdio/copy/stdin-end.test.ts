/*
 * A policy decides what happens if a client leaves, and each policy can go wrong: typed bytes are dropped with the
 * terminal, a ^D does not end the process or ends it twice, or the keys of a second client are not read. For read(2) a
 * FIFO that nobody has opened yet looks like one whose last writer has left. The tests open and close stdin in each of
 * these ways.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FifoWriter } from '../../../src/os/fifo.js';
import { startSession } from '../../helpers/copy/console-session.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { pattern } from '../../helpers/copy/pattern.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';
import { writeAll } from '../../helpers/copy/write-all.js';

describe('a FIFO without a writer is not at its end', () => {
  for (const stdinEnd of ['hangup', 'veof'] as const) {
    leakTest(`for the policy ${stdinEnd} until a writer has opened and closed it`, async (scope) => {
      const session = await startSession(scope, { stdinEnd, hasKeyboard: false });
      const leader = session.run('stty -echo; echo ready; read line; echo "got $line"; cat');
      await session.screen.expect('ready');
      await delay(50);
      assert.equal(leader.hasExited, false);
      const keyboard = await FifoWriter.open(session.stdinPath, { timeoutMs: 1000 });
      await writeAll(keyboard.fd, 'hello\n');
      await session.screen.expect('got hello');
      keyboard.close();
      await within(session.copy.done, 'the end');
    });
  }
});

describe('the policy hangup', () => {
  leakTest('sends SIGHUP to the process, and its output arrives', async (scope) => {
    const session = await startSession(scope, { stdinEnd: 'hangup', tellsEnd: false });
    const leader = session.run("trap 'exit 7' HUP; echo ready; sleep 60 & wait");
    await session.screen.expect('ready');
    session.leaveKeyboard();
    const result = await within(session.copy.done, 'the end');
    assert.equal(result.reason, 'stdin-end');
    assert.equal(await within(leader.exited, 'SIGHUP'), 7);
    assert.equal((await session.screen.all()).toString(), 'ready\r\n');
    assert.equal(session.console.isOpen, false);
  });

  leakTest('lets the process read what was typed right before', async (scope) => {
    for (let round = 0; round < 10; round++) {
      const session = await startSession(scope, { stdinEnd: 'hangup', tellsEnd: false });
      const log = join(session.directory, 'log');
      const script = 'echo ready; while read line; do echo "$line" >>"$1"; done; echo end >>"$1"';
      const leader = session.run(`trap 'echo hup >>"$1"' HUP; ${script}`, log);
      await session.screen.expect('ready');
      await session.type('first\nsecond\n');
      session.leaveKeyboard();
      assert.equal((await within(session.copy.done, 'the end')).stdinBytes, 13);
      await within(leader.exited, 'SIGHUP');
      const lines = readFileSync(log, 'utf8').split('\n');
      assert.deepEqual(
        lines.filter((line) => line !== 'hup'),
        ['first', 'second', 'end', ''],
        `round ${round}`,
      );
      assert.ok(lines.includes('hup'));
    }
  });

  leakTest('lets a slow process read a long paste from right before', async (scope) => {
    const session = await startSession(scope, { stdinEnd: 'hangup', tellsEnd: false });
    const file = join(session.directory, 'file');
    const script = 'stty raw -echo; echo ready; head -c 80000 >"$1"; sleep 0.2; exec cat >>"$1"';
    const leader = session.run(`trap "" HUP; ${script}`, file);
    await session.screen.expect('ready');
    const sent = pattern(90_000);
    await session.type(sent);
    session.leaveKeyboard();
    assert.equal((await within(session.copy.done, 'the end')).stdinBytes, sent.length);
    await within(leader.exited, 'the end of the process');
    const got = readFileSync(file);
    assert.ok(got.equals(sent), `${got.length} of ${sent.length} bytes were read`);
  });

  leakTest('waits for a process that reads nothing only for the time to drain', async (scope) => {
    const session = await startSession(scope, { stdinEnd: 'hangup', tellsEnd: false, drainTimeoutMs: 200 });
    const leader = session.run("trap 'exit 7' HUP; echo ready; sleep 60 & wait");
    await session.screen.expect('ready');
    await session.type('never read\n');
    session.leaveKeyboard();
    await within(session.copy.done, 'the end', 1000);
    assert.equal(await within(leader.exited, 'SIGHUP'), 7);
  });
});

describe('the policy veof', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['nothing typed', '', ''],
    ['after a newline', 'one\ntwo\n', 'one\ntwo\n'],
    ['after a carriage return', 'one\r', 'one\n'],
    ['after half a line', 'one\ntw', 'one\ntw'],
  ];
  for (const [what, typed, read] of rows) {
    leakTest(`ends cat after all input: ${what}`, async (scope) => {
      const session = await startSession(scope, { stdinEnd: 'veof' });
      const file = join(session.directory, 'file');
      const leader = session.run('stty -echo; echo ready; exec cat >"$1"', file);
      await session.screen.expect('ready');
      await session.type(typed);
      session.leaveKeyboard();
      assert.equal(await within(leader.exited, 'the end of cat'), 0);
      const result = await within(session.copy.done, 'the end');
      assert.deepEqual([result.reason, result.stdinBytes], ['exit', typed.length]);
      assert.equal(readFileSync(file, 'utf8'), read);
    });
  }

  leakTest('lets the copy go on with output, and with the keys of a second client', async (scope) => {
    const session = await startSession(scope, { stdinEnd: 'veof' });
    const leader = session.run('stty -echo; echo ready; cat; echo "first over"; cat; echo "second over"');
    await session.screen.expect('ready');
    await session.type('a\n');
    session.leaveKeyboard();
    await session.screen.expect('first over');
    await delay(30);
    assert.doesNotMatch(session.screen.text(), /second over/, 'one end of stdin is one end of file');
    const second = await FifoWriter.open(session.stdinPath, { timeoutMs: 1000 });
    await writeAll(second.fd, 'b\n');
    await session.screen.expect('b\r\n');
    second.close();
    await session.screen.expect('second over');
    assert.equal(await within(leader.exited, 'the end'), 0);
  });

  leakTest('types the end when there is room if the console is full', async (scope) => {
    const session = await startSession(scope, { stdinEnd: 'veof' });
    const [file, latch] = [join(session.directory, 'file'), join(session.directory, 'latch')];
    const script = 'stty -icanon -echo -isig -icrnl -ixon; echo ready; until [ -e "$2" ]; do sleep 0.02; done';
    const leader = session.run(`${script}; head -c 150001 >"$1"`, file, latch);
    await session.screen.expect('ready');
    const sent = pattern(150_000);
    const typing = session.type(sent).then(() => session.leaveKeyboard());
    await waitFor(() => session.copy.stdinBytes > 4000, 'the console to fill up');
    writeFileSync(latch, '');
    await within(typing, 'the typing');
    await within(leader.exited, 'the end of the process');
    assert.ok(readFileSync(file).equals(Buffer.concat([sent, Buffer.from([4])])));
  });
});

describe('the policy ignore', () => {
  leakTest('lets the process go on, and a second and a third client are read', async (scope) => {
    const session = await startSession(scope, { stdinEnd: 'ignore' });
    const leader = session.run('stty -echo; echo ready; for i in 1 2 3; do read line; echo "got $line"; done');
    await session.screen.expect('ready');
    await session.type('first\n');
    session.leaveKeyboard();
    await session.screen.expect('got first');
    await delay(30);
    assert.equal(leader.hasExited, false);
    for (const word of ['second', 'third']) {
      const client = await FifoWriter.open(session.stdinPath, { timeoutMs: 1000 });
      await writeAll(client.fd, `${word}\n`);
      client.close();
      await session.screen.expect(`got ${word}`);
    }
    assert.equal(await within(leader.exited, 'the end'), 0);
    assert.equal((await session.copy.done).stdinBytes, 'first\nsecond\nthird\n'.length);
  });

  leakTest('changes nothing for a client that leaves without input', async (scope) => {
    const session = await startSession(scope, { stdinEnd: 'ignore' });
    session.run('stty -echo; echo ready; read line; echo "got $line"');
    await session.screen.expect('ready');
    for (let i = 0; i < 5; i++) (await FifoWriter.open(session.stdinPath, { timeoutMs: 1000 })).close();
    await session.type('hello\n');
    await session.screen.expect('got hello');
  });
});

leakTest('a console without stdin only shows output', async (scope) => {
  const session = await startSession(scope, { hasStdin: false });
  const leader = session.run('echo ready; sleep 0.05; echo end');
  assert.equal(await within(leader.exited, 'the end'), 0);
  const result = await within(session.copy.done, 'the end of the copy');
  assert.deepEqual([result.reason, result.stdinBytes], ['exit', 0]);
  assert.equal((await session.screen.all()).toString(), 'ready\r\nend\r\n');
  assert.ok(existsSync(session.stdinPath));
});
