/*
 * Root writes a log in a directory where another user may create files, such as a volume of a container. What could
 * break: a symbolic or hard link makes the log write to, truncate or compress a file of root; a FIFO blocks the writer,
 * a device acts on the write, or a directory stops the rotation for ever. The test creates each of them under each name
 * that the log uses, before it is opened and between two rotations.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { openPlainFile } from '../../../src/log/write/plain-file.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { outputOf, readLog } from '../../helpers/log/log-entries.js';
import { logOptions, openTestLog } from '../../helpers/log/test-log.js';
import { pathAttacks, protectFile, sharedDirectory } from '../../helpers/base/path-attacks.js';
import { missing } from '../../helpers/base/requirement.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const skip = missing('root');
const long = (text: string): string => `${text.repeat(300)}\n`;

for (const [what, plant] of Object.entries(pathAttacks)) {
  for (const suffix of ['.termshim-new', '.termshim-gz', '.1', '.1.gz', '.2', '.2.gz', '.3']) {
    leakTest(
      `${what} at F${suffix} redirects no write, and the log is still rotated`,
      async (scope) => {
        const protectedFile = protectFile(scope);
        const options = logOptions(scope, { maxBytes: 300, maxFiles: 3, compress: true });
        const place = `${options.path}${suffix}`;
        plant(place, protectedFile);
        const { say, log } = await openTestLog(scope, options);
        for (const letter of 'abcdefg') {
          await say(long(letter));
          try {
            plant(place, protectedFile);
          } catch (error) {
            // It is there still, or the log has a file of its own there: it compresses while nothing is said.
            if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
          }
        }
        assert.equal(outputOf(readLog('json-file', options.path), 'stdout').toString(), long('g'), 'it is rotated');
        await log.close();
        protectedFile.assertUntouched();
      },
      { skip },
    );
  }

  for (const kind of ['a log', 'a file'] as const) {
    leakTest(
      `${what} at the path of ${kind} is refused`,
      async (scope) => {
        const protectedFile = protectFile(scope);
        const options = logOptions(scope, { maxBytes: 1, maxFiles: 2 });
        plant(options.path, protectedFile);
        const opening = kind === 'a log' ? openTestLog(scope, options) : openPlainFile(options.path);
        await assert.rejects(opening, (error: { code: string; message: string }) => {
          const isLink = what.includes('link');
          assert.equal(error.code, isLink ? 'ERR_PATH_UNTRUSTED' : 'ERR_LOG_FAILED');
          assert.match(error.message, isLink ? /is a symbolic link|hard link/ : /is not a regular file/);
          return true;
        });
        protectedFile.assertUntouched();
        assert.ok(!existsSync(`${protectedFile.path}-that-is-not-there`));
      },
      { skip },
    );
  }
}

leakTest(
  'a full file that another user creates while the log is open is not compressed',
  async (scope) => {
    const protectedFile = protectFile(scope);
    const options = logOptions(scope, { maxBytes: 300, maxFiles: 4, compress: true });
    symlinkSync(protectedFile.path, `${options.path}.1`);
    const { say, log } = await openTestLog(scope, options);
    await say(`${long('a')}${long('b')}`);
    await waitFor(() => existsSync(`${options.path}.1.gz`), 'ours to be compressed');
    await log.close();
    const others = readdirSync(dirname(options.path)).filter((name) => name.endsWith('.gz'));
    assert.deepEqual(others, ['c.log.1.gz']);
    protectedFile.assertUntouched();
  },
  { skip },
);

leakTest(
  'root does not write a log where others may write, unless they cannot remove it',
  async (scope) => {
    const refused = { code: 'ERR_PATH_UNTRUSTED', message: /other users may write to its directory \(mode 0/ };
    for (const mode of [0o777, 0o773, 0o757, 0o1777]) {
      const path = join(sharedDirectory(scope, mode), 'c.log');
      const openings = [() => openTestLog(scope, logOptions(scope, { path })), () => openPlainFile(path)];
      for (const open of openings) {
        if (mode === 0o1777) await Promise.resolve(open()).then((it) => ('close' in it ? it.close() : undefined));
        else await assert.rejects(open, refused);
      }
      assert.equal(existsSync(path), mode === 0o1777);
    }
    const ofGroup = sharedDirectory(scope, 0o775);
    const path = join(ofGroup, 'c.log');
    await openTestLog(scope, logOptions(scope, { path }));
    chownSync(ofGroup, 0, 12_345);
    await assert.rejects(openTestLog(scope, logOptions(scope, { path })), refused);
  },
  { skip },
);

leakTest(
  'a file that another user has created in /tmp is not written to',
  async (scope) => {
    const path = join(sharedDirectory(scope, 0o1777), 'c.log');
    writeFileSync(path, 'theirs\n');
    chmodSync(path, 0o666);
    chownSync(path, 12_345, 12_345);
    const refused = { code: 'ERR_PATH_UNTRUSTED', message: /it belongs to another user \(uid 12345\)/ };
    await assert.rejects(openTestLog(scope, logOptions(scope, { path })), refused);
    await assert.rejects(openPlainFile(path), refused);
    assert.equal(readFileSync(path, 'utf8'), 'theirs\n');
  },
  { skip },
);

leakTest(
  'a log in a directory of another user belongs to that user',
  async (scope) => {
    const directory = temporaryDirectory(scope);
    chownSync(directory, 12_345, 12_345);
    const path = join(directory, 'c.log');
    writeFileSync(path, '');
    chownSync(path, 12_345, 12_345);
    const { say } = await openTestLog(scope, logOptions(scope, { path }));
    await say('hello\n');
    assert.match(readFileSync(path, 'utf8'), /hello/);
  },
  { skip },
);

leakTest(
  'a link in the path is followed only if no other user could have created it',
  async (scope) => {
    const [shared, target, safe] = [sharedDirectory(scope), temporaryDirectory(scope), temporaryDirectory(scope)];
    const open = async (path: string): Promise<void> => {
      const { log } = await openTestLog(scope, logOptions(scope, { path }));
      await log.close();
    };
    const refused = { code: 'ERR_PATH_UNTRUSTED', message: /is a link that another user may have created/ };
    symlinkSync(target, join(shared, 'logs'));
    await assert.rejects(open(join(shared, 'logs/c.log')), refused);
    await assert.rejects(open(join(shared, 'logs/deeper/c.log')), refused);
    symlinkSync(target, join(safe, 'theirs'));
    assert.equal(spawnSync('chown', ['-h', '12345', join(safe, 'theirs')]).status, 0);
    await assert.rejects(open(join(safe, 'theirs/c.log')), refused);
    assert.deepEqual(readdirSync(target), []);
    symlinkSync(target, join(safe, 'ours'));
    symlinkSync('./ours/.', join(safe, 'relative'));
    await open(join(safe, 'relative/made/c.log'));
    assert.ok(existsSync(join(target, 'made/c.log')));
    for (const name of ['a', 'b']) symlinkSync(name === 'a' ? 'b' : 'a', join(safe, name));
    await assert.rejects(open(join(safe, 'a/c.log')), { code: 'ERR_PATH_UNTRUSTED', message: /more than 40 links/ });
  },
  { skip },
);

leakTest(
  'a directory that is replaced by a link redirects no write',
  async (scope) => {
    const [outer, target] = [temporaryDirectory(scope), temporaryDirectory(scope)];
    mkdirSync(join(outer, 'logs'));
    const path = join(outer, 'logs/c.log');
    const { say } = await openTestLog(scope, logOptions(scope, { path, maxBytes: 300, maxFiles: 3 }));
    await say(long('a'));
    rmSync(join(outer, 'logs'), { recursive: true });
    symlinkSync(target, join(outer, 'logs'));
    for (const letter of 'bcd') await say(long(letter));
    assert.deepEqual(readdirSync(target), []);
  },
  { skip },
);
