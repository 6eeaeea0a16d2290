/** The package as a user gets it: packed, and installed in a directory of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../../src/package.js';
import type { Scope } from '../base/leak-free.js';
import { temporaryDirectory } from '../base/temporary-directory.js';

/** A directory with `node_modules/termshim`. The dependencies are links to those that are installed here. */
export function installPackage(scope: Scope): string {
  const directory = temporaryDirectory(scope);
  const modules = join(directory, 'node_modules');
  const { dependencies } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const packed = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', directory], packageRoot);
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  mkdirSync(join(modules, 'termshim'), { recursive: true });
  run('tar', ['-xzf', filename, '--strip-components=1', '-C', join(modules, 'termshim')], directory);
  for (const name of ['@types', ...Object.keys(dependencies)]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(packageRoot, 'node_modules', name), join(modules, name));
  }
  return directory;
}

/** Compiles JavaScript of a user, with the package's types, as strictly as TypeScript can. */
export function typeCheck(directory: string, files: readonly string[]): void {
  const options = ['--noEmit', '--allowJs', '--checkJs', '--strict', '--skipLibCheck', '--types', 'node'];
  const target = ['--target', 'es2022', '--module', 'nodenext', '--lib', 'es2023,esnext.disposable'];
  run(join(packageRoot, 'node_modules/.bin/tsc'), [...options, ...target, ...files], directory);
}

function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${program}: ${stderr}${stdout}`);
  return stdout;
}
