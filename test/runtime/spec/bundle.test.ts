/**
 * A bundle comes from outside. Every mistake in it must be reported in one line that names the file and the reason, and
 * everything that runc accepts (null for a missing field, unknown fields) must be accepted.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { assertTerminal, readBundle, readProcess } from '../../../src/runtime/spec/bundle.js';
import { temporaryDirectory } from '../../helpers/base/temporary-directory.js';

const plain = { args: ['sh'], cwd: '/' };
const spec = (process: object): string => JSON.stringify({ ociVersion: '1.0.2', process });

function bundleWith(t: TestContext, config: string): string {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'config.json'), config);
  return directory;
}

const broken: [config: string, reason: RegExp][] = [
  ['', /config\.json:1:1: not JSON: Unexpected end of JSON input$/],
  ['{\n  "a": 1,\n}', /config\.json:3:1: not JSON: /],
  ['{"a": tru3}', /config\.json:1:10: not JSON: /],
  ['{"a": "x\ny"}', /config\.json:1:9: not JSON: Bad control character/],
  [`{"a": [${'1, '.repeat(500)}}`, /config\.json:1:1508: not JSON: Unexpected token '}'$/],
  ['{"a": 1} x', /config\.json:1:10: not JSON: /],
  ['[1', /config\.json:1:3: not JSON: /],
  ['7', /config\.json: the content must be an object$/],
  ['{}', /config\.json: ociVersion is missing$/],
  ['{"ociVersion": "1.0.2"}', /config\.json: process is missing$/],
  ['{"ociVersion": 1, "process": {}}', /config\.json: ociVersion must be a string$/],
  [spec({ cwd: '/' }), /config\.json: process\.args is missing$/],
  [spec({ ...plain, args: [] }), /config\.json: process\.args must not be empty$/],
  [spec({ ...plain, args: 'sh' }), /config\.json: process\.args must be an array$/],
  [spec({ ...plain, args: ['sh', 1] }), /config\.json: process\.args\.1 must be a string$/],
  [spec({ args: ['sh'] }), /config\.json: process\.cwd is missing$/],
  [spec({ ...plain, cwd: 'tmp' }), /config\.json: process\.cwd must be an absolute path$/],
  [spec({ ...plain, terminal: 'yes' }), /config\.json: process\.terminal must be true or false$/],
  [spec({ ...plain, env: { A: '1' } }), /config\.json: process\.env must be an array$/],
  [spec({ ...plain, user: { uid: -1 } }), /config\.json: process\.user\.uid must not be negative$/],
  [spec({ ...plain, user: { gid: 1.5 } }), /config\.json: process\.user\.gid must be an integer$/],
  [spec({ ...plain, consoleSize: { height: 24 } }), /config\.json: process\.consoleSize\.width is missing$/],
  [spec({ ...plain, rlimits: [{}] }), /config\.json: process\.rlimits\.0\.type is missing$/],
];

for (const [config, reason] of broken) {
  test(`the config ${config.slice(0, 70)} is refused`, async (t) => {
    const directory = bundleWith(t, config);
    await assert.rejects(readBundle(directory), (error: Error & { code: string }) => {
      assert.equal(error.code, 'ERR_BUNDLE_INVALID');
      assert.ok(error.message.startsWith(directory), error.message);
      assert.match(error.message, reason);
      return true;
    });
  });
}

test('the error names the file that is missing on disk', async (t) => {
  const directory = temporaryDirectory(t);
  const expect = async (path: string, reason: RegExp): Promise<void> =>
    assert.rejects(readBundle(path), { code: 'ERR_BUNDLE_INVALID', message: reason });
  await expect(join(directory, 'none'), /none: the bundle does not exist$/);
  await expect(directory, /config\.json: the file does not exist$/);
  writeFileSync(join(directory, 'file'), '');
  await expect(join(directory, 'file'), /file: the bundle is not a directory$/);
  mkdirSync(join(directory, 'config.json'));
  await assert.rejects(readBundle(directory), { code: 'ERR_SYSTEM', message: /config\.json: .*EISDIR/ });
});

test('a config that runc accepts is read, and unknown fields are kept', async (t) => {
  const process = { ...plain, terminal: null, user: null, env: null, consoleSize: null, rlimits: null, apparmor: 'x' };
  const directory = bundleWith(t, JSON.stringify({ ociVersion: '1.0.2', process, linux: {}, annotations: null }));
  const bundle = await readBundle(directory);
  assert.equal(bundle.path, directory);
  assert.deepEqual(bundle.spec, { ociVersion: '1.0.2', process, linux: {}, annotations: null });
});

test('the process of an exec is read', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'process.json');
  writeFileSync(path, JSON.stringify({ ...plain, terminal: true }));
  assert.deepEqual(await readProcess(path), { ...plain, terminal: true });
  writeFileSync(path, JSON.stringify({ cwd: '/' }));
  await assert.rejects(readProcess(path), { code: 'ERR_BUNDLE_INVALID', message: /process\.json: args is missing$/ });
});

test('a config is refused if its terminal differs from the request', async (t) => {
  const without = await readBundle(bundleWith(t, spec(plain)));
  const having = await readBundle(bundleWith(t, spec({ ...plain, terminal: true })));
  assertTerminal(without, false);
  assertTerminal(having, true);
  const code = 'ERR_BUNDLE_INVALID';
  assert.throws(() => assertTerminal(without, true), { code, message: /config\.json: process\.terminal is not true/ });
  assert.throws(() => assertTerminal(having, false), { code, message: /config\.json: process\.terminal is true/ });
});
