/*
 * A killed client leaves a session without a reader, and a policy decides what happens: the process waits, its oldest
 * output is dropped and counted, or the session hangs up. In the tests readers leave in the middle of a flood and
 * return, and every byte must be received, discarded or undelivered, and in the right order.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Session, startSession } from '../../helpers/copy/console-session.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { printablePattern } from '../../helpers/copy/pattern.js';
import type { GroupLeader } from '../../helpers/copy/process-group.js';
import { settledCount, waitFor, within } from '../../helpers/base/wait-for.js';

const flood = 1_000_000;

interface Flood {
  session: Session;
  leader: GroupLeader;
  sent: Buffer;
}

/** A process that writes the pattern as fast as it can. */
async function startFlood(
  scope: Scope,
  noReader: 'block' | 'discard' | 'hangup',
  { script = '', drainTimeoutMs = 2000, hasScreen = true } = {},
): Promise<Flood> {
  const session = await startSession(scope, { noReader, drainTimeoutMs, hasStdin: false });
  const path = join(session.directory, 'output');
  const sent = printablePattern(flood);
  writeFileSync(path, sent);
  if (!hasScreen) session.leaveScreen();
  const leader = session.run(`${script} stty -opost; exec cat "$1"`, path);
  return { session, leader, sent };
}

describe('the policy block', () => {
  leakTest('makes the process wait while nobody reads, and the next reader misses nothing', async (scope) => {
    const { session, leader, sent } = await startFlood(scope, 'block');
    const before = await session.screen.hasBytes(200_000);
    session.screen.pause();
    const first = session.screen.bytes();
    assert.ok(first.length >= before.length);
    session.leaveScreen();
    await delay(100);
    assert.equal(leader.hasExited, false);
    const second = session.returnToScreen();
    const result = await within(session.copy.done, 'the end');
    assert.ok(Buffer.concat([first, await second.all()]).equals(sent));
    const { stdoutBytes, discardedBytes, undeliveredBytes } = result;
    assert.deepEqual(
      { stdoutBytes, discardedBytes, undeliveredBytes },
      { stdoutBytes: flood, discardedBytes: 0, undeliveredBytes: 0 },
    );
  });

  leakTest('loses nothing with five readers one after the other', async (scope) => {
    const { session, sent } = await startFlood(scope, 'block');
    const parts: Buffer[] = [];
    for (let i = 0; i < 4; i++) {
      await session.screen.hasBytes(100_000);
      parts.push(session.screen.bytes());
      session.leaveScreen();
      session.returnToScreen();
    }
    await within(session.copy.done, 'the end');
    parts.push(await session.screen.all());
    assert.ok(Buffer.concat(parts).equals(sent));
  });

  leakTest('makes the process wait for the next reader after a kill in a flood', async (scope) => {
    const session = await startSession(scope, { noReader: 'block', hasStdin: false, tellsEnd: false });
    session.leaveScreen();
    const client = spawn('cat', [session.stdoutPath], { stdio: ['ignore', 'pipe', 'ignore'] });
    let read = 0;
    client.stdout.on('data', (chunk: Buffer) => (read += chunk.length));
    const leader = session.run('exec yes');
    await waitFor(() => read > 100_000, 'the flood');
    client.kill('SIGKILL');
    await once(client, 'exit');
    await delay(50);
    assert.equal(leader.hasExited, false);
    const screen = session.returnToScreen();
    await screen.hasBytes(200_000);
    process.kill(-leader.pid, 'SIGKILL');
  });
});

