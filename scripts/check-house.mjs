/**
 * Checks the source tree for `make lint`: a folder of src imports only folders on lower floors of docs/architecture.md, no files
 * import each other in a circle, no folder has more than 15 files, and the folders of unit tests mirror src.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const maxFiles = 15;
/** Not ours to divide: generated code, and copies of a kernel's control groups. */
const exempt = ['src/ttrpc/gen/', 'test/fixtures/'];

const files = ['bench', 'native', 'scripts', 'src', 'test']
  .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
  .filter((entry) => !entry.isDirectory())
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((file) => !exempt.some((folder) => file.startsWith(folder)));
const imports = new Map(files.filter((file) => /^src\/.*\.ts$/.test(file)).map((file) => [file, importsOf(file)]));
const errors = [...crowdedFolders(), ...wrongImports(readFloors()), ...circularImports(), ...misplacedTests()];
for (const error of errors) console.error(error);
process.exitCode = errors.length > 0 ? 1 : 0;

function importsOf(file) {
  const specifiers = readFileSync(file, 'utf8').matchAll(/(?:from|import\(|import) ?'(\.[^']+)\.js'/g);
  return [...specifiers].map(([, path]) => `${join(dirname(file), path)}.ts`);
}

/** The folders of each floor, the lowest first. Folders of one floor do not import each other. */
function readFloors() {
  const [, block] = /^## The floors\n[^]*?```\n([^]*?)```/m.exec(readFileSync('docs/architecture.md', 'utf8')) ?? [];
  if (block === undefined) throw new Error('docs/architecture.md has no block of floors');
  return block
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .toReversed();
}

function crowdedFolders() {
  const counts = new Map();
  for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count > maxFiles)
    .map(([folder, count]) => `${folder}: ${count} files, more than ${maxFiles}`);
}

function wrongImports(floors) {
  const heights = new Map(floors.flatMap((floor, height) => floor.map((folder) => [folder, height])));
  const found = [];
  for (const [file, targets] of imports) {
    for (const target of targets) {
      const [from, to] = [folderOf(file), folderOf(target)];
      if (from === to || from === 'src' || to === 'src') continue;
      for (const folder of [from, to]) if (!heights.has(folder)) found.push(`${file}: src/${folder} is on no floor`);
      if (!(heights.get(to) < heights.get(from))) found.push(`${file} imports ${target}: ${to} is not below ${from}`);
    }
  }
  return found;
}

/** The folder below src, or `src` for its own files, which every folder may import. */
function folderOf(file) {
  const [folder, rest] = relative('src', file).split('/');
  return rest === undefined ? 'src' : folder;
}

function circularImports() {
  const found = [];
  const done = new Set();
  const visit = (file, path) => {
    if (path.includes(file)) found.push(`circular import: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
    else if (!done.has(file)) for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return found;
}

/** Test folders mirror src. The end-to-end tests and those of the launcher, which is in C, have no folder there. */
function misplacedTests() {
  const folders = new Set(files.filter((file) => file.endsWith('.test.ts')).map(dirname));
  return [...folders]
    .filter((folder) => !/^test\/(?:e2e|shim\/launcher)(?:\/|$)/.test(folder))
    .map((folder) => [folder, folder.replace(/^test/, 'src')])
    .filter(([, source]) => !existsSync(source))
    .map(([folder, source]) => `${folder}: there is no ${source}`);
}
