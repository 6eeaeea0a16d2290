/*
 * The owner who opened a file of a log must be the only one to close it. A stream that closes the file after its own
 * error frees the number for another file, which the owner would then close. The tests force each way in which
 * decompression can end; the file must stay open until the owner closes it, even many turns of the thread pool later.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openReadable } from '../../../src/log/read/readable-file.js';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

const whole = gzipSync('a line\n'.repeat(100_000));

const files = {
  'that is whole': { bytes: whole, isCutOff: false },
  'that is cut off': { bytes: whole.subarray(0, whole.length / 2), isCutOff: true },
  'that is broken in the middle': {
    bytes: Buffer.concat([whole.subarray(0, 200), Buffer.alloc(200, 0xff)]),
    isCutOff: true,
  },
  'that is none': { bytes: Buffer.from('this is no gzip'), isCutOff: true },
};

for (const [title, { bytes, isCutOff }] of Object.entries(files)) {
  leakTest(`only the owner of a compressed file ${title} closes it`, async (scope) => {
    const path = join(temporaryDirectory(scope), 'log.1.gz');
    writeFileSync(path, bytes);
    using file = openReadable(path);
    assert.ok(file);
    assert.equal((await file.size()) < 700_000, isCutOff);
    for (let turn = 0; turn < 20; turn++) await stat(path);
    assert.equal(openDescriptors().filter((it) => it.endsWith(path)).length, 1);
  });
}
