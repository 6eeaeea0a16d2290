import { CheckpointOptions } from '../ttrpc/gen/containerd/runc-options.js';
import type { Any } from '../ttrpc/gen/google/protobuf/any.js';
import type { CheckpointOptions as RuntimeCheckpoint } from '../runtime/runtime-arguments.js';
import { Code, RpcError } from '../ttrpc/status.js';

/** What a request Checkpoint asks of the runtime. The options' path counts where the request has none. */
export function readCheckpoint(path: string, any: Any | undefined): RuntimeCheckpoint {
  const options = CheckpointOptions.decode(any?.value ?? new Uint8Array());
  const imagePath = path === '' ? options.imagePath : path;
  if (imagePath === '') throw new RpcError(Code.InvalidArgument, 'a checkpoint needs a path');
  const named = (text: string): string | undefined => (text === '' ? undefined : text);
  return {
    imagePath,
    workPath: named(options.workPath),
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
