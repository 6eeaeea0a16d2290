import { CheckpointOptions as LegacyOptions } from '../ttrpc/gen/containerd/linux-runc-options.js';
import { CheckpointOptions } from '../ttrpc/gen/containerd/runc-options.js';
import type { Any } from '../ttrpc/gen/google/protobuf/any.js';
import type { CheckpointOptions as RuntimeCheckpoint } from '../runtime/runtime-arguments.js';
import { message, unpackAny } from '../ttrpc/message.js';
import { Code, RpcError } from '../ttrpc/status.js';

/** What a request Checkpoint asks of the runtime. The options' path counts where the request has none. */
export function readCheckpoint(path: string, any: Any | undefined): RuntimeCheckpoint {
  const options = decode(any);
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

/** Those of a client before 2.0 for a runtime whose name is not runc's have other numbers, and no parent. */
function decode(any: Any | undefined): CheckpointOptions {
  if (any === undefined || any.value.length === 0) return message(CheckpointOptions);
  const options = unpackAny(CheckpointOptions, any);
  if (options !== undefined) return options;
  const legacy = unpackAny(LegacyOptions, any);
  if (legacy !== undefined) return { ...legacy, parentPath: '' };
  throw new RpcError(Code.InvalidArgument, `checkpoint options of the type ${any.typeUrl} are not understood`);
}
