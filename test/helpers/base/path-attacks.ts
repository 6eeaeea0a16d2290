/**
 * Files that another user may create at a path, so that a write by root goes elsewhere, blocks or has a side effect.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../../src/native/addon.js';
import type { Scope } from './leak-free.js';
import { temporaryDirectory } from './temporary-directory.js';

export interface ProtectedFile {
  readonly path: string;
  /** Fails if the content, the owner or the mode has changed. */
  assertUntouched(): void;
}

/** A file that nobody else may write to. */
export function protectFile(scope: Scope): ProtectedFile {
  const path = join(temporaryDirectory(scope), 'protected');
  writeFileSync(path, 'protected\n', { mode: 0o600 });
  const factsOf = () => {
    const { mode, uid, size, mtimeMs } = statSync(path);
    return { mode, uid, size, mtimeMs };
  };
  const before = factsOf();
  return {
    path,
    assertUntouched() {
      assert.equal(readFileSync(path, 'utf8'), 'protected\n');
      assert.deepEqual(factsOf(), before);
    },
  };
}

/**
 * Each creates a file at the path, or throws EEXIST if there is one. The device is /dev/null's, so nothing reports an open of
 * it.
 */
export const pathAttacks: Readonly<Record<string, (path: string, protectedFile: ProtectedFile) => void>> = {
  'a link': (path, protectedFile) => symlinkSync(protectedFile.path, path),
  'a link to nothing': (path, protectedFile) => symlinkSync(`${protectedFile.path}-that-is-not-there`, path),
  'a hard link': (path, protectedFile) => linkSync(protectedFile.path, path),
  'a FIFO': (path, protectedFile) => plantNode(path, protectedFile, (made) => addon.fifo_create(made, 0o666)),
  'a device': (path, protectedFile) =>
    plantNode(path, protectedFile, (made) => spawnSync('mknod', [made, 'c', '1', '3']).status),
  'a directory': (path) => mkdirSync(path),
  'a directory with something in it': (path) => {
    mkdirSync(path);
    mkdirSync(join(path, 'inner'));
  },
};

/** Made under a name of its own first, as link(2) alone tells a name that is taken from other failures. */
function plantNode(path: string, protectedFile: ProtectedFile, make: (path: string) => number | null): void {
  const made = `${protectedFile.path}-node`;
  assert.equal(make(made), 0);
  try {
    linkSync(made, path);
  } finally {
    rmSync(made);
  }
}

/** A directory that everybody may write to, as a volume of a container is one, without the sticky bit or with it. */
export function sharedDirectory(scope: Scope, mode = 0o777): string {
  const path = join(temporaryDirectory(scope), 'shared');
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}
