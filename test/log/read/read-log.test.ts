/*
 * A log has many files, some compressed, with two streams, and with lines in several entries. The last lines are found
 * by reading from the end, and each of these properties is a boundary to get wrong, so the test compares the result
 * with a read of the whole log. Other tests follow a log while another process rotates it as fast as it can.
 */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { type ReadLogOptions, readLog } from '../../../src/log/read/read-log.js';
import { parseTime } from '../../../src/log/time.js';
import { openDescriptors } from '../../helpers/base/descriptors.js';
import { runFixture } from '../../helpers/base/fixture.js';
import { type Scope, leakTest } from '../../helpers/base/leak-free.js';
import { criEntry, jsonEntry, timeOfEntry } from '../../helpers/log/log-lines.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';
import { waitFor, within } from '../../helpers/base/wait-for.js';
import { WrittenLog } from '../../helpers/log/rotating-log.js';

// What the first watch leaves open for good.
before(() => watch(tmpdir()).close());

function newLog(scope: Scope): WrittenLog {
  return new WrittenLog(join(temporaryDirectory(scope), 'web.log'));
}

interface Shown {
  stdout: string;
  stderr: string;
  brokenLines: number;
}

async function show(path: string, options: ReadLogOptions = {}): Promise<Shown> {
  const shown = { stdout: '', stderr: '', brokenLines: 0 };
  for await (const some of readLog(path, { ...options, onBroken: (lines) => (shown.brokenLines = lines) })) {
    for (const { stream, bytes } of some) shown[stream] += bytes.toString();
  }
  return shown;
}

