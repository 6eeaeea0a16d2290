/*
 * A pid file is written where the caller wants it, for example as root in /tmp, and a daemon writes records. Files that
 * another user has created there must not redirect the write, and a reader must find the complete file or none. The
 * tests create each kind of file at the path.
 */
import assert from 'node:assert/strict';
import { existsSync, linkSync, lstatSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { replaceFile, writePidFile } from '../../../src/os/file/atomic-file.js';
import { createRecordingFile } from '../../../src/sessions/recording/file.js';
import { logFailure } from '../../../src/runtime/pty/failure-log.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { pathAttacks, protectFile, sharedDirectory } from '../../helpers/base/path-attacks.js';
import { missing } from '../../helpers/base/requirement.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

const skip = missing('root');

for (const [what, plant] of Object.entries(pathAttacks)) {
  leakTest(
    `${what} at the path of a pid file redirects no write`,
    async (scope) => {
      const protectedFile = protectFile(scope);
      const path = join(temporaryDirectory(scope), 'pid');
      plant(path, protectedFile);
      const writing = writePidFile(path, '7\n');
      if (what === 'a hard link') await writing;
      else await assert.rejects(writing, { code: 'ERR_PATH_UNTRUSTED', message: /is not a regular file/ });
      assert.equal(lstatSync(path).isFile(), what === 'a hard link');
      assert.deepEqual(readdirSync(dirname(path)), ['pid'], 'no draft stays');
      protectedFile.assertUntouched();
    },
    { skip },
  );

  leakTest(
    `${what} at the path of a recording or of a runtime's log redirects no write`,
    async (scope) => {
      const protectedFile = protectFile(scope);
      const path = join(temporaryDirectory(scope), 'file');
      plant(path, protectedFile);
      await assert.rejects(
        createRecordingFile(path, () => {}),
        { code: 'ERR_FILE_EXISTS' },
      );
      // A link of root's in a directory of root's is followed, as /dev/stderr is.
      if (what !== 'a link' && what !== 'a link to nothing') logFailure(path, 'text', 'wrong');
      protectedFile.assertUntouched();
    },
    { skip },
  );

  if (what.startsWith('a directory')) continue;
  leakTest(
    `${what} at the path of a record is replaced`,
    (scope) => {
      const protectedFile = protectFile(scope);
      const path = join(temporaryDirectory(scope), 'record');
      plant(path, protectedFile);
      replaceFile(path, '{}');
      assert.equal(readFileSync(path, 'utf8'), '{}');
      assert.ok(lstatSync(path).isFile());
      protectedFile.assertUntouched();
    },
    { skip },
  );
}

leakTest('a link in the path that others may have created redirects no pid file, recording or log', async (scope) => {
  const [shared, target] = [sharedDirectory(scope), temporaryDirectory(scope)];
  symlinkSync(target, join(shared, 'run'));
  const path = join(shared, 'run/file');
  await assert.rejects(writePidFile(path, '7'), { code: 'ERR_PATH_UNTRUSTED' });
  await assert.rejects(
    createRecordingFile(path, () => {}),
    { code: 'ERR_PATH_UNTRUSTED' },
  );
  symlinkSync(join(target, 'file'), join(shared, 'log'));
  logFailure(join(shared, 'log'), 'json', 'wrong');
  assert.deepEqual(readdirSync(target), []);
});

leakTest('a file replaces an older one as a whole', async (scope) => {
  const shared = sharedDirectory(scope, 0o1777);
  for (const pid of ['7\n', '8\n']) {
    await writePidFile(join(shared, 'pid'), pid);
    assert.equal(readFileSync(join(shared, 'pid'), 'utf8'), pid);
  }
  symlinkSync(shared, join(dirname(shared), 'link'));
  await writePidFile(join(dirname(shared), 'link/pid'), '9\n');
  assert.equal(readFileSync(join(shared, 'pid'), 'utf8'), '9\n');
  logFailure(join(shared, 'log'), 'text', 'wrong');
  linkSync(join(shared, 'log'), join(shared, 'second'));
  logFailure(join(shared, 'log'), 'text', 'more');
  assert.match(readFileSync(join(shared, 'log'), 'utf8'), /msg="wrong"\n$/);
  await assert.rejects(writePidFile('/nonexistent/pid', '7'), {
    code: 'ERR_SYSTEM',
    message: /^cannot write .*ENOENT/,
  });
  assert.ok(!existsSync('/nonexistent'));
});
