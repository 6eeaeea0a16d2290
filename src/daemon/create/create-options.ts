/** What the options of Create mean for a container: containerd's for its runtimes, or those of our own commands. */
import { join } from 'node:path';
import type { Any } from '../../ttrpc/gen/google/protobuf/any.js';
import { CreateOptions } from '../../ttrpc/gen/termshim/options.js';
import { findRuntime } from '../../runtime/find-runtime.js';
import { unpackAny } from '../../ttrpc/message.js';
import { readRuntimeOptions } from './runtime-options.js';

export interface RuntimeSettings {
  /** What messages call the runtime. */
  name: string;
  /** The program and its leading arguments. */
  command: string[];
  /** The directory where it keeps its state; undefined for its own choice. */
  root: string | undefined;
  systemdCgroup: boolean;
  noPivot: boolean;
  noNewKeyring: boolean;
  /** The checkpoint to restore from, where the request has none; empty for none. */
  criuImagePath: string;
  /** Where criu works for a restore; empty for the usual place. */
  criuWorkPath: string;
  /** Who owns the pipes of a process without a terminal; undefined where that is us. */
  owner: { uid: number; gid: number } | undefined;
  /** The control group that the daemon is to join; empty for none. */
  shimCgroup: string;
  /** How long a console may take to come, and a reader to open an output. */
  connectTimeoutMs: number;
  /** A reader that is there has so long to read what is left when its process has ended; 0: without end. */
  drainTimeoutMs: number;
  /** What a command of ours wants beside it; undefined for a container of containerd's. */
  own: OwnSettings | undefined;
}

export interface OwnSettings {
  /** A config.json, of which a bundle is to be made. Empty where there is one. */
  config: Uint8Array;
  /** Whether it goes when whoever created it has left, and it has ended. */
  remove: boolean;
  /** Whether its screen is kept. */
  screen: boolean;
  /** The URI of what keeps its output, wherever else that goes; empty for what config.json says. */
  log: string;
}

/** Where containerd's own shim keeps runc's state, unless it is told otherwise. */
export const defaultRoot = '/run/containerd/runc';

/**
 * Reads the options of containerd, or a `termshim.v1.CreateOptions`. Without any, or with empty ones, everything is
 * containerd's default. Throws what `readRuntimeOptions` throws, and ERR_RUNTIME_NOT_FOUND.
 */
export async function readCreateOptions(
  options: Any | undefined,
  namespace: string,
  signal?: AbortSignal,
): Promise<RuntimeSettings> {
  const own = unpackAny(CreateOptions, options);
  return own === undefined ? containerdSettings(options, namespace, signal) : ownSettings(own);
}

/** containerd's namespace is a directory of its own below the root. */
async function containerdSettings(
  options: Any | undefined,
  namespace: string,
  signal: AbortSignal | undefined,
): Promise<RuntimeSettings> {
  const { binaryName, root, ...said } = await readRuntimeOptions(options, signal);
  const { ioUid, ioGid } = said;
  const program = findRuntime(binaryName === '' ? undefined : binaryName, { isBundleGiven: true });
  return {
    ...program,
    root: join(root === '' ? defaultRoot : root, namespace),
    systemdCgroup: said.systemdCgroup,
    noPivot: said.noPivotRoot,
    noNewKeyring: said.noNewKeyring,
    criuImagePath: said.criuImagePath,
    criuWorkPath: said.criuWorkPath,
    shimCgroup: said.shimCgroup,
    owner: ioUid === 0 && ioGid === 0 ? undefined : { uid: ioUid, gid: ioGid },
    // A machine that starts many containers is slow.
    connectTimeoutMs: 60_000,
    drainTimeoutMs: 10_000,
    own: undefined,
  };
}

function ownSettings({ runtimeName, runtimeCommand, ...own }: CreateOptions): RuntimeSettings {
  return {
    name: runtimeName,
    command: runtimeCommand,
    root: undefined,
    systemdCgroup: false,
    noPivot: false,
    noNewKeyring: false,
    criuImagePath: '',
    criuWorkPath: '',
    shimCgroup: '',
    owner: undefined,
    // Somebody sits there and waits.
    connectTimeoutMs: 10_000,
    // Whoever reads a pipeline may take their time: when they leave, the copy ends by itself.
    drainTimeoutMs: 0,
    own,
  };
}