describe('a log', () => {
  leakTest('is read from the oldest file to the newest, compressed or not, in either format', async (scope) => {
    const log = newLog(scope);
    const texts = ['one\n', 'two\n', 'three\n', 'four\n'];
    for (const [index, text] of texts.entries()) {
      log.append(index % 2 === 0 ? jsonEntry(text) : criEntry(text));
      if (index === 3) break;
      log.rotate();
      if (index < 2) log.compress();
    }
    assert.deepEqual(await show(log.path), { stdout: texts.join(''), stderr: '', brokenLines: 0 });
  });

  leakTest('has its streams apart, and its parts as they were', async (scope) => {
    const log = newLog(scope);
    log.append(
      jsonEntry('begin, ') + jsonEntry('oops\n', { stream: 'stderr' }) + jsonEntry('go on, ') + jsonEntry('end\n'),
    );
    assert.deepEqual(await show(log.path), { stdout: 'begin, go on, end\n', stderr: 'oops\n', brokenLines: 0 });
  });

  leakTest('has the information where lines begin', async (scope) => {
    const log = newLog(scope);
    log.append(criEntry('a') + criEntry('x', { stream: 'stderr' }) + criEntry('b\n') + criEntry('c\n'));
    const begins: boolean[] = [];
    for await (const some of readLog(log.path)) begins.push(...some.map(({ beginsLine }) => beginsLine));
    assert.deepEqual(begins, [true, true, false, true]);
  });

  leakTest('is shown without its broken lines, which are counted', async (scope) => {
    const log = newLog(scope);
    log.append(`${jsonEntry('one\n')}{"log":"ha\n\0\0\n${jsonEntry('two\n')}`);
    log.append(jsonEntry('half\n').slice(0, 20));
    log.rotate();
    log.append(jsonEntry('three\n') + jsonEntry('half\n').slice(0, -1));
    assert.deepEqual(await show(log.path), { stdout: 'one\ntwo\nthree\n', stderr: '', brokenLines: 4 });
    assert.equal((await show(log.path, { tail: 2 })).stdout, 'two\nthree\n');
  });

  leakTest('is shown up to the point where a compressed file is cut off', async (scope) => {
    const log = newLog(scope);
    const text = Array.from({ length: 5000 }, (_, n) => jsonEntry(`${n} ${Math.sin(n)}\n`)).join('');
    const bytes = gzipSync(text);
    writeFileSync(`${log.path}.1.gz`, bytes.subarray(0, bytes.length / 2));
    log.append(jsonEntry('new\n'));
    const { stdout } = await show(log.path);
    assert.match(stdout, /^0 0\n1 0.84/);
    assert.match(stdout, /\nnew\n$/);
    writeFileSync(`${log.path}.1.gz`, 'this is no gzip');
    assert.equal((await show(log.path)).stdout, 'new\n');
  });

  leakTest('does not include other files beside it', async (scope) => {
    const log = newLog(scope);
    log.append(jsonEntry('own\n'));
    for (const name of ['.1.tmp', '.old', '.1.gz.tmp', '1', '.termshim-gz']) {
      writeFileSync(`${log.path}${name}`, jsonEntry('other\n'));
    }
    mkdirSync(`${log.path}.2`);
    assert.equal((await show(log.path)).stdout, 'own\n');
  });

  leakTest('is found behind a link, with its files', async (scope) => {
    const log = newLog(scope);
    log.append(jsonEntry('one\n'));
    log.rotate();
    log.append(jsonEntry('two\n'));
    const link = join(temporaryDirectory(scope), 'link');
    symlinkSync(log.path, link);
    assert.equal((await show(link)).stdout, 'one\ntwo\n');
  });

  leakTest('that does not exist is an error', async (scope) => {
    const directory = temporaryDirectory(scope);
    for (const path of [join(directory, 'none'), join(directory, 'no', 'directory'), directory]) {
      for (const options of [{}, { tail: 3 }]) {
        await assert.rejects(show(path, options), { code: 'ERR_LOG_NOT_FOUND', message: `there is no log at ${path}` });
      }
    }
    await assert.rejects(show('/proc/self/mem/log'), { code: 'ERR_SYSTEM', errno: 'ENOTDIR' });
  });

  leakTest('that is empty has no lines', async (scope) => {
    const log = newLog(scope);
    for (const options of [{}, { tail: 0 }, { tail: 5 }]) {
      assert.deepEqual(await show(log.path, options), { stdout: '', stderr: '', brokenLines: 0 });
    }
  });

  leakTest('leaves no descriptor open if the caller stops at any entry', async (scope) => {
    const log = newLog(scope);
    log.append(jsonEntry('one\n'));
    log.rotate();
    log.compress();
    log.append(jsonEntry('two\n'));
    for await (const _ of readLog(log.path, { follow: new AbortController().signal })) break;
  });

  leakTest('that is written faster than it is read ends where it ended when the read began', async (scope) => {
    const log = newLog(scope);
    log.append(jsonEntry('one\n') + jsonEntry('two\n'));
    const seen: string[] = [];
    for await (const some of readLog(log.path)) {
      seen.push(...some.map(({ bytes }) => bytes.toString()));
      log.append(jsonEntry('later\n'));
      log.rotate();
      log.append(jsonEntry('later\n'));
    }
    assert.deepEqual(seen, ['one\n', 'two\n']);
  });
});

interface MadeEntry {
  stream: 'stdout' | 'stderr';
  text: string;
  /** What comes after it. */
  next: 'rotate' | 'compress' | 'nothing';
}

const madeEntry: fc.Arbitrary<MadeEntry> = fc.record({
  stream: fc.constantFrom('stdout', 'stderr'),
  text: fc.constantFrom('\n', 'x\n', 'part', 'a longer line\n'),
  next: fc.oneof(
    { weight: 8, arbitrary: fc.constant('nothing' as const) },
    { weight: 1, arbitrary: fc.constant('rotate' as const) },
    { weight: 1, arbitrary: fc.constant('compress' as const) },
  ),
});

