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
  /** The deadline, for the server too. 0, as it is unless told otherwise, waits without end. */
  timeoutMs?: number;
  /** Ends the wait with the signal's reason. The server is not told: ttrpc has no way to. */
  signal?: AbortSignal;
  metadata?: Iterable<readonly [string, string]>;
}

/** Keeps the process alive until it is closed. */
export interface TtrpcConnection extends Disposable {
  /** A call by names, with the payloads as they are. Fails with an RpcError, or the signal's reason. */
  call(service: string, method: string, payload: Uint8Array, options?: CallOptions): Promise<Uint8Array>;
  /** Resolves when the connection is closed, by whichever side. */
  readonly closed: Promise<void>;
  /** Calls in flight fail with Unavailable, as they do when the server goes. Idempotent. */
  close(): void;
}

/** Takes the socket over, which is connected to `path`. */
export function clientConnection(socket: Socket, path: string): TtrpcConnection {
  const calls = new Map<number, PendingCall>();
  let nextStreamId = 1;
  let isOpen = true;
  let resolveClosed = (): void => {};
  const closed = new Promise<void>((resolve) => (resolveClosed = resolve));
  const connection = frameConnection(socket, {
    /* A call that was given up is answered too, and nobody waits for that. */
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
      /* Many calls may have one signal. At the eleventh listener Node would write a warning on stderr. */
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
