/**
 * When a file is full, the log begins another, while entries keep coming. What could break: an entry is split over two
 * files, lost or doubled; entries change their order; an old file stays, or a new one is removed; a file is compressed
 * under a name that another file has by then; a kill leaves a rotation unfinished. The tests fill files many times, and
 * read back everything.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { array, assert as assertProperty, asyncProperty, constantFrom, integer } from 'fast-check';
import type { LogSettings } from '../../../src/log/options.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { logFiles, outputOf, parseLog, readAllLogs } from '../../helpers/log/log-entries.js';
import { logOptions, openTestLog } from '../../helpers/log/test-log.js';
import { missing } from '../../helpers/base/requirement.js';
import { waitFor } from '../../helpers/base/wait-for.js';

/** The lines of all files. */
function readAll({ path, format }: LogSettings): string[] {
  return outputOf(readAllLogs(format, path), 'stdout').toString().split('\n').slice(0, -1);
}

const line = (number: number): string => `line ${number}`;
/** With its frame it has some 170 bytes. */
const long = (text: string): string => text.repeat(100);

leakTest('the newest of any lines in any pieces are kept whole, in order and once', async (scope) => {
  const lengths = array(integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 60 });
  const limit = constantFrom(1, 300, 5000);
  await assertProperty(
    asyncProperty(lengths, limit, integer({ min: 1, max: 4 }), async (widths, maxBytes, maxFiles) => {
      const options = logOptions(scope, { maxBytes, maxFiles });
      const { log } = await openTestLog(scope, options);
      const lines = widths.map((width, at) => `${at} ${'x'.repeat(width)}`);
      const all = Buffer.from(`${lines.join('\n')}\n`);
      for (let at = 0; at < all.length; at += 1000) {
        log.write('stdout', all.subarray(at, at + 1000));
        if (at % 3000 === 0) await log.flush();
      }
      await log.close();
      const kept = readAll(options);
      assert.deepEqual(kept, lines.slice(-kept.length));
      assert.ok(kept.length > 0);
      const count = logFiles(options.path).length;
      assert.ok(count <= maxFiles, `${count} files`);
      if (kept.length < lines.length) assert.equal(count, maxFiles);
    }),
    { numRuns: 60 },
  );
});

leakTest('a file ends with the entry that reaches the limit', async (scope) => {
  const options = logOptions(scope, { maxBytes: 250, maxFiles: 2 });
  const { say } = await openTestLog(scope, options);
  await say(`${long('a')}\n`);
  assert.ok(statSync(options.path).size < 250);
  await say(`${long('b')}\n${long('c')}\n`);
  const full = readFileSync(`${options.path}.1`);
  assert.equal(parseLog('json-file', full).length, 2);
  assert.deepEqual(readAll(options), ['a', 'b', 'c'].map(long));
});

leakTest('a log of one file is emptied when it is full, and on open if it is full then', async (scope) => {
  const options = logOptions(scope, { maxBytes: 100, maxFiles: 1 });
  for (const number of [1, 2, 3]) {
    const { log, say } = await openTestLog(scope, options);
    await say(`${line(number)}${'x'.repeat(100)}\n`);
    await log.close();
    assert.deepEqual(logFiles(options.path), ['']);
    assert.match(readAll(options).join(), new RegExp(`^${line(number)}x+$`));
  }
});

leakTest('a full file is compressed under the number that it has at that moment', async (scope) => {
  const options = logOptions(scope, { maxBytes: 30_000, maxFiles: 4, compress: true });
  const { log, troubles } = await openTestLog(scope, options);
  for (let number = 0; number < 2000; number++) {
    log.write('stdout', Buffer.from(`${line(number)}\n`));
    if (number % 50 === 0) await log.flush();
  }
  await log.close();
  await waitFor(() => logFiles(options.path).join() === ',.1.gz,.2.gz,.3.gz', 'all to be compressed');
  const kept = readAll(options);
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, at) => line(2000 - kept.length + at)),
  );
  assert.deepEqual(troubles, []);
  assert.equal(statSync(`${options.path}.1.gz`).mode & 0o777, 0o640 & ~process.umask());
});

leakTest('the next rotation finishes one that a kill interrupted', async (scope) => {
  const options = logOptions(scope, { maxBytes: 100, maxFiles: 4, compress: true });
  const { path } = options;
  const entry = (text: string): string => `{"log":"${text}\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n`;
  writeFileSync(`${path}.1`, entry('not yet compressed'));
  writeFileSync(`${path}.termshim-gz`, 'half of it');
  writeFileSync(`${path}.termshim-new`, '');
  const { say } = await openTestLog(scope, options);
  await waitFor(() => logFiles(path).join() === ',.1.gz', 'the file to be compressed');
  await say('x\ny\nz\n');
  await waitFor(() => logFiles(path).join() === ',.1.gz,.2.gz', 'the next to be compressed');
  assert.deepEqual(readAll(options), ['not yet compressed', 'x', 'y', 'z']);
});

leakTest('files beyond a lower maximum are removed', async (scope) => {
  const options = logOptions(scope, { maxBytes: 1, maxFiles: 2 });
  for (const number of [1, 2, 7]) writeFileSync(`${options.path}.${number}`, '');
  writeFileSync(`${options.path}.1.bak`, '');
  const { say } = await openTestLog(scope, options);
  await say('a\nb\n');
  assert.deepEqual(logFiles(options.path), ['', '.1', '.1.bak']);
});

leakTest('a log that another program has removed is created again when it is full', async (scope) => {
  const options = logOptions(scope, { maxBytes: 250, maxFiles: 2 });
  const { say, troubles } = await openTestLog(scope, options);
  await say(`${long('a')}\n`);
  rmSync(options.path);
  await say(`${long('b')}\n`);
  await say(`${long('c')}\n`);
  assert.deepEqual(readAll(options), [long('c')]);
  assert.deepEqual(troubles, []);
});

leakTest(
  'a full file that cannot be renamed grows, and nothing is lost',
  async (scope) => {
    const options = logOptions(scope, { maxBytes: 100, maxFiles: 2 });
    const { path } = options;
    const { say, troubles } = await openTestLog(scope, options);
    // Neither a rename nor an unlink takes a mount away.
    mkdirSync(`${path}.1`);
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', `${path}.1`]).status, 0);
    const unmount = () => spawnSync('umount', [`${path}.1`]);
    scope.after(unmount);
    for (let number = 0; number < 6; number++) await say(`${line(number)}\n`);
    assert.deepEqual(
      troubles.map(({ code, errno }) => [code, errno]),
      [['ERR_LOG_FAILED', 'EBUSY']],
    );
    unmount();
    rmSync(`${path}.1`, { recursive: true });
    for (let number = 6; number < 12; number++) await say(`${line(number)}\n`);
    assert.ok(existsSync(`${path}.1`));
    const kept = readAll(options);
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, at) => line(12 - kept.length + at)),
    );
    assert.ok(!existsSync(`${path}.termshim-new`));
  },
  { skip: missing('root') },
);
