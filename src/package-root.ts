/** Where this package lies. No other module knows how deep in it it stands: compiled alone, or as a part of a bundle. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The directory of package.json. */
export const packageRoot: string = findRoot(import.meta.dirname);

function findRoot(directory: string): string {
  if (existsSync(join(directory, 'package.json'))) return directory;
  if (directory === '/') throw new Error(`${import.meta.dirname} must stay in its package: no package.json above it`);
  return findRoot(dirname(directory));
}
