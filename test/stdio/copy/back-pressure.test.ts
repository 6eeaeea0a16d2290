/*
 * A full destination must stop its source, and meanwhile nothing may be lost, doubled or kept in growing memory. The
 * tests fill both directions: a paste of a megabyte into a process that reads slowly, and a client that stops reading.
 * Edge-triggered code can hang at the wake-ups that follow, so the tests compare every byte.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'node:test';
import { startSession } from '../../helpers/copy/console-session.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { pattern, printablePattern } from '../../helpers/copy/pattern.js';
import { settledCount, waitFor, within } from '../../helpers/base/wait-for.js';

const megabyte = 1_000_000;

describe('a paste', () => {
  leakTest('of a megabyte into a process that reads with pauses arrives byte for byte', async (scope) => {
    const session = await startSession(scope);
    const file = join(session.directory, 'file');
    const slowly = 'head -c 30000; sleep 0.1; head -c 7; sleep 0.1; head -c 200000; sleep 0.1; head -c 769993';
    const leader = session.run(`stty raw -echo; echo ready; { ${slowly}; } >"$1"`, file);
    await session.screen.expect('ready');
    const sent = pattern(megabyte);
    await within(session.type(sent), 'the typing');
    assert.equal(await within(leader.exited, 'the reader'), 0);
    assert.ok(readFileSync(file).equals(sent));
    assert.equal((await session.copy.done).stdinBytes, megabyte);
  });

  leakTest('of many lines in canonical mode arrives line by line', async (scope) => {
    const session = await startSession(scope);
    const file = join(session.directory, 'file');
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} ${'x'.repeat(i % 70)}\n`).join('');
    const leader = session.run('stty -echo; echo ready; head -n 5000 >"$1"', file);
    await session.screen.expect('ready');
    await within(session.type(lines), 'the typing');
    assert.equal(await within(leader.exited, 'the reader'), 0);
    assert.equal(readFileSync(file, 'utf8'), lines);
  });

  leakTest("stops when the kernel's buffers and one block are full if the process does not read", async (scope) => {
    const session = await startSession(scope);
    const leader = session.run('stty raw -echo; echo ready; sleep 60');
    await session.screen.expect('ready');
    let isTyped = false;
    const typing = session.type(pattern(megabyte)).then(
      () => (isTyped = true),
      () => {},
    );
    await waitFor(() => session.copy.stdinBytes > 0, 'the first bytes');
    const taken = await settledCount(() => session.copy.stdinBytes, 'the input');
    assert.ok(taken < 200_000, `the console took ${taken} bytes`);
    assert.equal(isTyped, false);
    process.kill(-leader.pid, 'SIGKILL');
    await within(session.copy.done, 'the end, with the paste still waiting');
    await typing;
  });

  leakTest('into a process that ends without reading does not keep the copy from ending', async (scope) => {
    const session = await startSession(scope);
    session.run('stty raw -echo; echo ready; sleep 0.1');
    await session.screen.expect('ready');
    const typing = session.type(pattern(megabyte)).catch(() => {});
    assert.equal((await within(session.copy.done, 'the end')).reason, 'exit');
    await typing;
  });
});

describe('a client that stops reading', () => {
  leakTest('stops the process, and gets everything when it reads again', async (scope) => {
    const session = await startSession(scope, { hasStdin: false });
    const path = join(session.directory, 'output');
    const sent = printablePattern(megabyte);
    writeFileSync(path, sent);
    const leader = session.run('stty -opost; exec cat "$1"', path);
    for (const count of [100_000, 300_000, 600_000]) {
      await session.screen.hasBytes(count);
      session.screen.pause();
      const moved = await settledCount(() => session.copy.stdoutBytes, 'the output');
      assert.ok(moved - session.screen.byteCount <= 65536, 'more than the FIFO holds was written');
      assert.equal(leader.hasExited, false, 'the process waits');
      session.screen.resume();
    }
    const result = await within(session.copy.done, 'the end');
    assert.ok((await session.screen.all()).equals(sent));
    assert.equal(result.stdoutBytes, megabyte);
  });

  leakTest('does not stop the input', async (scope) => {
    const session = await startSession(scope);
    const file = join(session.directory, 'file');
    session.run('stty raw -echo; echo ready; yes & head -c 200000 >"$1"; kill $!; wait', file);
    await session.screen.expect('ready');
    session.screen.pause();
    const sent = pattern(200_000);
    await within(session.type(sent), 'the typing');
    await waitFor(() => readFileSync(file).length === sent.length, 'the process to have read it all');
    assert.ok(readFileSync(file).equals(sent));
    session.screen.resume();
    await within(session.copy.done, 'the end');
  });
});

leakTest('a megabyte through cat and back arrives whole in both directions', async (scope) => {
  const session = await startSession(scope, { stdinEnd: 'ignore', tellsEnd: false });
  session.run('stty raw -echo; echo ready; exec cat');
  const start = (await session.screen.expect('ready\n')).length;
  const sent = pattern(megabyte);
  await within(session.type(sent), 'the typing');
  const got = (await session.screen.hasBytes(start + sent.length)).subarray(start);
  assert.ok(got.equals(sent));
});
