/** What somebody plants in the name of a file, so that whoever writes there as root writes elsewhere, waits or acts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../../src/native/addon.js';
import type { Scope } from './leak-free.js';
import { temporaryDirectory } from './temporary-directory.js';

export interface Precious {
  readonly path: string;
  /** It is what it was, and whose it was. */
  assertUntouched(): void;
}

/** A file that nobody else may write to. */
export function preciousFile(scope: Scope): Precious {
  const path = join(temporaryDirectory(scope), 'precious');
  writeFileSync(path, 'precious\n', { mode: 0o600 });
  const factsOf = () => {
    const { mode, uid, size, mtimeMs } = statSync(path);
    return { mode, uid, size, mtimeMs };
  };
  const before = factsOf();
  return {
    path,
    assertUntouched() {
      assert.equal(readFileSync(path, 'utf8'), 'precious\n');
      assert.deepEqual(factsOf(), before);
    },
  };
}

/** Each puts something at the path. A device is that of /dev/null's driver, which tells nobody that it was opened. */
export const planted: Readonly<Record<string, (path: string, precious: Precious) => void>> = {
  'a link': (path, precious) => symlinkSync(precious.path, path),
  'a link to nothing': (path, precious) => symlinkSync(`${precious.path}-that-is-not-there`, path),
  'a hard link': (path, precious) => linkSync(precious.path, path),
  'a FIFO': (path) => void addon.fifo_create(path, 0o666),
  'a device': (path) => assert.equal(spawnSync('mknod', [path, 'c', '1', '3']).status, 0),
  'a directory': (path) => mkdirSync(path),
  'a directory with something in it': (path) => mkdirSync(join(path, 'inner'), { recursive: true }),
};

/** A directory that everybody may write to, as a volume of a container is one, without the sticky bit or with it. */
export function sharedDirectory(scope: Scope, mode = 0o777): string {
  const path = join(temporaryDirectory(scope), 'shared');
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}
