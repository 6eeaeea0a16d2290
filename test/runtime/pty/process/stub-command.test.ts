/**
 * A shell and env(1) run between the bundle and the process, and each of them treats some words specially: options,
 * assignments, and names that are not valid in a shell. These tests check which of them gets which word;
 * test/e2e/run/pty-runtime.test.ts checks that the process gets exactly its environment.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { stubCommand } from '../../../../src/runtime/pty/process/stub-command.js';
import { temporaryDirectory } from '../../../helpers/base/temporary-directory.js';

const path = 'PATH=/usr/bin:/bin';
/** The words after the script. */
const words = (process: { args: string[]; env?: string[]; cwd?: string }): string[] =>
  stubCommand({ cwd: '/', env: [path], ...process }, 'fifo').args.slice(2);
const unset = ['-u', 'OLDPWD', '-u', 'PWD', '-u', 'SHLVL', '-u', '_'];

test("the stub's shell gets the FIFO, the directory and the command", () => {
  const { file, args, env } = stubCommand({ args: ['ls', '-l', 'a b'], env: [path], cwd: '/tmp' }, 'fifo');
  assert.deepEqual([file, args[0]], ['/bin/sh', '-c']);
  assert.deepEqual(args.slice(2), ['fifo', '/tmp', ...unset, 'ls', '-l', 'a b']);
  assert.deepEqual(env, [path]);
});

test('the stub keeps variables that a shell would change or drop', () => {
  const env = [path, 'PWD=/odd', 'a.b=c', 'IFS=x', 'A=secret'];
  const stub = stubCommand({ args: ['ls'], env, cwd: '/' }, 'fifo');
  const changed = ['PWD=/odd', 'a.b=c', 'IFS=x'];
  assert.deepEqual(stub.args.slice(4), ['-u', 'OLDPWD', '-u', 'SHLVL', '-u', '_', ...changed, 'ls']);
  assert.deepEqual(stub.env, [path, 'A=secret']);
});

test('the stub looks for the program as runc does', (t) => {
  const directory = temporaryDirectory(t);
  const install = (name: string): void => writeFileSync(join(directory, name), '', { mode: 0o755 });
  mkdirSync(join(directory, 'folder'));
  for (const name of ['tool', '-tool', 'k=v']) install(name);
  writeFileSync(join(directory, 'text'), '', { mode: 0o644 });
  const env = [`PATH=/nonexistent:${directory}`];
  const last = (args: string[]): string | undefined => words({ args, env, cwd: directory }).at(-1);
  assert.equal(last(['tool']), 'tool');
  assert.equal(last(['./tool']), './tool');
  assert.equal(last([`${directory}/tool`]), `${directory}/tool`);
  assert.equal(last(['-tool']), join(directory, '-tool'), 'env(1) would take it for an option');
  assert.throws(() => last(['k=v']), /exec: "k=v": a path with "=" cannot be run$/);
  for (const name of ['none', 'folder', 'text', '']) {
    assert.throws(() => last([name]), { message: `exec: ${JSON.stringify(name)}: executable file not found in $PATH` });
  }
  assert.throws(() => last(['./text']), /exec: "\.\/text": \S+\/text is not an executable file$/);
  assert.throws(() => words({ args: ['ls'], env: [] }), /executable file not found in \$PATH$/);
});

test('the stub refuses entries of the environment that are not NAME=value', () => {
  for (const entry of ['NAME', '=value', '', 'A=\0']) {
    assert.throws(() => words({ args: ['ls'], env: [path, entry] }), {
      code: 'ERR_BUNDLE_INVALID',
      message: /NAME=value/,
    });
  }
});
