/**
 * A full disk accepts a part of a write, in the middle of an entry. What could break: half an entry makes the next one
 * unreadable, the writer waits for room, lost bytes are not counted, each line causes an error, or the log does not
 * mention the loss afterwards. The tests fill and empty a tmpfs of 256 KiB while a log writes to it.
 */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountAll } from '../../../src/os/mount/mount-all.js';
import { type LogEntry, outputOf, readLog } from '../../helpers/log/log-entries.js';
import { type MountTestbed, mountTest, tmpfs } from '../../helpers/base/mounts.js';
import { logOptions, openTestLog } from '../../helpers/log/test-log.js';

const diskBytes = 256 * 1024;

async function smallDisk(testbed: MountTestbed): Promise<string> {
  await mountAll([tmpfs(`size=${diskBytes}`)], testbed.root);
  return testbed.root;
}

const linesOf = (entries: readonly LogEntry[], stream: string): string[] =>
  outputOf(entries, stream).toString().split('\n').slice(0, -1);
const numbered = (from: number, count: number): string =>
  Array.from({ length: count }, (_, at) => `line ${from + at}\n`).join('');

for (const format of ['json-file', 'cri'] as const) {
  mountTest(
    `${format}: the log continues with whole entries, counts the lost bytes and reports them`,
    async (testbed) => {
      const disk = await smallDisk(testbed);
      const [path, ballast] = [join(disk, 'c.log'), join(disk, 'ballast')];
      writeFileSync(ballast, Buffer.alloc(64 * 1024));
      const { log, troubles, say } = await openTestLog(testbed, logOptions(testbed, { path, format }));
      await say(numbered(0, 10_000));
      const lostBytes = log.lostBytes;
      const kept = linesOf(readLog(format, path), 'stdout');
      assert.ok(kept.length > 1000 && lostBytes > 0);
      assert.equal(kept.at(-1), `line ${kept.length - 1}`);
      assert.equal(log.pendingBytes, 0);
      await say('lost, too\n');
      assert.ok(log.lostBytes > lostBytes);
      const told = troubles.map(({ code, errno }) => [code, errno]);
      assert.deepEqual(told, [['ERR_LOG_FAILED', 'ENOSPC']]);

      rmSync(ballast);
      const expected = `[termshim: ${log.lostBytes} bytes of this log were lost: ${troubles[0]?.message}]`;
      await say('there is room again\n');
      await say('and there still is\n');
      const after = readLog(format, path);
      assert.deepEqual(linesOf(after, 'stderr'), [expected]);
      assert.deepEqual(linesOf(after, 'stdout'), [...kept, 'there is room again', 'and there still is']);
      assert.equal(after[kept.length]?.stream, 'stderr', 'the notice stands where the entries were lost');
      assert.equal(troubles.length, 1);
      await say(numbered(0, 10_000));
      assert.equal(troubles.length, 2);
    },
  );
}

mountTest('a loss at the end is reported when the log is closed, if there is room by then', async (testbed) => {
  const disk = await smallDisk(testbed);
  const [path, ballast] = [join(disk, 'c.log'), join(disk, 'ballast')];
  const { log, say } = await openTestLog(testbed, logOptions(testbed, { path }));
  writeFileSync(ballast, Buffer.alloc(diskBytes - 4096));
  await say(numbered(0, 1000));
  assert.ok(log.lostBytes > 0);
  rmSync(ballast);
  await log.close();
  assert.match(linesOf(readLog('json-file', path), 'stderr').join(), /^\[termshim: \d+ bytes of this log were lost: /);
});

mountTest('if the disk has no room for another file, the full file grows and nothing is lost', async (testbed) => {
  // For the directory, the log, and one that is full.
  await mountAll([tmpfs('nr_inodes=3')], testbed.root);
  const path = join(testbed.root, 'c.log');
  const { say, troubles, log } = await openTestLog(testbed, logOptions(testbed, { path, maxBytes: 1000, maxFiles: 3 }));
  for (let number = 0; number < 100; number++) await say(numbered(number, 1));
  assert.deepEqual(
    troubles.map(({ code, errno }) => [code, errno]),
    [['ERR_LOG_FAILED', 'ENOSPC']],
  );
  const kept = [`${path}.1`, path].flatMap((file) => linesOf(readLog('json-file', file), 'stdout'));
  assert.equal(`${kept.join('\n')}\n`, numbered(0, 100));
  assert.equal(log.lostBytes, 0);
});

for (const [kind, errno, words] of [
  ['nr_inodes=1', 'ENOSPC', 'no space left on device'],
  ['ro', 'EROFS', 'read-only file system'],
] as const) {
  mountTest(`a log that cannot be created (${errno}) is refused with the reason`, async (testbed) => {
    await mountAll([tmpfs(kind)], testbed.root);
    const path = join(testbed.root, 'c.log');
    const expected = { code: 'ERR_LOG_FAILED', errno, message: `cannot open the log ${path}: ${words} (${errno})` };
    await assert.rejects(openTestLog(testbed, logOptions(testbed, { path })), expected);
  });
}
