/** A service, from the definition that ts-proto generates and the functions that implement it. */
import { type MessageType, decodeMessage } from './message.js';

/** The context of a call, besides its request. */
export interface CallContext {
  /** `containerd-namespace-ttrpc` is one of the keys. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Aborted when the client does not wait for the answer: the deadline has passed, or the connection is closed. */
  readonly signal: AbortSignal;
  /** Aborted when the connection of the client is closed, even after the answer. */
  readonly connection: AbortSignal;
}

export interface MethodDefinition {
  readonly name: string;
  readonly requestType: MessageType<unknown>;
  readonly responseType: MessageType<unknown>;
}

/** A generated definition, such as `TaskDefinition` of gen/containerd/task.ts. */
export interface ServiceDefinition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

export type RequestOf<M> = M extends { requestType: MessageType<infer Request> } ? Request : never;
export type ResponseOf<M> = M extends { responseType: MessageType<infer Response> } ? Response : never;

/** One function for each method. An error that it throws becomes the call's status: see `statusOf`. */
export type Implementation<D extends ServiceDefinition> = {
  readonly [Name in keyof D['methods']]: (
    request: RequestOf<D['methods'][Name]>,
    context: CallContext,
  ) => ResponseOf<D['methods'][Name]> | Promise<ResponseOf<D['methods'][Name]>>;
};

/** A method with encoded messages. */
export type Handler = (payload: Uint8Array, context: CallContext) => Promise<Uint8Array>;

export interface Service {
  readonly fullName: string;
  readonly methods: ReadonlyMap<string, Handler>;
}

/** @param fullName the definition's by default; version 3 of the Task service is version 2 under another name */
export function service<D extends ServiceDefinition>(
  definition: D,
  implementation: Implementation<D>,
  fullName = definition.fullName,
): Service {
  const functions = implementation as Readonly<Record<string, (request: unknown, context: CallContext) => unknown>>;
  const methods = Object.entries(definition.methods).map(([key, method]): [string, Handler] => [
    method.name,
    async (payload, context) => {
      const request = decodeMessage(method.requestType, payload);
      const response = await functions[key]?.(request, context);
      return method.responseType.encode(response).finish();
    },
  ]);
  return { fullName, methods: new Map(methods) };
}
