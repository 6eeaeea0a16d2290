/*
 * Other users write config.json, and the daemon reads it on the thread that serves everybody. What could break: a file
 * of 10 MB, or with a hundred thousand nested arrays, keeps the thread busy or overflows the stack when its values are
 * written again; a FIFO, or a file that replaces it, blocks the thread for ever. Each must be refused at once, with the
 * reason.
 */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createFifo } from '../../src/os/fifo.js';
import { JsonBoundError, maxJsonBytes, parseJson } from '../../src/os/file/json.js';
import { parseState } from '../../src/runtime/oci-state.js';
import { lastErrorWords } from '../../src/runtime/runtime-words.js';
import { readBundle } from '../../src/runtime/spec/bundle.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { within } from '../helpers/base/wait-for.js';

const config = {
  ociVersion: '1.0.2',
  root: { path: 'rootfs' },
  process: { args: ['true'], cwd: '/', user: { uid: 0, gid: 0 } },
};

function nested(depth: number): string {
  return `${'['.repeat(depth)}${']'.repeat(depth)}`;
}

function withAnnotation(more: string): string {
  return `${JSON.stringify(config).slice(0, -1)},"more":${more}}`;
}

const refused: Record<string, [make: (path: string) => void, reason: RegExp]> = {
  'nested 100,000 deep': [(path) => writeFileSync(path, withAnnotation(nested(100_000))), /nested more than 200 deep/],
  'nested 100,000 deep, and without its ends': [
    (path) => writeFileSync(path, '{"a":'.repeat(100_000)),
    /nested more than/,
  ],
  'of 10 MB': [
    (path) => writeFileSync(path, withAnnotation(`"${'x'.repeat(10_000_000)}"`)),
    /longer than 4194304 bytes/,
  ],
  'of 3 MB that are no JSON': [(path) => writeFileSync(path, `[${'1,'.repeat(1_500_000)}`), /not JSON/],
  'a FIFO': [(path) => createFifo(path), /not a regular file/],
  'a device': [(path) => symlinkSync('/dev/zero', path), /not a regular file/],
};

function newBundle(t: TestContext): string {
  const bundle = join(temporaryDirectory(t), 'bundle');
  mkdirSync(bundle);
  return bundle;
}

for (const [what, [make, reason]] of Object.entries(refused)) {
  test(`a config.json that is ${what} is refused at once`, async (t) => {
    const bundle = newBundle(t);
    make(join(bundle, 'config.json'));
    const start = performance.now();
    await assert.rejects(within(readBundle(bundle), 'the refusal'), { code: 'ERR_BUNDLE_INVALID', message: reason });
    assert.ok(performance.now() - start < 2000);
  });
}

test('a config.json is read that is nested up to the limit, and brackets in a string do not count', async (t) => {
  const bundle = newBundle(t);
  writeFileSync(join(bundle, 'config.json'), withAnnotation(`[${nested(190)},"${'[{'.repeat(1000)}\\"["]`));
  await readBundle(bundle);
});

test('an answer of a runtime that is too long is refused', () => {
  assert.equal(parseState(`{"a":${nested(100_000)}}`), undefined);
  assert.equal(lastErrorWords(`{"level":"error","msg":"no","a":${nested(100_000)}}\n`, 'stderr'), 'stderr');
  assert.throws(() => parseJson(`"${'x'.repeat(maxJsonBytes)}"`), JsonBoundError);
});
