/*
 * A reader recognizes a file that was compressed, copied or emptied by the last line that it read. The writer may be in
 * the middle of an entry, so a file may end in half a line, and the mark must still have the offset of its own line.
 * With a wrong offset the reader would take a file that it has read for a new one, and show its entries twice or report
 * a gap.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMarkIn, markBefore } from '../../../src/log/read/mark.js';
import { openReadable } from '../../../src/log/read/readable-file.js';
import { leakTest } from '../../helpers/base/leak-free.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

const cases: readonly [what: string, text: string, start: number | undefined][] = [
  ['ends with a line', 'one\ntwo\n', 4],
  ['ends in half a line', 'one\ntwo\nthr', 4],
  ['has one line and half of the next', 'one\ntw', 0],
  ['ends in half a line longer than a block', `one\ntwo\n${'x'.repeat(300_000)}`, 4],
  ['has half a line alone', 'on', undefined],
];

for (const [what, text, start] of cases) {
  leakTest(`the mark of a file that ${what} is found where its line is`, async (scope) => {
    const path = join(temporaryDirectory(scope), 'log');
    writeFileSync(path, text);
    const file = openReadable(path);
    assert.ok(file !== undefined);
    const mark = await markBefore(file, await file.size());
    assert.equal(mark?.start, start);
    if (mark !== undefined) assert.equal(await isMarkIn(mark, file), true);
    file.close();
  });
}
