/** An OCI bundle with the minimum that a runtime needs. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Testbed } from '../e2e/testbed.js';

export interface BundleOptions {
  args: readonly string[];
  terminal: boolean;
  /** For the pty runtime, which needs no root filesystem. */
  isHost?: boolean;
}

/** Makes a bundle, and returns the directory. */
export function makeBundle(testbed: Testbed, options: BundleOptions): string {
  const directory = testbed.path(`bundle-${testbed.newId()}`);
  mkdirSync(directory);
  writeFileSync(
    join(directory, 'config.json'),
    JSON.stringify(minimalSpec(options.isHost ? '/' : testbed.rootfs, options)),
  );
  return directory;
}

function minimalSpec(rootfs: string, { args, terminal }: BundleOptions): object {
  const namespaces = ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type }));
  const env = ['PATH=/usr/local/bin:/usr/bin:/bin', 'TERM=xterm'];
  const capabilities = Object.fromEntries(['bounding', 'effective', 'permitted'].map((set) => [set, ['CAP_KILL']]));
  return {
    ociVersion: '1.0.2',
    process: { terminal, user: { uid: 0, gid: 0 }, args, env, cwd: '/', capabilities },
    root: { path: rootfs },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
    ],
    linux: { namespaces },
  };
}
