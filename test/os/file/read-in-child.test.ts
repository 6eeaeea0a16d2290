/*
 * A file of another user is read in a separate process. What could break: a disk that hangs blocks the threads that
 * serve everybody, more is read than was requested, the reader waits for something that is not a file, or the process
 * stays. The tests read from a real disk that hangs, and from files of each kind.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFifo } from '../../../src/os/fifo.js';
import { readElsewhere } from '../../../src/os/file/read-in-child.js';
import { trustedDirectoryElsewhere } from '../../../src/os/file/directory-trust-in-child.js';
import { hangingDisk } from '../../helpers/base/hanging-disk.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { missing } from '../../helpers/base/requirement.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor } from '../../helpers/base/wait-for.js';

const options = { maxBytes: 100_000, timeoutMs: 20_000 };

leakTest('readElsewhere returns the beginning of a file up to the limit', async (scope) => {
  const path = join(temporaryDirectory(scope), 'file "with" spaces');
  const text = 'döner ☃\n'.repeat(20_000);
  writeFileSync(path, text);
  assert.deepEqual(await readElsewhere(path, options), Buffer.from(text).subarray(0, options.maxBytes));
  writeFileSync(path, '');
  assert.equal((await readElsewhere(path, options)).length, 0);
});

leakTest('readElsewhere returns the end of a file, and nothing if the file is too old', async (scope) => {
  const path = join(temporaryDirectory(scope), 'log');
  writeFileSync(path, 'first second');
  const end = { ...options, maxBytes: 6, atEnd: true };
  assert.equal((await readElsewhere(path, end)).toString(), 'second');
  assert.equal((await readElsewhere(path, { ...end, maxBytes: 100 })).toString(), 'first second');
  assert.equal((await readElsewhere(path, { ...end, notBefore: Date.now() - 60_000 })).toString(), 'second');
  const tooOld = readElsewhere(path, { ...end, notBefore: Date.now() + 60_000 });
  await assert.rejects(tooOld, { code: 'ERR_SYSTEM', message: /log: it was written before this call$/ });
});

leakTest('readElsewhere refuses a path that is not a regular file, and does not wait for it', async (scope) => {
  const directory = temporaryDirectory(scope);
  createFifo(join(directory, 'fifo'));
  mkdirSync(join(directory, 'directory'));
  const refused: [path: string, words: RegExp][] = [
    [join(directory, 'none'), /^cannot read \S+none: ENOENT: no such file or directory$/],
    [join(directory, 'fifo'), /^cannot read \S+fifo: it is not a regular file$/],
    [join(directory, 'directory'), /^cannot read \S+directory: it is not a regular file$/],
    ['/dev/zero', /^cannot read \/dev\/zero: it is not a regular file$/],
  ];
  for (const [path, message] of refused)
    await assert.rejects(readElsewhere(path, options), { code: 'ERR_SYSTEM', message });
});

/** Those that wait there. */
function readersOf(path: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(path);
    } catch {
      return false;
    }
  });
}

leakTest(
  'a disk that hangs delays no other reader, and the processes that read it are killed',
  async (scope) => {
    const disk = hangingDisk(scope);
    const path = (n: number): string => join(disk, `${n}`);
    const reasons = { code: 'ERR_SYSTEM', message: /the file system did not answer within 1 s/ };
    // More than libuv has threads.
    const waiting = Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        assert.rejects(readElsewhere(path(n), { maxBytes: 1, timeoutMs: 1000 }), reasons),
      ),
    );
    const aborting = new AbortController();
    const aborted = readElsewhere(path(8), { ...options, signal: aborting.signal });
    const refused = assert.rejects(aborted, /given up/);
    await waitFor(() => readersOf(path(8)).length === 1, 'the reader');
    const looking = trustedDirectoryElsewhere(join(disk, 'directory'), 'ours or root', { timeoutMs: 1000 });
    await assert.rejects(looking, { code: 'ERR_SYSTEM', message: /the file system did not answer within 1 s/ });
    aborting.abort(new Error('given up'));
    await refused;
    assert.equal((await readFile('/proc/self/comm')).length > 0, true);
    await waiting;
    await waitFor(() => Array.from({ length: 9 }, (_, n) => readersOf(path(n))).flat().length === 0, 'their end');
  },
  { skip: missing('root', 'fuse') },
);
