/** The server's side of one connection. */
import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { type CallOptions, answerCall } from './call.js';
import { frameConnection } from './connection.js';
import { FrameType, type ReceivedFrame } from './frame.js';
import { Response } from './gen/ttrpc.js';
import { Code, RpcError, statusOf } from './status.js';

export interface ServerConnection {
  /** Takes no more calls, and closes the connection when those in flight are answered. */
  close(): void;
  /** Closes it now; the contexts of the calls in flight are aborted. */
  destroy(): void;
  readonly closed: Promise<void>;
}

/** Takes the socket over. */
export function serveConnection(socket: Socket, options: CallOptions): ServerConnection {
  const calls = new Map<number, AbortController>();
  const gone = new AbortController();
  /* A connection may have any number of calls, and of containers. */
  setMaxListeners(0, gone.signal);
  let lastStreamId = 0;
  let isClosing = false;
  let resolveClosed = (): void => {};
  const closed = new Promise<void>((resolve) => (resolveClosed = resolve));
  const connection = frameConnection(socket, { onFrame, onClose });
  socket.on('drain', () => socket.resume());

  /** Frames of other types belong to streams, which no method of ours has, or to a protocol to come. */
  function onFrame(frame: ReceivedFrame): void {
    if (frame.type !== FrameType.request) return;
    const { streamId } = frame;
    if (streamId % 2 === 0 || streamId <= lastStreamId) return breakOff(streamId);
    lastStreamId = streamId;
    if (isClosing) return refuse(streamId, Code.Unavailable, 'the server is closing');
    void serve(frame);
  }

  async function serve({ streamId, payload }: ReceivedFrame): Promise<void> {
    const abort = new AbortController();
    calls.set(streamId, abort);
    const answer = await answerCall(payload, { abort, connection: gone.signal }, options);
    calls.delete(streamId);
    respond(streamId, answer);
    if (isClosing && calls.size === 0) connection.end();
  }

  /** A client that does not read its answers is not heard until it does. */
  function respond(streamId: number, payload: Uint8Array): void {
    if (!connection.send({ streamId, type: FrameType.response, payload })) socket.pause();
  }

  function refuse(streamId: number, code: Code, words: string): void {
    const status = statusOf(new RpcError(code, words));
    respond(streamId, Response.encode({ status, payload: new Uint8Array(0) }).finish());
  }

  /** An id that was used before could be one of a call in flight: who is answered then is anybody's guess. */
  function breakOff(streamId: number): void {
    refuse(streamId, Code.InvalidArgument, `stream ${streamId} after ${lastStreamId}: ids are odd, and grow`);
    connection.end();
  }

  function onClose(fault: unknown): void {
    if (fault !== undefined) options.onFault(fault, 'a connection');
    const reason = new RpcError(Code.Canceled, 'the client is gone');
    for (const call of calls.values()) call.abort(reason);
    gone.abort(reason);
    resolveClosed();
  }

  return {
    close() {
      isClosing = true;
      if (calls.size === 0) connection.end();
    },
    destroy: () => connection.destroy(),
    closed,
  };
}
