/**
 * The OCI configuration of a process that runs on this host, under the embedded pty runtime, as if started here.
 */
import type { Size } from '../../os/console.js';
import type { OciSpec } from './oci-spec.js';

export interface HostSpecOptions {
  args: readonly string[];
  /** With a size it has a terminal, without one it has none. */
  size: Size | undefined;
}

/** This process's environment, working directory and user, and no container around them. */
export function hostSpec({ args, size }: HostSpecOptions): OciSpec {
  const env = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: size !== undefined,
      ...(size === undefined ? {} : { consoleSize: { height: size.rows, width: size.columns } }),
      args: [...args],
      env,
      cwd: process.cwd(),
    },
    root: { path: '/' },
  };
}
