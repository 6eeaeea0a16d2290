/** The server's side of one connection. */
import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { type CallOptions, answerCall } from './call.js';
import { frameConnection } from './connection.js';
import { FrameType, type ReceivedFrame } from './frame.js';
import { Response } from './gen/ttrpc.js';
import { mostCalls, tooMany } from './limits.js';
import { Code, RpcError, statusOf } from './status.js';

export interface ServerConnection {
  /** Refuses new calls, and closes the connection when the calls in flight are answered. */
  close(): void;
  /** Closes the connection now, and aborts the contexts of the calls in flight. */
  destroy(): void;
  readonly closed: Promise<void>;
}

/** Takes over the socket. */
export function serveConnection(socket: Socket, options: CallOptions): ServerConnection {
  const calls = new Map<number, AbortController>();
  const gone = new AbortController();
  /* Any number of calls and containers may listen to this signal. */
  setMaxListeners(0, gone.signal);
  let lastStreamId = 0;
  let isClosing = false;
  let resolveClosed = (): void => {};
  const closed = new Promise<void>((resolve) => (resolveClosed = resolve));
  const connection = frameConnection(socket, { onFrame, onClose });
  socket.on('drain', () => socket.resume());

  /** A frame that breaks a rule is answered on its stream, as Go's server does; the other calls go on. */
  function onFrame(frame: ReceivedFrame): void {
    const { streamId, type } = frame;
    if (streamId % 2 === 0)
      return refuse(streamId, invalid(`stream ${streamId}: the id of a client's stream must be odd`));
    if (type === FrameType.data) return refuse(streamId, invalid(`stream ${streamId} does not accept data`));
    // A type of a later protocol is ignored.
    if (type !== FrameType.request) return;
    if (streamId <= lastStreamId) {
      return refuse(
        streamId,
        invalid(`stream ${streamId} comes after ${lastStreamId}: the id of a new stream must be greater`),
      );
    }
    lastStreamId = streamId;
    if (isClosing) return refuse(streamId, new RpcError(Code.Unavailable, 'the server is closing'));
    if (calls.size >= mostCalls) return refuse(streamId, tooMany(`${mostCalls} calls`));
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

  /** If a client does not read its answers, reads none of its requests until it does. */
  function respond(streamId: number, payload: Uint8Array): void {
    if (!connection.send({ streamId, type: FrameType.response, payload })) socket.pause();
  }

  /** Sends no details, since the metadata of the request has not been read. */
  function refuse(streamId: number, error: RpcError): void {
    const status = statusOf(error, { hasDetails: false });
    respond(streamId, Response.encode({ status, payload: new Uint8Array(0) }).finish());
  }

  function onClose(fault: unknown): void {
    if (fault !== undefined) options.onError(fault, 'a connection');
    const reason = new RpcError(Code.Canceled, 'the client has disconnected');
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

function invalid(words: string): RpcError {
  return new RpcError(Code.InvalidArgument, words);
}
