/**
 * The choice of the runtime decides whether a process is isolated from the host. The tests replace PATH by directories
 * of their own to try every combination of runc and crun; a bundle must never run under the pty runtime.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findRuntime } from '../../src/runtime/find-runtime.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';

function setPath(t: TestContext, value: string): void {
  const before = process.env['PATH'];
  process.env['PATH'] = value;
  t.after(() => (process.env['PATH'] = before));
}

function installPrograms(t: TestContext, ...names: string[]): string {
  const directory = temporaryDirectory(t);
  for (const name of names) writeFileSync(join(directory, name), '#!/bin/sh\n', { mode: 0o755 });
  setPath(t, `/nonexistent::relative:${directory}`);
  return directory;
}

const inBundle = { isBundleGiven: true };
const onHost = { isBundleGiven: false };
const code = 'ERR_RUNTIME_NOT_FOUND';

test('findRuntime selects runc for a bundle, or crun if there is no runc', (t) => {
  const both = installPrograms(t, 'runc', 'crun');
  assert.deepEqual(findRuntime(undefined, inBundle), { name: 'runc', command: [join(both, 'runc')] });
  assert.deepEqual(findRuntime('crun', inBundle), { name: 'crun', command: [join(both, 'crun')] });
  const crun = installPrograms(t, 'crun');
  assert.deepEqual(findRuntime(undefined, inBundle), { name: 'crun', command: [join(crun, 'crun')] });
});

test('findRuntime fails for a bundle if there is no runtime that isolates', (t) => {
  installPrograms(t);
  assert.throws(() => findRuntime(undefined, inBundle), { code, message: /neither runc nor crun is in PATH/ });
  assert.throws(() => findRuntime('runc', inBundle), { code, message: 'runc is not in PATH' });
});

test('findRuntime selects the pty runtime if there is no bundle', (t) => {
  installPrograms(t, 'runc');
  const { name, command } = findRuntime(undefined, onHost);
  assert.equal(name, 'pty');
  assert.deepEqual(findRuntime('pty', inBundle), { name, command });
  assert.equal(command.length, 1);
  assert.ok(command[0]?.endsWith('/bin/termshim-runtime-pty') && existsSync(command[0]), command[0]);
});

test('findRuntime skips directories and files that cannot be executed', (t) => {
  const directory = installPrograms(t);
  mkdirSync(join(directory, 'runc'));
  writeFileSync(join(directory, 'crun'), '', { mode: 0o644 });
  assert.throws(() => findRuntime(undefined, inBundle), { code });
});

test('findRuntime accepts a path', (t) => {
  const path = join(installPrograms(t, 'youki'), 'youki');
  assert.deepEqual(findRuntime(path, onHost), { name: path, command: [path] });
  assert.throws(() => findRuntime(`${path}2`, onHost), { code, message: `${path}2 is not an executable file` });
});

test('findRuntime accepts the name of any program in PATH, as containerd and Docker do', (t) => {
  const directory = installPrograms(t, 'nvidia-container-runtime');
  const name = 'nvidia-container-runtime';
  assert.deepEqual(findRuntime(name, inBundle), { name, command: [join(directory, name)] });
});

test('the error of findRuntime lists the known names', () => {
  const message = 'unknown runtime "yoki": use runc, crun, pty or the path of a runtime program';
  assert.throws(() => findRuntime('yoki', onHost), { code, message });
  assert.throws(() => findRuntime('', onHost), { code });
});
