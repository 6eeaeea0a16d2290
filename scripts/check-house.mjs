/**
 * What `make lint` asks of the tree: imports of src go down the floors of docs/architecture.md and never sideways, no files
 * import each other in a circle, and no folder has more than 15 files.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const maxFiles = 15;
/** Copies of folders that are as large as they are: generated code, and the control groups of a kernel. */
const asTheyAre = ['src/ttrpc/gen/', 'test/fixtures/'];

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => /^(?:bench|native|scripts|src|test)\//.test(file) && !asTheyAre.some((it) => file.startsWith(it)));
const imports = new Map(files.filter((file) => /^src\/.*\.ts$/.test(file)).map((file) => [file, importsOf(file)]));
const all = [...crowdedFolders(), ...wrongImports(readFloors()), ...circles()];
for (const fault of all) console.error(fault);
process.exitCode = all.length > 0 ? 1 : 0;

function importsOf(file) {
  const specifiers = readFileSync(file, 'utf8').matchAll(/(?:from|import\(|import) ?'(\.[^']+)\.js'/g);
  return [...specifiers].map(([, path]) => `${join(dirname(file), path)}.ts`);
}

/** The room of each floor, from the top: a line for each floor, of rooms that do not know each other. */
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
    .map(([it, count]) => `${it}: ${count} files, more than ${maxFiles}`);
}

function wrongImports(floors) {
  const rooms = new Map(floors.flatMap((floor, height) => floor.map((room) => [room, height])));
  const faults = [];
  for (const [file, targets] of imports) {
    for (const target of targets) {
      const [from, to] = [roomOf(file), roomOf(target)];
      if (from === to || from === 'src' || to === 'src') continue;
      for (const room of [from, to]) if (!rooms.has(room)) faults.push(`${file}: src/${room} stands on no floor`);
      if (!(rooms.get(to) < rooms.get(from))) faults.push(`${file} imports ${target}: ${to} is not below ${from}`);
    }
  }
  return faults;
}

/** The folder below src. The files of src itself, such as the version, are for all. */
function roomOf(file) {
  const [room, rest] = relative('src', file).split('/');
  return rest === undefined ? 'src' : room;
}

function circles() {
  const faults = [];
  const done = new Set();
  const visit = (file, path) => {
    if (path.includes(file)) faults.push(`a circle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
    else if (!done.has(file)) for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return faults;
}
