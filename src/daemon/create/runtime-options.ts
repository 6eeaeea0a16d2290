/**
 * Reads the options that containerd passes for a container, in each message type that its versions use. The type
 * depends on the name of the runtime. `io.containerd.runc.v2` gets runc's options, whatever program the shim is.
 * Another name gets a table of containerd's configuration as TOML or, from clients before 2.0, a message of version 1.
 */
import { isAbsolute } from 'node:path';
import { messageOf, TermshimError } from '../../errors/errors.js';
import { readElsewhere } from '../../os/file/read-in-child.js';
import { CreateOptions, RuncOptions } from '../../ttrpc/gen/containerd/linux-runc-options.js';
import { Options } from '../../ttrpc/gen/containerd/runc-options.js';
import { Options as GenericOptions } from '../../ttrpc/gen/containerd/runtimeoptions.js';
import type { Any } from '../../ttrpc/gen/google/protobuf/any.js';
import { message, unpackAny } from '../../ttrpc/message.js';
import { Code, RpcError } from '../../ttrpc/status.js';
import { maxTomlBytes, optionsFromToml } from './toml-options.js';

/**
 * A missing option has its default, and a message without a value has no options, whatever its type. Throws
 * InvalidArgument for a malformed message, an unknown type, and a configuration that is not understood.
 */
export async function readRuntimeOptions(any: Any | undefined, signal?: AbortSignal): Promise<Options> {
  if (any === undefined || any.value.length === 0) return message(Options);
  const generic = unpackAny(GenericOptions, any);
  if (generic !== undefined) return fromGeneric(generic, signal);
  const options = unpackAny(Options, any) ?? fromCreateOptions(any) ?? fromRuncOptions(any);
  if (options === undefined) throw invalid(`unknown type ${any.typeUrl}`);
  return options;
}

/** If there are both a file and a table, the file counts, as in containerd. */
async function fromGeneric(options: GenericOptions, signal: AbortSignal | undefined): Promise<Options> {
  const { typeUrl, configPath, configBody } = options;
  const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  if (type !== '' && type !== Options.$type) {
    throw invalid(`the TypeUrl must be ${Options.$type}, but it is ${typeUrl}`);
  }
  const toml = configPath === '' ? configBody : await readConfig(configPath, signal);
  try {
    return optionsFromToml(toml);
  } catch (error) {
    throw invalid(`${configPath === '' ? 'the table of options' : configPath}: ${messageOf(error)}`);
  }
}

/** A child process reads the file: if a disk hangs, only this container waits. */
async function readConfig(path: string, signal: AbortSignal | undefined): Promise<Buffer> {
  if (!isAbsolute(path)) throw invalid(`the ConfigPath ${path} is not an absolute path`);
  try {
    return await readElsewhere(path, { maxBytes: maxTomlBytes + 1, timeoutMs: 10_000, signal });
  } catch (error) {
    throw error instanceof TermshimError ? invalid(error.message) : error;
  }
}

function fromCreateOptions(any: Any): Options | undefined {
  const options = unpackAny(CreateOptions, any);
  if (options === undefined) return undefined;
  const { noPivotRoot, noNewKeyring, shimCgroup, ioUid, ioGid, criuImagePath, criuWorkPath } = options;
  return message(Options, { noPivotRoot, noNewKeyring, shimCgroup, ioUid, ioGid, criuImagePath, criuWorkPath });
}

function fromRuncOptions(any: Any): Options | undefined {
  const options = unpackAny(RuncOptions, any);
  if (options === undefined) return undefined;
  return message(Options, {
    binaryName: options.runtime,
    root: options.runtimeRoot,
    systemdCgroup: options.systemdCgroup,
  });
}

function invalid(reason: string): RpcError {
  return new RpcError(Code.InvalidArgument, `the runtime options: ${reason}`);
}
