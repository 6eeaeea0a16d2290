/** Adapts the config.json of a bundle to the bundle of an external shim, which is another directory. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileError } from '../../errors/file-error.js';
import { hostSize } from '../../os/host-terminal.js';

interface Config {
  root?: { path?: string };
  process?: TerminalProcess;
  mounts?: Mount[];
}

interface Mount {
  type?: string;
  source?: string;
  options?: string[];
}

interface TerminalProcess {
  terminal?: boolean;
  consoleSize?: object;
}

export function readConfig(bundle: string): string {
  const path = join(bundle, 'config.json');
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError(error, `read ${path}`);
  }
}

/**
 * Makes the paths absolute that are relative to the bundle: the root, and the sources of bind mounts. Sets
 * `consoleSize` to the size of this command's terminal: a runtime that reads it gives the terminal this size from the
 * first byte on.
 */
export function movedConfig(text: string, bundle: string): string {
  const { root, process, mounts, ...rest } = JSON.parse(text) as Config;
  const moved: Config = {
    ...rest,
    ...(process && { process: withSize(process) }),
    ...(root?.path !== undefined && { root: { ...root, path: resolve(bundle, root.path) } }),
    ...(mounts && { mounts: mounts.map((mount) => movedMount(mount, bundle)) }),
  };
  return JSON.stringify(moved);
}

/** Sets `consoleSize` to the size of this command's terminal. Without a terminal here, it is kept, or becomes 80x24. */
export function withSize(process: TerminalProcess): TerminalProcess {
  if (process.terminal !== true) return process;
  const host = hostSize();
  const size = host ? { height: host.rows, width: host.columns } : (process.consoleSize ?? { height: 24, width: 80 });
  return { ...process, consoleSize: size };
}

function movedMount(mount: Mount, bundle: string): Mount {
  const { type, source, options = [] } = mount;
  const isBind = type === 'bind' || options.includes('bind') || options.includes('rbind');
  return isBind && source !== undefined ? { ...mount, source: resolve(bundle, source) } : mount;
}
