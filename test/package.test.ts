/**
 * On a development machine everything is installed; on a user's machine there are only the packed files and the
 * `dependencies`. The test packs the package, follows every import from the exports in package.json, and reads every
 * require of the bundles, which contain all other modules: none may lead outside.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, normalize } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../src/package.js';

interface Manifest {
  bin: Record<string, string>;
  exports: Record<string, Record<'types' | 'default', string>>;
  dependencies: Record<string, string>;
}

const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as Manifest;
const packed = listPacked();

test('the library needs the packed files and the dependencies, and nothing else', () => {
  assert.deepEqual(Object.keys(manifest.exports), ['.', './log']);
  const entries = Object.values(manifest.exports).flatMap(
    ({ types, default: code }) =>
      [
        [code, '.js'],
        [types, '.d.ts'],
      ] as const,
  );
  for (const [entry, extension] of entries) {
    const { files, packages } = follow(normalize(entry), extension);
    assert.ok(files.size > 5, `${entry} leads to ${files.size} files`);
    assert.deepEqual(
      [...files].filter((path) => !packed.has(path)),
      [],
    );
    assert.deepEqual([...packages].filter(isForeign), []);
  }
});

test('no packed module imports a module that is not packed', () => {
  for (const extension of ['.js', '.d.ts'] as const) {
    const modules = filesIn('dist/src', extension);
    assert.ok(modules.length > 100, `${modules.length} modules`);
    for (const module of modules) {
      const { files, packages } = follow(module, extension);
      const absent = [...[...files].filter((path) => !packed.has(path)), ...[...packages].filter(isForeign)];
      assert.deepEqual(absent, [], module);
    }
  }
});

test('the programs need the packed files and the dependencies, and nothing else', () => {
  const bundles = filesIn('dist/bundle', '.cjs');
  for (const path of Object.values(manifest.bin)) assert.ok(packed.has(path), path);
  for (const program of [
    'cli/main',
    'cli/programs/log-driver',
    'cli/programs/runtime-pty',
    'shim/main',
    'shim/daemon',
  ]) {
    assert.ok(bundles.includes(`dist/bundle/${program}.cjs`), program);
  }
  for (const bundle of bundles) {
    const names = [...read(bundle).matchAll(/\brequire\w*\("([^"]+)"\)/g)].map(([, name = '']) => name);
    const isMissing = (name: string): boolean =>
      name.startsWith('.') ? !packed.has(join(bundle, '..', name)) : isForeign(name);
    assert.deepEqual(names.filter(isMissing), [], bundle);
  }
});

test('the bundles name each package whose code they contain, with its terms', () => {
  const terms = read('dist/bundle/LICENSES');
  assert.ok(packed.has('dist/bundle/LICENSES'));
  const maps = filesIn('dist/bundle', '.cjs.map').map(read).join('');
  const names = new Set([...maps.matchAll(/\/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].map(([, name = '']) => name));
  assert.ok(names.has('commander'));
  for (const name of names) assert.ok(terms.includes(`node_modules/${name}/`), name);
});

function filesIn(directory: string, extension: string): string[] {
  return [...packed].filter((path) => path.startsWith(`${directory}/`) && path.endsWith(extension));
}

function isForeign(name: string): boolean {
  return !isBuiltin(name) && !(name in manifest.dependencies);
}

function listPacked(): Set<string> {
  const args = ['pack', '--dry-run', '--ignore-scripts', '--json'];
  const { stdout, stderr } = spawnSync('npm', args, { cwd: packageRoot, encoding: 'utf8' });
  assert.ok(stdout !== '', stderr);
  const [answer] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  return new Set(answer.files.map(({ path }) => path));
}

/** All that a module leads to: its files, and the packages that they name. */
function follow(entry: string, extension: '.js' | '.d.ts'): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>([entry]);
  const packages = new Set<string>();
  for (const path of files) {
    // The examples in doc comments import the package itself.
    const code = read(path).replace(/^ *\/\*\*[^]*?\*\//gm, '');
    for (const [, name = ''] of code.matchAll(/(?:\bfrom|\bimport\(?) ?'([^']+)'/g)) {
      if (name.startsWith('.')) files.add(join(path, '..', name.replace(/\.js$/, extension)));
      else packages.add(name);
    }
  }
  return { files, packages };
}