describe('the policy discard', () => {
  leakTest(
    'never delays the process without a reader, and discarded and undelivered bytes are counted',
    async (scope) => {
      const { session, leader } = await startFlood(scope, 'discard', { hasScreen: false });
      assert.equal(await within(leader.exited, 'the process'), 0);
      const { discardedBytes, undeliveredBytes } = await within(session.copy.done, 'the end');
      assert.equal(discardedBytes + undeliveredBytes, flood);
      assert.ok(discardedBytes > 0 && undeliveredBytes > 0);
    },
  );

  leakTest('counts every byte as received, discarded or undelivered if a reader leaves in a flood', async (scope) => {
    const { session, leader, sent } = await startFlood(scope, 'discard');
    await session.screen.hasBytes(100_000);
    const received = session.screen.bytes();
    session.leaveScreen();
    assert.equal(await within(leader.exited, 'the process'), 0);
    const { discardedBytes, undeliveredBytes, stdoutBytes } = await within(session.copy.done, 'the end');
    assert.equal(received.length + discardedBytes + undeliveredBytes, flood);
    assert.ok(received.equals(sent.subarray(0, received.length)));
    assert.ok(stdoutBytes <= flood);
  });

  leakTest('gives a returning reader an unbroken part, and received + discarded = written', async (scope) => {
    for (let round = 0; round < 5; round++) {
      const latch = join((await startSession(scope, { hasStdin: false })).directory, 'latch');
      const session = await startSession(scope, { noReader: 'discard', hasStdin: false });
      const path = join(session.directory, 'output');
      const sent = printablePattern(flood, round + 1);
      writeFileSync(path, sent);
      const half = 'stty -opost; head -c 500000 "$1"; until [ -e "$2" ]; do sleep 0.01; done; tail -c 500000 "$1"';
      session.run(half, path, latch);
      await session.screen.hasBytes(100_000);
      const first = session.screen.bytes();
      session.leaveScreen();
      await waitFor(() => session.copy.stdoutBytes >= 500_000, 'the first half to be written');
      const screen = session.returnToScreen();
      writeFileSync(latch, '');
      const { discardedBytes, undeliveredBytes } = await within(session.copy.done, 'the end');
      const second = await screen.all();
      assert.equal(undeliveredBytes, 0);
      assert.equal(first.length + second.length + discardedBytes, flood, 'the account is wrong');
      assert.ok(first.equals(sent.subarray(0, first.length)));
      assert.ok(second.equals(sent.subarray(flood - second.length)), 'what was dropped is not one stretch');
    }
  });

  leakTest('waits for a slow reader', async (scope) => {
    const { session, leader, sent } = await startFlood(scope, 'discard');
    for (const count of [50_000, 200_000, 500_000]) {
      await session.screen.hasBytes(count);
      session.screen.pause();
      await delay(50);
      assert.equal(leader.hasExited, false);
      session.screen.resume();
    }
    assert.equal((await within(session.copy.done, 'the end')).discardedBytes, 0);
    assert.ok((await session.screen.all()).equals(sent));
  });

  leakTest('waits again for a reader that has returned', async (scope) => {
    const session = await startSession(scope, { noReader: 'discard', hasStdin: false, tellsEnd: false });
    const leader = session.run('exec yes');
    for (let round = 0; round < 3; round++) {
      await session.screen.hasBytes(100_000);
      session.leaveScreen();
      await delay(20);
      session.returnToScreen().pause();
      // Else the flood goes on over the head of a reader that is there.
      await settledCount(() => session.copy.stdoutBytes, 'the output');
      session.screen.resume();
    }
    process.kill(-leader.pid, 'SIGKILL');
  });
});

describe('the policy hangup', () => {
  leakTest('sends SIGHUP to the process if the reader leaves in a flood', async (scope) => {
    const session = await startSession(scope, { noReader: 'hangup', hasStdin: false, tellsEnd: false });
    const leader = session.run("trap 'exit 7' HUP; while :; do echo yes; done");
    await session.screen.hasBytes(100_000);
    const received = session.screen.bytes();
    session.leaveScreen();
    const result = await within(session.copy.done, 'the end');
    assert.equal(result.reason, 'broken-pipe');
    assert.equal(await within(leader.exited, 'SIGHUP'), 7);
    assert.ok(result.stdoutBytes + result.undeliveredBytes >= received.length);
    assert.equal(result.discardedBytes, 0);
  });

  leakTest('ends an idle session at once if its reader leaves', async (scope) => {
    const session = await startSession(scope, { noReader: 'hangup', tellsEnd: false });
    const leader = session.run("trap 'exit 7' HUP; echo ready; sleep 60 & wait");
    await session.screen.expect('ready');
    session.leaveScreen();
    assert.equal((await within(session.copy.done, 'the end', 1000)).reason, 'broken-pipe');
    assert.equal(await within(leader.exited, 'SIGHUP'), 7);
  });

  leakTest('is the only policy that ends an idle session if its reader leaves', async (scope) => {
    for (const noReader of ['block', 'discard'] as const) {
      const session = await startSession(scope, { noReader });
      session.run('stty -echo; echo ready; read line; echo "got $line"');
      await session.screen.expect('ready');
      session.leaveScreen();
      await delay(30);
      const screen = session.returnToScreen();
      await session.type('hello\n');
      await screen.expect('got hello');
    }
  });

  leakTest('counts unread bytes as undelivered', async (scope) => {
    const session = await startSession(scope, { noReader: 'hangup', hasStdin: false, tellsEnd: false });
    session.screen.pause();
    session.run('stty -opost; printf 12345; sleep 60');
    await waitFor(() => session.copy.stdoutBytes === 5, 'the output');
    session.leaveScreen();
    const result = await within(session.copy.done, 'the end');
    assert.deepEqual([result.reason, result.undeliveredBytes], ['broken-pipe', 5]);
  });
});
