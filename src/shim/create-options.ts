/** What containerd's runtime options mean for a container. */
import { join } from 'node:path';
import type { Any } from '../ttrpc/gen/google/protobuf/any.js';
import { Options } from '../ttrpc/gen/containerd/runc-options.js';
import { findRuntime } from '../runtime/find-runtime.js';
import { Code, RpcError } from '../ttrpc/status.js';

export interface RuntimeSettings {
  /** What messages call the runtime. */
  name: string;
  /** The program and its leading arguments. */
  command: string[];
  /** The directory where it keeps its state. */
  root: string;
  systemdCgroup: boolean;
  noPivot: boolean;
  noNewKeyring: boolean;
  /** Who owns the pipes of a process without a terminal; undefined where that is us. */
  owner: { uid: number; gid: number } | undefined;
}

/** Where containerd's own shim keeps runc's state, unless it is told otherwise. */
export const defaultRoot = '/run/containerd/runc';

/**
 * Reads a `containerd.runc.v1.Options`; without one, or with an empty one, everything is the default. containerd's
 * namespace is a directory of its own below the root. Throws InvalidArgument for options of another kind, and
 * ERR_RUNTIME_NOT_FOUND.
 */
export function readCreateOptions(options: Any | undefined, namespace: string): RuntimeSettings {
  const { binaryName, root, systemdCgroup, noPivotRoot, noNewKeyring, ioUid, ioGid } = decode(options);
  const program = findRuntime(binaryName === '' ? undefined : binaryName, { isBundleGiven: true });
  return {
    ...program,
    root: join(root === '' ? defaultRoot : root, namespace),
    systemdCgroup,
    noPivot: noPivotRoot,
    noNewKeyring,
    owner: ioUid === 0 && ioGid === 0 ? undefined : { uid: ioUid, gid: ioGid },
  };
}

function decode(options: Any | undefined): Options {
  if (options === undefined || options.typeUrl === '') return Options.decode(new Uint8Array());
  if (options.typeUrl.endsWith(Options.$type)) return Options.decode(options.value);
  throw new RpcError(Code.InvalidArgument, `runtime options of the type ${options.typeUrl} are not understood`);
}
