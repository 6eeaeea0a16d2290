/** One call at the server, from its request to its answer. */
import { TermshimError } from '../errors/errors.js';
import { startDeadline } from './deadline.js';
import { maxPayloadBytes } from './frame.js';
import { Request, Response } from './gen/ttrpc.js';
import { decodeMessage } from './message.js';
import type { Handler, Service } from './service.js';
import { Code, RpcError, detailsKey, statusOf, tooLong } from './status.js';

/** Called with an unexpected error and its source, such as `containerd.task.v2.Task/Create`. */
export type ErrorListener = (fault: unknown, method: string) => void;

export interface CallOptions {
  readonly services: ReadonlyMap<string, Service>;
  readonly onError: ErrorListener;
}

/** A call in flight. */
export interface Call {
  /** Its signal is the signal of the call's context. Aborting it ends the call, as the deadline does. */
  readonly abort: AbortController;
  /** Aborted when the connection of the client is closed. */
  readonly connection: AbortSignal;
}

/**
 * Answers the request in `payload`: returns the payload of the response, which may be an error. Never fails.
 *
 * @param payload undefined if the request was too long to be read
 */
export async function answerCall(
  payload: Uint8Array | undefined,
  call: Call,
  { services, onError }: CallOptions,
): Promise<Uint8Array> {
  let method = 'a request';
  let hasDetails = false;
  try {
    if (payload === undefined) throw tooLong('the request');
    const request = decodeMessage(Request, payload);
    method = `${request.service}/${request.method}`;
    hasDetails = request.metadata.some(({ key }) => key === detailsKey);
    const response = await runCall(request, findHandler(services, request), call, method);
    const answer = Response.encode({ status: undefined, payload: response }).finish();
    if (answer.length > maxPayloadBytes) throw tooLong('the response');
    return answer;
  } catch (error) {
    if (!(error instanceof RpcError || error instanceof TermshimError)) onError(error, method);
    return Response.encode({ status: statusOf(error, { hasDetails }), payload: new Uint8Array(0) }).finish();
  }
}

function findHandler(services: ReadonlyMap<string, Service>, { service, method }: Request): Handler {
  const found = services.get(service);
  if (found === undefined) throw new RpcError(Code.Unimplemented, `there is no service ${service}`);
  const handler = found.methods.get(method);
  if (handler === undefined) throw new RpcError(Code.Unimplemented, `${service} has no method ${method}`);
  return handler;
}

/** If an implementation ignores the signal, it goes on, and the client gets an error all the same. */
async function runCall(request: Request, handler: Handler, call: Call, method: string): Promise<Uint8Array> {
  const { abort, connection } = call;
  const { signal } = abort;
  const passed = new RpcError(Code.DeadlineExceeded, `the deadline of ${method} has passed`);
  /* Go's client sends the time until the deadline, which may have passed. */
  if (request.timeoutNano < 0n) throw passed;
  const stopDeadline = startDeadline(Number(request.timeoutNano) / 1e6, () => abort.abort(passed));
  const metadata = new Map(request.metadata.map(({ key, value }) => [key, value]));
  try {
    return await Promise.race([handler(request.payload, { metadata, signal, connection }), abortion(signal)]);
  } finally {
    stopDeadline();
  }
}

function abortion(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}
