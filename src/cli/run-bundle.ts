/** Prepares the OCI configuration for `termshim run`: that of the user's bundle, or one that is made for a command. */
import { hostSize } from '../os/host-terminal.js';
import type { Size } from '../os/console.js';
import { assertTerminal, readBundle } from '../runtime/spec/bundle.js';
import { defaultSpec } from '../runtime/spec/default-spec.js';
import { hostSpec } from '../runtime/spec/host-spec.js';

export interface RunBundleOptions {
  tty?: true;
  bundle?: string;
  rootfs?: string;
}

export interface RunBundle {
  /** The path of the user's bundle; empty if the daemon makes a bundle of `config`. */
  bundle: string;
  config: Uint8Array;
  /** Undefined without a terminal. */
  size: Size | undefined;
}

/** The customary size of a terminal. */
export const defaultSize: Size = { columns: 80, rows: 24 };

/** The terminal gets the size of this command's terminal, else the size in config.json, else the default size. */
export async function prepareBundle(args: readonly string[], options: RunBundleOptions): Promise<RunBundle> {
  const terminal = options.tty === true;
  const host = terminal ? hostSize() : undefined;
  if (options.bundle !== undefined) {
    const bundle = await readBundle(options.bundle);
    assertTerminal(bundle, terminal);
    const { consoleSize } = bundle.spec.process;
    const wanted = consoleSize ? { columns: consoleSize.width, rows: consoleSize.height } : defaultSize;
    return { bundle: bundle.path, config: new Uint8Array(), size: terminal ? (host ?? wanted) : undefined };
  }
  const size = terminal ? (host ?? defaultSize) : undefined;
  return { bundle: '', config: Buffer.from(JSON.stringify(specOf(args, options.rootfs, size))), size };
}

function specOf(args: readonly string[], rootfs: string | undefined, size: Size | undefined): object {
  const argv = args.length > 0 ? args : [(rootfs === undefined && process.env['SHELL']) || 'sh'];
  if (rootfs === undefined) return hostSpec({ args: argv, size });
  const rootless = process.getuid?.() !== 0;
  return defaultSpec({ rootfs, args: argv, terminal: size !== undefined, size, rootless });
}
