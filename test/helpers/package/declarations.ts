/** The exports of the package's declarations, as scripts/api reads them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../../src/package.js';

export interface Declaration {
  name: string;
  kind: string;
  doc: string;
  text: string;
}

interface Declarations {
  readEntry(path: string): Declaration[];
  forgottenExports(path: string): string[];
  exampleOf(doc: string): { code: string | undefined };
}

export const declarations = (await import(
  pathToFileURL(join(packageRoot, 'scripts/api/declarations.mjs')).href
)) as Declarations;

/** The declarations (.d.ts) of each entry point of package.json, by its name. */
export function entryPoints(): Map<string, string> {
  const { exports } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    exports: Record<string, { types: string }>;
  };
  return new Map(Object.entries(exports).map(([name, { types }]) => [name, join(packageRoot, types)]));
}

/** The examples in the doc comments of all entry points, by the name of the export. */
export function readExamples(): Map<string, string> {
  const entries = [...entryPoints().values()].flatMap((path) => declarations.readEntry(path));
  const examples = entries.map(({ name, doc }) => [name, declarations.exampleOf(doc).code] as const);
  return new Map(examples.filter((it): it is readonly [string, string] => it[1] !== undefined));
}
