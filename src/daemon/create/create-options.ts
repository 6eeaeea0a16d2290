/** Reads the options of Create: those of containerd, or those of termshim's own commands. */
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
  /** The directory in which the runtime keeps its state; undefined for the runtime's default. */
  root: string | undefined;
  systemdCgroup: boolean;
  noPivot: boolean;
  noNewKeyring: boolean;
  /** The checkpoint to restore from if the request names none; empty for none. */
  criuImagePath: string;
  /** The directory in which criu works during a restore; empty for the default. */
  criuWorkPath: string;
  /** The owner of the pipes of a process without a terminal; undefined for the daemon's user. */
  owner: { uid: number; gid: number } | undefined;
  /** The control group that the daemon is to join; empty for none. */
  shimCgroup: string;
  /** How long to wait for the console, and for a reader of an output. */
  connectTimeoutMs: number;
  /** How long a reader may take for the rest of the output when the process has ended; 0 waits without end. */
  drainTimeoutMs: number;
  /** What only commands of termshim set; undefined for a container of containerd. */
  own: OwnSettings | undefined;
}

export interface OwnSettings {
  /** The config.json of a bundle that the daemon makes; empty if the request names a bundle. */
  config: Uint8Array;
  /** Whether the container is removed when it has ended and the connection of its creator is closed. */
  remove: boolean;
  /** Whether an emulator keeps the screen of its terminal. */
  screen: boolean;
  /** The URI of a log target that gets all output; if it is empty, an annotation of config.json may name one. */
  log: string;
}

/** The directory in which containerd-shim-runc-v2 keeps runc's state by default. */
export const defaultRoot = '/run/containerd/runc';

/**
 * Reads the options of containerd, or a `termshim.v1.CreateOptions`. If they are missing or empty, containerd's
 * defaults apply. Throws what `readRuntimeOptions` throws, and ERR_RUNTIME_NOT_FOUND.
 */
export async function readCreateOptions(
  options: Any | undefined,
  namespace: string,
  signal?: AbortSignal,
): Promise<RuntimeSettings> {
  const own = unpackAny(CreateOptions, options);
  return own === undefined ? containerdSettings(options, namespace, signal) : ownSettings(own);
}

/** Each namespace of containerd has its own directory below the root. */
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
    // A human waits for the command.
    connectTimeoutMs: 10_000,
    // The reader of a pipeline may be slow. If it exits, the copy ends by itself.
    drainTimeoutMs: 0,
    own,
  };
}
