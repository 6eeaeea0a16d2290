/**
 * If an exported signature names a type that is not exported, a user cannot declare a variable or a parameter of that
 * type. This test reads the declarations that a user's compiler reads, and looks up every name in them.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { declarations, entryPoints } from './helpers/package/declarations.js';
import { temporaryDirectory } from './helpers/base/temporary-directory.js';

for (const [name, path] of entryPoints()) {
  test(`every type that the declarations of the entry point ${name} name is exported too`, () => {
    assert.ok(declarations.readEntry(path).length > 10);
    assert.deepEqual(declarations.forgottenExports(path), []);
  });

  test(`every export of the entry point ${name} says what it is`, () => {
    const silent = declarations.readEntry(path).filter(({ doc }) => doc === '');
    assert.deepEqual(
      silent.map(({ name: it }) => it),
      [],
    );
  });
}

test('a type that was forgotten is found, whichever way a declaration names it', (t) => {
  const directory = temporaryDirectory(t);
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  write(
    'index.d.ts',
    "export { Pump, open, type Options, names } from './pump.js';\nexport type { Size } from './size.js';\n",
  );
  write('size.d.ts', '/** Cells. */\nexport interface Size {\n    columns: number;\n}\nexport interface Far {\n}\n');
  write(
    'pump.d.ts',
    `import { type Size, type Far as Distant } from './size.js';
import type { Readable } from 'node:stream';
interface Common {
    size: Size;
}
export interface Options extends Common {
    Far: number;
    /** Not a Quiet one. */
    on(Far: 'Quiet', reader: Readable): Distant;
}
export interface Quiet {
}
export declare const names: readonly ["a"];
export type Name = (typeof names)[number];
declare abstract class Hidden {
}
declare abstract class Base {
    size: Size;
}
declare enum Speed {
    slow = 0,
}
export declare class Pump extends Base {
    speed: Speed;
    /** For a subclass. */
    protected get hidden(): Hidden;
    #private;
    run(options: Options): Promise<Quiet | Name[]>;
}
export declare function open(path: string): Pump & {
    at: Map<string, Later>;
};
type Later = number;
`,
  );
  const found = declarations.forgottenExports(join(directory, 'index.d.ts'));
  assert.deepEqual(
    found.map((it) => it.replaceAll(`${directory}/`, '')),
    [
      'Base of pump.d.ts, named by Pump',
      'Speed of pump.d.ts, named by Pump',
      'Quiet of pump.d.ts, named by Pump',
      'Name of pump.d.ts, named by Pump',
      'Later of pump.d.ts, named by open',
      'Common of pump.d.ts, named by Options',
      'Far of size.d.ts, named by Options',
    ],
  );
});