/** In the order in which they end. */
function linesOf(entries: readonly MadeEntry[]): MadeEntry[][] {
  const lines: { entries: MadeEntry[]; last: number }[] = [];
  const underWay: Record<string, (typeof lines)[number] | undefined> = {};
  for (const [index, entry] of entries.entries()) {
    const line = underWay[entry.stream] ?? { entries: [], last: index };
    if (line.entries.length === 0) lines.push(line);
    line.entries.push(entry);
    line.last = index;
    underWay[entry.stream] = entry.text.endsWith('\n') ? undefined : line;
  }
  return lines.toSorted((a, b) => a.last - b.last).map((line) => line.entries);
}

describe('the last lines of a log', () => {
  const anyLog = fc.array(madeEntry, { maxLength: 30 });

  leakTest('are the same as those of the whole log, wherever the block boundaries are', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyLog,
        fc.nat(12),
        fc.constantFrom(jsonEntry, criEntry),
        fc.nat(35),
        async (made, tail, entry, since) => {
          const undos: (() => unknown)[] = [];
          try {
            const log = newLog({ after: (undo) => void undos.push(undo) });
            for (const [index, { stream, text, next }] of made.entries()) {
              log.append(entry(text, { stream, time: timeOfEntry(index) }));
              if (next !== 'nothing') log.rotate();
              if (next === 'compress') log.compress();
            }
            const lines = linesOf(made);
            const wanted = new Set(lines.slice(Math.max(0, lines.length - tail)).flat());
            assert.deepEqual(await show(log.path, { tail }), textsOf(made.filter((it) => wanted.has(it))));
            const late = new Set(made.slice(since));
            const options = { since: parseTime(timeOfEntry(since)) as bigint };
            assert.deepEqual(await show(log.path, options), textsOf(made.filter((it) => late.has(it))));
            const both = made.filter((it) => late.has(it) && wanted.has(it));
            assert.deepEqual(await show(log.path, { ...options, tail }), textsOf(both));
          } finally {
            for (const undo of undos.toReversed()) await undo();
          }
        },
      ),
      { numRuns: Number(process.env['RUNS'] ?? 100) },
    );
  });

  leakTest('are found without reading the rest', async (scope) => {
    const log = newLog(scope);
    // A sparse file, which holds more than could be read in time.
    truncateSync(log.path, 2 ** 40);
    log.append(`\n${jsonEntry('last but one\n')}${jsonEntry('last\n')}`);
    const last = { stdout: 'last\n', stderr: '', brokenLines: 0 };
    assert.deepEqual(await within(show(log.path, { tail: 1 }), 'the last line'), last);
  });

  leakTest('are found in bounded time if the line before them is endless', async (scope) => {
    const log = newLog(scope);
    truncateSync(log.path, 2 ** 40);
    log.append(`\n${jsonEntry(`${'x'.repeat(1000)}\n`).repeat(1100)}${jsonEntry('last\n', { stream: 'stderr' })}`);
    const last = { stdout: '', stderr: 'last\n', brokenLines: 0 };
    assert.deepEqual(await within(show(log.path, { tail: 1 }), 'the last line'), last);
  });

  function textsOf(entries: readonly MadeEntry[]): Shown {
    const of = (wanted: string) => entries.filter(({ stream }) => stream === wanted).map(({ text }) => text);
    return { stdout: of('stdout').join(''), stderr: of('stderr').join(''), brokenLines: 0 };
  }
});

