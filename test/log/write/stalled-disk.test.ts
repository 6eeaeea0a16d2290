/**
 * A disk that hangs, such as one on a network, blocks each thread that writes to it, and libuv has four threads for
 * everything. What could break: four logs on such a disk stop every other read and write of files in the daemon. The
 * test freezes a file system under more than four logs, and writes to another disk.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { outputOf, readLog } from '../../helpers/log/log-entries.js';
import { type MountTestbed, mountTest } from '../../helpers/base/mounts.js';
import { logOptions, openTestLog } from '../../helpers/log/test-log.js';
import { within } from '../../helpers/base/wait-for.js';

/** Answers with its directory. */
function mountDisk({ root, path }: MountTestbed): string {
  const image = path('disk.img');
  execFileSync('truncate', ['--size=16M', image]);
  execFileSync('mkfs.ext4', ['-q', image]);
  execFileSync('mount', ['-o', 'loop', image, root]);
  return root;
}

/** Whoever writes there waits for the end of the work, which must not wait for them. */
async function whileFrozen(disk: string, work: () => Promise<void>): Promise<void> {
  execFileSync('fsfreeze', ['--freeze', disk]);
  try {
    await work();
  } finally {
    execFileSync('fsfreeze', ['--unfreeze', disk]);
  }
}

mountTest(
  'logs on a disk that hangs wait, and no other log waits',
  async (testbed) => {
    const disk = mountDisk(testbed);
    const paths = Array.from({ length: 8 }, (_, at) => join(disk, `${at}.log`));
    const stalled = await Promise.all(paths.map((path) => openTestLog(testbed, logOptions(testbed, { path }))));
    const other = await openTestLog(testbed, logOptions(testbed));
    let flushes: Promise<void>[] = [];
    await whileFrozen(disk, async () => {
      flushes = stalled.map(({ say }, at) => say(`line of ${at}\n`));
      for (let line = 0; line < 20; line++) await within(other.say(`line ${line}\n`), 'a log on another disk', 2000);
      await within(stat('/'), 'any other file', 2000);
      assert.ok(stalled.every(({ log }) => log.pendingBytes > 0));
    });
    await within(Promise.all(flushes), 'the logs that waited');
    for (const [at, path] of paths.entries()) {
      assert.equal(outputOf(readLog('json-file', path), 'stdout').toString(), `line of ${at}\n`);
    }
  },
  'disk',
);
