/** The OCI configuration of a process that the embedded pty runtime runs on this host, without a container. */
import type { Size } from '../../os/console.js';
import type { OciSpec } from './oci-spec.js';

export interface HostSpecOptions {
  args: readonly string[];
  /** The size of the terminal; undefined for a process without one. */
  size: Size | undefined;
}

/** Makes a configuration with the environment, working directory and user of this process. */
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
