/*
 * Other programs rename the files of a log while a reader lists them, so one listing may have a file twice or lack a
 * file. A file that is not listed is not read. Here one process renames all files while the test lists them.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { findLogFiles } from '../../../src/log/read/files.js';
import { startFixture } from '../../helpers/base/fixture.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor } from '../../helpers/base/wait-for.js';

leakTest('every file is listed once while all of them are renamed', async (scope) => {
  const path = join(temporaryDirectory(scope), 'log');
  const writer = startFixture('log-that-is-rotated', [path, '1000000', '12']);
  const ended = once(writer, 'close');
  scope.after(async () => {
    writer.kill('SIGKILL');
    await ended;
  });
  await waitFor(async () => findLogFiles(path).length === 12, 'all files');
  for (let look = 0; look < 60; look++) {
    const files = findLogFiles(path);
    assert.equal(new Set(files.map(({ id }) => id)).size, files.length, 'one is there twice');
    // Between two renames there is one less, and when the oldest is removed two.
    assert.ok(files.length >= 10, files.map((it) => it.path).join());
  }
});
