import { join } from 'node:path';
import { packageRoot } from './package-root.js';

/** The program of the daemon, for those who start it. */
export const daemonScript = join(packageRoot, 'dist/bundle/shim/daemon.cjs');
