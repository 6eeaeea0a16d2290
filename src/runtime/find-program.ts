/** Looks a program up as a shell does. */
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** The first file of that name in the directories of `searchPath` that may be executed. Undefined if there is none. */
export function findProgram(name: string, searchPath: string): string | undefined {
  // A shell takes an empty entry for the working directory; the choice of a runtime must not depend on that.
  const directories = searchPath.split(':').filter((directory) => directory.startsWith('/'));
  return directories.map((directory) => join(directory, name)).find(isProgram);
}

/** Whether `path` is a file, and not a directory, that may be executed. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
