/** The shims that are compared, as programs. */
import { spawnSync } from 'node:child_process';
import { shimPath } from '../../test/helpers/shim/shim.js';
import { runcShimPath } from '../../test/helpers/shim/shims.js';

export interface Shim {
  name: string;
  path: string;
  /** What `ctr --runtime` calls it. */
  runtime: string;
}

/** containerd's own comes first, which is the measure. */
export function listShims(): [Shim, Shim] {
  const { stdout } = spawnSync(runcShimPath || 'containerd-shim-runc-v2', ['-v'], { encoding: 'utf8' });
  const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? '';
  return [
    { name: `containerd-shim-runc-v2 ${version}`.trim(), path: runcShimPath, runtime: 'io.containerd.runc.v2' },
    { name: 'termshim', path: shimPath, runtime: shimPath },
  ];
}
