/** Where this package is, and its version. No other module depends on where in the package it is compiled or bundled to. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The directory of package.json. */
export const packageRoot: string = findRoot(import.meta.dirname);

/** The program of a daemon. */
export const daemonScript = join(packageRoot, 'dist/bundle/shim/daemon.cjs');

/** The version of this package. */
export function version(): string {
  const manifest = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function findRoot(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) return directory;
  if (directory === '/') throw new Error(`${import.meta.dirname} must stay in its package: no package.json above it`);
  return findRoot(dirname(directory));
}