describe('a followed log', () => {
  /** Reads in the background. `stop` lets it read what is there, and answers with all of it. */
  function follow(scope: Scope, path: string, options: ReadLogOptions = {}) {
    const end = new AbortController();
    const lines: string[] = [];
    const reading = (async () => {
      for await (const some of readLog(path, { ...options, follow: end.signal })) {
        lines.push(...some.map(({ bytes }) => bytes.toString()));
      }
    })();
    const stop = async (): Promise<string[]> => {
      end.abort();
      await within(reading, 'the end of the reading');
      return lines;
    };
    scope.after(stop);
    return {
      lines,
      stop,
      // As long as a busy machine needs.
      has: (count: number) => waitFor(() => lines.length >= count, `${count} lines`, 60_000),
    };
  }

  leakTest('shows new lines at once', async (scope) => {
    const log = newLog(scope);
    log.append(jsonEntry('there\n'));
    const { has, stop } = follow(scope, log.path);
    await has(1);
    // The poll comes once a second.
    const began = performance.now();
    for (let count = 2; count < 12; count++) {
      log.append(jsonEntry(`${count}\n`));
      await has(count);
    }
    assert.ok(performance.now() - began < 5000, 'it was polled');
    assert.equal((await stop()).length, 11);
  });

  leakTest('shows only new lines with a tail of 0', async (scope) => {
    const log = newLog(scope);
    log.append(jsonEntry('before\n') + jsonEntry('half\n').slice(0, 10));
    const { has, stop, lines } = follow(scope, log.path, { tail: 0 });
    await waitFor(() => openDescriptors().some((it) => it.endsWith(log.path)), 'the log to be open');
    await delay(50);
    assert.deepEqual(lines, []);
    log.append(jsonEntry('half\n').slice(10));
    await has(1);
    assert.deepEqual(await stop(), ['half\n']);
  });

  leakTest('shows every line once, in order, while another process rotates it as fast as it can', async (scope) => {
    const log = newLog(scope);
    const { has, stop } = follow(scope, log.path);
    const count = 2000;
    const writer = await runFixture('log-that-is-rotated', [log.path, `${count}`]);
    assert.deepEqual([writer.stderr, writer.code], ['', 0]);
    await has(count);
    const expected = Array.from({ length: count }, (_, n) => `${n}\n`);
    assert.deepEqual(await stop(), expected);
    assert.equal((await show(log.path)).stdout, expected.join(''));
  });

  leakTest('does not show older files again when it is moved away', async (scope) => {
    const log = newLog(scope);
    const entry = (n: number): string => jsonEntry(`${n}\n`, { time: timeOfEntry(n) });
    log.append(entry(1));
    log.rotate();
    log.append(entry(2));
    const { has, stop } = follow(scope, log.path);
    await has(2);
    renameSync(log.path, `${log.path}.moved`);
    log.append(entry(3));
    await has(3);
    assert.deepEqual(await stop(), ['1\n', '2\n', '3\n']);
  });

  leakTest('is read from its beginning when it is emptied', async (scope) => {
    const log = newLog(scope);
    const { has, stop } = follow(scope, log.path);
    log.append(jsonEntry('a first line that is rather long\n'));
    await has(1);
    log.truncate();
    log.append(jsonEntry('short\n'));
    await has(2);
    log.truncate();
    log.append(jsonEntry('and one that is longer than what was there before\n'));
    await has(3);
    assert.equal((await stop()).length, 3);
  });

  leakTest('waits for a new file when it is removed', async (scope) => {
    const log = newLog(scope);
    const { has, stop } = follow(scope, log.path);
    log.append(jsonEntry('one\n'));
    await has(1);
    rmSync(log.path);
    log.append(jsonEntry('two\n', { time: timeOfEntry(7) }));
    await has(2);
    assert.deepEqual(await stop(), ['one\n', 'two\n']);
  });

  leakTest('shows all lines before it ends', async (scope) => {
    const log = newLog(scope);
    const { stop, has } = follow(scope, log.path);
    log.append(jsonEntry('one\n'));
    await has(1);
    log.append(jsonEntry('two\n'));
    log.rotate();
    log.append(jsonEntry('three\n'));
    assert.deepEqual(await stop(), ['one\n', 'two\n', 'three\n']);
  });

  leakTest('uses no CPU time while nothing is written', async (scope) => {
    const log = newLog(scope);
    const { has } = follow(scope, log.path);
    log.append(jsonEntry('one\n'));
    await has(1);
    const usage = process.cpuUsage();
    await delay(1500);
    const { user, system } = process.cpuUsage(usage);
    assert.ok(user + system < 150_000, `${user + system} us of processor time`);
  });
});
