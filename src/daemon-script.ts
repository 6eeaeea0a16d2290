import { fileURLToPath } from 'node:url';

/** The program that is a daemon: src/shim/daemon.ts. */
export const daemonScript = fileURLToPath(new URL('./shim/daemon.js', import.meta.url));
