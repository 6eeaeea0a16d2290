/** Protobuf messages, by the functions that ts-proto generates for each type. */
import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { messageOf } from '../errors/errors.js';
import type { Any } from './gen/google/protobuf/any.js';
import type { Timestamp } from './gen/google/protobuf/timestamp.js';
import { Code, RpcError } from './status.js';

/** The functions of a generated type, such as `TaskExit` of gen/containerd/task-events.ts. */
export interface MessageType<T> {
  /** Its full name, such as `containerd.events.TaskExit`. */
  readonly $type: string;
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
}

/** A whole message: the fields that are not given have protobuf's defaults. */
export function message<T>(type: MessageType<T>, fields: Partial<T> = {}): T {
  return { ...type.decode(new Uint8Array(0)), ...fields };
}

/** Throws an RpcError with `code` if the bytes are no message of this type. */
export function decodeMessage<T>(type: MessageType<T>, bytes: Uint8Array, code: Code = Code.InvalidArgument): T {
  try {
    return type.decode(bytes);
  } catch (error) {
    throw new RpcError(code, `this is not a ${type.$type}: ${messageOf(error)}`, { cause: error });
  }
}

/** A message in an Any. containerd's type URLs are the bare full names. */
export function packAny<T>(type: MessageType<T>, fields: Partial<T>): Any {
  return { typeUrl: type.$type, value: type.encode(message(type, fields)).finish() };
}

/** The message in an Any; undefined if it is of another type, or there is none. */
export function unpackAny<T>(type: MessageType<T>, any: Any | undefined): T | undefined {
  if (any === undefined || any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1) !== type.$type) return undefined;
  return decodeMessage(type, any.value);
}

/** `milliseconds` since the epoch, as Date.now() has them. */
export function timestampOf(milliseconds: number): Timestamp {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((milliseconds - seconds * 1000) * 1e6) };
}
