/** Both sides of ttrpc: termshim's server and client at a socket, and a client that sends any frames. */
import { once } from 'node:events';
import { type Socket, createConnection } from 'node:net';
import { join } from 'node:path';
import { addon } from '../../../src/native/addon.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import { connectTtrpc } from '../../../src/ttrpc/client.js';
import type { TtrpcConnection } from '../../../src/ttrpc/client-connection.js';
import { type Frame, FrameType, type ReceivedFrame, encodeFrame, frameDecoder } from '../../../src/ttrpc/frame.js';
import { StateRequest, StateResponse } from '../../../src/ttrpc/gen/containerd/task.js';
import type { Status } from '../../../src/ttrpc/gen/google/rpc/status.js';
import { Request, Response } from '../../../src/ttrpc/gen/ttrpc.js';
import { type MessageType, message } from '../../../src/ttrpc/message.js';
import { type TtrpcServer, serveTtrpc } from '../../../src/ttrpc/server.js';
import { type Implementation, type Service, service } from '../../../src/ttrpc/service.js';
import type { Scope } from '../base/leak-free.js';
import { temporaryDirectory } from '../base/temporary-directory.js';
import { within } from '../base/wait-for.js';

/** A service of one method; the messages are borrowed. */
export const SayDefinition = {
  fullName: 'test.Words',
  methods: {
    say: {
      name: 'Say',
      requestType: StateRequest as MessageType<StateRequest>,
      responseType: StateResponse as MessageType<StateResponse>,
    },
  },
} as const;

export type Say = Implementation<typeof SayDefinition>['say'];

/** Answers with the request's id as the bundle. */
export const echo: Say = ({ id }) => message(StateResponse, { bundle: id });

export function sayService(say: Say): Service {
  return service(SayDefinition, { say });
}

export interface Served {
  readonly server: TtrpcServer;
  readonly path: string;
  /** What `onError` was told, as `place: message`. */
  readonly faults: string[];
}

/** Serves until the test is over. */
export function serve(scope: Scope, services: readonly Service[]): Served {
  const path = join(temporaryDirectory(scope), 'socket');
  const listener = new OwnedFd(addon.socket_listen(path, 0o600), 'the listener of a test');
  const faults: string[] = [];
  const onError = (fault: unknown, place: string): void => void faults.push(`${place}: ${(fault as Error).message}`);
  const server = serveTtrpc(listener, services, { onError });
  scope.after(() => server.destroy());
  return { server, path, faults };
}

export async function connect(scope: Scope, path: string): Promise<TtrpcConnection> {
  const connection = await connectTtrpc(path);
  scope.after(() => connection.close());
  return connection;
}

export interface Answer {
  readonly streamId: number;
  readonly status: Status | undefined;
  /** Of the StateResponse; empty for an error. */
  readonly bundle: string;
}

export interface RawClient {
  readonly socket: Socket;
  send(...frames: readonly Frame[]): void;
  /** The next frame that comes, as the answer of `say`. */
  answer(): Promise<Answer>;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<unknown>;
}

export async function dialRaw(scope: Scope, path: string): Promise<RawClient> {
  const socket = createConnection(path);
  scope.after(() => socket.destroy());
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  const received: ReceivedFrame[] = [];
  const decode = frameDecoder((frame) => void received.push(frame));
  let wake = (): void => {};
  socket.on('data', (chunk) => {
    decode(chunk);
    wake();
  });
  const next = async (): Promise<ReceivedFrame> => {
    while (received.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return received.shift() as ReceivedFrame;
  };
  return {
    socket,
    send: (...frames) => void socket.write(Buffer.concat(frames.map(encodeFrame))),
    answer: async () => readAnswer(await within(next(), 'an answer')),
    closed,
  };
}

function readAnswer({ streamId, payload }: ReceivedFrame): Answer {
  const response = Response.decode(payload as Uint8Array);
  return { streamId, status: response.status, bundle: StateResponse.decode(response.payload).bundle };
}

/** The frame of a request, by default one that says `id`. */
export function requestFrame(streamId: number, id: string, fields: Partial<Request> = {}): Frame {
  const payload = StateRequest.encode(message(StateRequest, { id })).finish();
  const request = message(Request, { service: SayDefinition.fullName, method: 'Say', payload, ...fields });
  return { streamId, type: FrameType.request, payload: Request.encode(request).finish() };
}
