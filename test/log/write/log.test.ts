/*
 * A log has a writer that cannot wait, a disk that may be slow, and streams that are cut anywhere. What could break:
 * blocks change their order, a flush resolves too early or never, a close never resolves, or a descriptor stays open.
 * The tests write bytes through whole logs, and read them back from the files.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { array, asyncProperty, assert as assertProperty, constantFrom, record, uint8Array } from 'fast-check';
import { leakTest } from '../../helpers/base/leak-free.js';
import { outputOf, readLog } from '../../helpers/log/log-entries.js';
import { logOptions, openTestLog } from '../../helpers/log/test-log.js';
import { pattern } from '../../helpers/copy/pattern.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { within } from '../../helpers/base/wait-for.js';

const formats = ['json-file', 'cri'] as const;

leakTest('entries of both streams, in either format, are in the file after a flush', async (scope) => {
  for (const format of formats) {
    const options = logOptions(scope, { format });
    const { log } = await openTestLog(scope, options);
    assert.equal(log.write('stdout', Buffer.from('one\ntw')), true);
    assert.equal(log.write('stderr', Buffer.from('oops\n')), true);
    log.write('stdout', Buffer.from('o\nprompt> '));
    await log.flush();
    assert.equal(log.pendingBytes, 0);
    const entries = readLog(format, options.path).map(({ stream, bytes }) => [stream, bytes.toString()]);
    assert.deepEqual(entries, [
      ['stdout', 'one\n'],
      ['stderr', 'oops\n'],
      ['stdout', 'two\n'],
    ]);
    log.end('stdout');
    await log.flush();
    assert.equal(readLog(format, options.path).at(-1)?.bytes.toString(), 'prompt> ');
  }
});

leakTest('any bytes of both streams, in any pieces, can be read back', async (scope) => {
  const piece = record({ stream: constantFrom('stdout' as const, 'stderr' as const), bytes: uint8Array() });
  const anyFormat = constantFrom(...formats);
  await assertProperty(
    asyncProperty(array(piece, { maxLength: 20 }), anyFormat, async (pieces, format) => {
      const options = logOptions(scope, { format });
      const { log } = await openTestLog(scope, options);
      for (const { stream, bytes } of pieces) log.write(stream, bytes);
      await log.close();
      for (const stream of ['stdout', 'stderr']) {
        const wrote = Buffer.concat(pieces.filter((it) => it.stream === stream).map(({ bytes }) => bytes));
        const read = outputOf(readLog(format, options.path), stream);
        if (format === 'cri') assert.deepEqual(read, wrote);
        else assert.equal(read.toString(), new TextDecoder('utf-8', { ignoreBOM: true }).decode(wrote));
      }
    }),
    { numRuns: 40 },
  );
});

leakTest('a writer that is faster than the disk is stopped, and continues when there is room', async (scope) => {
  const options = logOptions(scope, { format: 'cri' });
  const { log, room } = await openTestLog(scope, options);
  const block = pattern(65_536);
  let written = 0;
  for (let stops = 0; stops < 3; stops++) {
    const isRoom = room();
    for (let goesOn = true; goesOn; written++) goesOn = log.write('stdout', block);
    assert.ok(log.pendingBytes > 1024 * 1024 && log.pendingBytes < 2 * 1024 * 1024);
    await within(isRoom, 'room');
    assert.ok(log.pendingBytes <= 512 * 1024);
  }
  await log.close();
  const expected = Buffer.concat(Array.from({ length: written }, () => block));
  assert.ok(outputOf(readLog('cri', options.path), 'stdout').equals(expected));
});

leakTest('a flush does not wait for later writes', async (scope) => {
  const { log } = await openTestLog(scope, logOptions(scope));
  const block = pattern(65_536);
  let isFlushed = false;
  const goOn = (): void => {
    if (isFlushed) return;
    log.write('stdout', block);
    setImmediate(goOn);
  };
  goOn();
  await within(log.flush(), 'the flush');
  isFlushed = true;
});

leakTest('close writes pending and unfinished lines once, and later writes are dropped', async (scope) => {
  const options = logOptions(scope);
  const { log } = await openTestLog(scope, options);
  log.write('stdout', Buffer.from('a line\nand the rest'));
  log.write('stderr', Buffer.from('and this'));
  const closing = log.close();
  assert.equal(log.write('stdout', Buffer.from('late\n')), true);
  log.end('stdout');
  await closing;
  await log.close();
  const texts = readLog('json-file', options.path).map(({ bytes }) => bytes.toString());
  assert.deepEqual(texts, ['a line\n', 'and the rest', 'and this']);
});

leakTest(
  'the log creates its directories, is readable for the user and the group, and is appended to',
  async (scope) => {
    const base = temporaryDirectory(scope);
    const path = join(base, 'a/b/c.log');
    for (const text of ['one\n', 'two\n']) {
      const { log } = await openTestLog(scope, logOptions(scope, { path }));
      log.write('stdout', Buffer.from(text));
      await log.close();
    }
    assert.equal(outputOf(readLog('json-file', path), 'stdout').toString(), 'one\ntwo\n');
    assert.equal(statSync(path).mode & 0o777, 0o640 & ~process.umask());
  },
);

leakTest(
  'reopen continues at the path, creates the directories again, and keeps the old file if it fails',
  async (scope) => {
    const options = logOptions(scope);
    const { log } = await openTestLog(scope, options);
    const [moved, { path }] = [`${options.path}.old`, options];
    log.write('stdout', Buffer.from('before\n'));
    await log.flush();
    renameSync(path, moved);
    log.write('stdout', Buffer.from('between\n'));
    await log.flush();
    assert.equal(existsSync(path), false);
    symlinkSync('c.log', path);
    await assert.rejects(log.reopen(), { code: 'ERR_PATH_UNTRUSTED' });
    log.write('stdout', Buffer.from('still\n'));
    await log.flush();
    renameSync(path, `${path}.link`);
    await log.reopen();
    log.write('stdout', Buffer.from('after\n'));
    await log.close();
    assert.equal(outputOf(readLog('json-file', moved), 'stdout').toString(), 'before\nbetween\nstill\n');
    assert.equal(outputOf(readLog('json-file', path), 'stdout').toString(), 'after\n');
  },
);

leakTest('a path that cannot be a log is refused with the reason', async (scope) => {
  const directory = temporaryDirectory(scope);
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const refusals = [
    [directory, undefined],
    [join(file, 'below'), 'ENOTDIR'],
    ['/dev/null', undefined],
    ['/proc/none/c.log', 'ENOENT'],
  ] as const;
  for (const [path, errno] of refusals) {
    await assert.rejects(openTestLog(scope, logOptions(scope, { path })), { code: 'ERR_LOG_FAILED', errno }, path);
  }
});

leakTest('an incomplete entry at the end is cut off or completed, and other bytes stay', async (scope) => {
  const whole = { 'json-file': '{"log":"a\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n', cri: '' };
  const rows = [
    ['json-file', `${whole['json-file']}{"log":"half of i`, whole['json-file']],
    ['json-file', `${whole['json-file']}{"l`, whole['json-file']],
    ['json-file', '{"log":"nothing else', ''],
    ['json-file', `${whole['json-file']}of another program`, `${whole['json-file']}of another program\n`],
    ['cri', '2026-01-01T00:00:00Z stdout F half', '2026-01-01T00:00:00Z stdout F half\n'],
  ] as const;
  for (const [format, before, after] of rows) {
    const options = logOptions(scope, { format });
    writeFileSync(options.path, before);
    chmodSync(options.path, 0o600);
    const { log } = await openTestLog(scope, options);
    assert.equal(readFileSync(options.path, 'utf8'), after);
    log.write('stdout', Buffer.from('next\n'));
    await log.close();
    assert.match(readFileSync(options.path, 'utf8').slice(after.length), /^[^\n]*next[^\n]*\n$/);
  }
});
