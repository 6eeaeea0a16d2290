/**
 * The streams of Exec and Attach, as kubectl and the API server use them: a WebSocket whose messages begin with the
 * number of a channel. The protocol is `v4.channel.k8s.io`.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { waitFor, within } from '../base/wait-for.js';

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

export interface Streams {
  /** What came so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Waits until stdout has the text, and answers with all of it. */
  expect(text: string): Promise<string>;
  type(text: string | Uint8Array): void;
  resize(columns: number, rows: number): void;
  /** Waits for the runtime's end, and answers with its last words on the channel of errors: a status as JSON. */
  ended(): Promise<string>;
  /** Leaves, as a client that is killed does. */
  leave(): Promise<void>;
}

/** `url` is the answer of Exec or Attach. */
export async function openStreams(url: string): Promise<Streams> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'v4.channel.k8s.io');
  const received = [[], [], [], []] as Buffer[][];
  const textOf = (name: 'stdout' | 'stderr' | 'error'): string =>
    Buffer.concat(received[channels[name]] ?? []).toString();
  socket.on('message', (message: Buffer) => received[message[0] ?? 0]?.push(message.subarray(1)));
  const closed = once(socket, 'close');
  await within(once(socket, 'open'), 'the streaming server to answer');
  const send = (channel: number, data: string | Uint8Array): void =>
    socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(data)]));
  return {
    get stdout() {
      return textOf('stdout');
    },
    get stderr() {
      return textOf('stderr');
    },
    expect: (text) => waitFor(() => textOf('stdout').includes(text) && textOf('stdout'), JSON.stringify(text)),
    type: (text) => send(channels.stdin, text),
    resize: (columns, rows) => send(channels.resize, JSON.stringify({ Width: columns, Height: rows })),
    async ended() {
      await within(closed, 'the end of the streams');
      return textOf('error');
    },
    async leave() {
      socket.terminate();
      await within(closed, 'the end of the connection');
    },
  };
}
