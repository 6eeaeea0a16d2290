/** The client's side of one connection. */
import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { messageOf } from '../errors/errors.js';
import { frameConnection } from './connection.js';
import { startDeadline } from './deadline.js';
import { FrameType, maxPayloadBytes } from './frame.js';
import { Request, Response } from './gen/ttrpc.js';
import { decodeMessage } from './message.js';
import { Code, RpcError, detailsKey, errorOf, tooLong } from './status.js';

export interface CallOptions {
  /** How long the call may take, on the server too. 0, the default, waits without end. */
  timeoutMs?: number;
  /** Ends the wait with the signal's reason. The server goes on: ttrpc has no frame that cancels a call. */
  signal?: AbortSignal;
  metadata?: Iterable<readonly [string, string]>;
}

/** Keeps this process alive until it is closed. */
export interface TtrpcConnection extends Disposable {
  /** Calls a method by its name, with encoded messages. Fails with an RpcError, or the signal's reason. */
  call(service: string, method: string, payload: Uint8Array, options?: CallOptions): Promise<Uint8Array>;
  /** Resolves when either side has closed the connection. */
  readonly closed: Promise<void>;
  /** Closes the connection. Calls in flight fail with Unavailable, as they do if the server closes it. Idempotent. */
  close(): void;
}

/** Takes over a socket that is connected to `path`. */
export function clientConnection(socket: Socket, path: string): TtrpcConnection {
  const calls = new Map<number, PendingCall>();
  let nextStreamId = 1;
  let isOpen = true;
  let resolveClosed = (): void => {};
  const closed = new Promise<void>((resolve) => (resolveClosed = resolve));
  const connection = frameConnection(socket, {
    /* The server also answers calls that were given up. Those answers are dropped. */
    onFrame({ streamId, type, payload }) {
      if (type === FrameType.response) calls.get(streamId)?.resolve(payload);
    },
    onClose(fault) {
      isOpen = false;
      for (const call of calls.values()) call.reject(closedError(path, fault));
      resolveClosed();
    },
  });

  /** Resolves with the payload of the answer; undefined if that is too long. */
  function exchange(payload: Uint8Array, { timeoutMs = 0, signal }: CallOptions): Promise<Uint8Array | undefined> {
    const streamId = nextStreamId;
    nextStreamId += 2;
    const passed = new RpcError(Code.DeadlineExceeded, `${path} did not answer within ${timeoutMs / 1000} s`);
    let forget = (): void => {};
    const answer = new Promise<Uint8Array | undefined>((resolve, reject) => {
      const abort = (): void => reject(signal?.reason);
      const stopDeadline = startDeadline(timeoutMs, () => reject(passed));
      signal?.addEventListener('abort', abort);
      calls.set(streamId, { resolve, reject });
      forget = () => {
        stopDeadline();
        signal?.removeEventListener('abort', abort);
        calls.delete(streamId);
      };
    });
    connection.send({ streamId, type: FrameType.request, payload });
    return answer.finally(forget);
  }

  return {
    async call(service, method, payload, options = {}) {
      options.signal?.throwIfAborted();
      /* Many calls may share a signal. At the eleventh listener Node would write a warning to stderr. */
      if (options.signal !== undefined) setMaxListeners(0, options.signal);
      if (!isOpen) throw closedError(path, undefined);
      const answer = await exchange(encodeRequest(service, method, payload, options), options);
      return decodeResponse(answer);
    },
    closed,
    close: () => connection.destroy(),
    [Symbol.dispose]: () => connection.destroy(),
  };
}

interface PendingCall {
  resolve(answer: Uint8Array | undefined): void;
  reject(error: RpcError): void;
}

function closedError(path: string, fault: unknown): RpcError {
  const why = fault === undefined ? '' : `: ${messageOf(fault)}`;
  return new RpcError(Code.Unavailable, `the connection to ${path} is closed${why}`);
}

function encodeRequest(
  service: string,
  method: string,
  payload: Uint8Array,
  { timeoutMs = 0, metadata = [] }: CallOptions,
): Uint8Array {
  const timeoutNano = BigInt(Math.round(timeoutMs * 1e6));
  const pairs = Array.from([[detailsKey, 'yes'], ...metadata] as const, ([key, value]) => ({ key, value }));
  const request = Request.encode({ service, method, payload, timeoutNano, metadata: pairs }).finish();
  if (request.length > maxPayloadBytes) throw tooLong('the request');
  return request;
}

function decodeResponse(answer: Uint8Array | undefined): Uint8Array {
  if (answer === undefined) throw tooLong('the response');
  const { status, payload } = decodeMessage(Response, answer, Code.Internal);
  if (status !== undefined && status.code !== Code.OK) throw errorOf(status);
  return payload;
}
