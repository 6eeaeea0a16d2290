/** Reads requests about checkpoints: Checkpoint, which writes one, and a Create that names one to restore from. */
import { isAbsolute, join } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { trustedDirectoryElsewhere } from '../../os/file/directory-trust-in-child.js';
import type { Bundle } from '../../runtime/spec/bundle.js';
import type { RestoreFrom } from '../../task/container-options.js';
import { CheckpointOptions as LegacyOptions } from '../../ttrpc/gen/containerd/linux-runc-options.js';
import { CheckpointOptions } from '../../ttrpc/gen/containerd/runc-options.js';
import type { Any } from '../../ttrpc/gen/google/protobuf/any.js';
import type { CheckpointOptions as RuntimeCheckpoint } from '../../runtime/runtime-arguments.js';
import { message, unpackAny } from '../../ttrpc/message.js';
import { Code, RpcError } from '../../ttrpc/status.js';

/** The runtime's options for a Checkpoint request. If the request has no path, the path in its options counts. */
export function readCheckpoint(path: string, any: Any | undefined, bundle: string): RuntimeCheckpoint {
  const options = decode(any);
  const imagePath = path === '' ? options.imagePath : path;
  if (imagePath === '') throw new RpcError(Code.InvalidArgument, 'a checkpoint needs a path');
  const named = (text: string): string | undefined => (text === '' ? undefined : text);
  return {
    imagePath,
    workPath: options.workPath || workPathIn(bundle),
    parentPath: named(options.parentPath),
    leaveRunning: !options.exit,
    openTcp: options.openTcp,
    externalUnixSockets: options.externalUnixSockets,
    shellJob: options.terminal,
    fileLocks: options.fileLocks,
    emptyNamespaces: options.emptyNamespaces,
    cgroupsMode: named(options.cgroupsMode),
  };
}

/**
 * Clients before containerd 2.0 send an older message if the runtime's name is not runc's. It has other field numbers,
 * and no parent.
 */
function decode(any: Any | undefined): CheckpointOptions {
  if (any === undefined || any.value.length === 0) return message(CheckpointOptions);
  const options = unpackAny(CheckpointOptions, any);
  if (options !== undefined) return options;
  const legacy = unpackAny(LegacyOptions, any);
  if (legacy !== undefined) return { ...legacy, parentPath: '' };
  throw new RpcError(Code.InvalidArgument, `the checkpoint options have the unknown type ${any.typeUrl}`);
}

/**
 * The checkpoint to restore a container from; undefined if the request has none. criu creates processes of root from
 * its images, so only root and this user may have write access to their directory. Throws InvalidArgument,
 * ERR_DIRECTORY_UNSAFE.
 */
export async function readRestore(
  checkpoint: string,
  workPath: string,
  { path: bundle, spec }: Bundle,
  signal: AbortSignal,
): Promise<RestoreFrom | undefined> {
  if (checkpoint === '') return undefined;
  return {
    imagePath: await lookAt(checkpoint, signal),
    // If others could write there, a link with the name of criu's log would redirect the log.
    workPath: workPath === '' ? workPathIn(bundle) : await lookAt(workPath, signal),
    cgroupsPath: spec.linux?.cgroupsPath ?? undefined,
  };
}

/** The default directory in which criu works. containerd removes it with the container. */
const workPathIn = (bundle: string): string => join(bundle, 'work');

/**
 * The real path, because a link in `path` may be changed later. A child process looks at the directory: if a disk
 * hangs, only this container waits.
 */
async function lookAt(path: string, signal: AbortSignal): Promise<string> {
  if (!isAbsolute(path)) throw invalid(`${path} is not an absolute path`);
  try {
    return await trustedDirectoryElsewhere(path, 'ours or root', { timeoutMs: 10_000, signal });
  } catch (error) {
    throw error instanceof TermshimError && error.code === 'ERR_SYSTEM' ? invalid(error.message) : error;
  }
}

function invalid(reason: string): RpcError {
  return new RpcError(Code.InvalidArgument, `the checkpoint to restore from: ${reason}`);
}
