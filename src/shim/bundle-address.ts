/** The bundle's `address` file: where the daemon of the container listens. containerd 1.6 reads it after a restart. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../os/file/atomic-file.js';
import { ifPresent } from '../errors/file-error.js';

export function writeBundleAddress(bundle: string, address: string): void {
  replaceFile(pathIn(bundle), address);
}

/** Undefined if there is no such file: `start` has failed, or was never called. */
export function readBundleAddress(bundle: string): string | undefined {
  const path = pathIn(bundle);
  return ifPresent(`read ${path}`, () => readFileSync(path, 'utf8').trim());
}

export function removeBundleAddress(bundle: string): void {
  rmSync(pathIn(bundle), { recursive: true, force: true });
}

function pathIn(bundle: string): string {
  return join(bundle, 'address');
}
