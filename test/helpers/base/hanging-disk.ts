/**
 * A file system whose server never answers, like an NFS or FUSE file system that hangs: an open of a file there blocks.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from './leak-free.js';

/** Returns its directory, which is unmounted after the test: a blocked open then fails. Needs root and /dev/fuse. */
export function hangingDisk(scope: Scope): string {
  const directory = mkdtempSync(join(tmpdir(), 'termshim-hang-'));
  const server = openSync('/dev/fuse', constants.O_RDWR);
  // The kernel has asked it for its version, and waits for the answer.
  const options = 'fd=3,rootmode=40000,user_id=0,group_id=0';
  const { status, stderr } = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'none', directory], {
    stdio: ['ignore', 'ignore', 'pipe', server],
  });
  assert.deepEqual([status, stderr.toString()], [0, '']);
  scope.after(() => {
    closeSync(server);
    spawnSync('umount', ['-l', directory]);
    rmdirSync(directory);
  });
  return directory;
}
