/**
 * Attaches a terminal in a browser to a session. It is a client like any other, whose FIFOs are copied to and from a
 * WebSocket.
 *
 * Output is sent as binary messages. The page reports how much of it the terminal has shown: no more is sent while
 * `windowBytes` are under way. Further output waits in the daemon, which skips output for a client that is too slow.
 * Messages of the page are JSON; see `Said`.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { WebSocket } from 'ws';
import { DescriptorReader } from '../os/descriptor-reader.js';
import { createFifo, FifoReader, FifoWriter } from '../os/fifo.js';
import { createPrivateDirectory } from '../os/file/private-directory.js';
import { createWriteQueue } from '../stdio/copy/write-queue.js';
import type { Client } from '../ttrpc/client.js';
import type { TaskDefinition } from '../ttrpc/gen/containerd/task.js';
import type { SessionsDefinition } from '../ttrpc/gen/termshim/sessions.js';

export interface Daemon {
  task: Client<typeof TaskDefinition>;
  sessions: Client<typeof SessionsDefinition>;
}

export interface BridgeOptions {
  id: string;
  execId: string;
  columns: number;
  rows: number;
}

/** How much output may be on its way to the terminal of the page. */
const windowBytes = 256 * 1024;

/** If the session has not taken so many typed bytes, no more messages of the page are read. */
const mostTyped = 1024 * 1024;

const cells = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));

/** The messages of the page. */
const said = v.variant('kind', [
  v.object({ kind: v.literal('typed'), text: v.string() }),
  /** Bytes as characters of Latin-1: mouse reports in the old encoding. */
  v.object({ kind: v.literal('bytes'), text: v.string() }),
  v.object({ kind: v.literal('size'), columns: cells, rows: cells }),
  v.object({ kind: v.literal('shown'), bytes: v.pipe(v.number(), v.integer(), v.minValue(0)) }),
]);

export type Said = v.InferOutput<typeof said>;

/**
 * Attaches the socket to a session until either of them ends. The page gets `{"kind":"attached"}` when its messages are
 * read. Rejects if there is no such session.
 */
export async function bridge(socket: WebSocket, daemon: Daemon, { id, execId, ...size }: BridgeOptions): Promise<void> {
  // The socket may be closed before the session answers.
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const directory = createPrivateDirectory('web');
  const [input, output] = [join(directory.path, 'in'), join(directory.path, 'out')];
  let reader: FifoReader | undefined;
  let writer: FifoWriter | undefined;
  try {
    for (const path of [input, output]) createFifo(path);
    reader = FifoReader.open(output);
    const request = { id, execId, stdin: input, stdout: output, ...size, replay: true, label: 'browser' };
    const { client } = await daemon.sessions.attach(request);
    writer = await FifoWriter.open(input, { timeoutMs: 5000 });
    const sending = sendOutput(socket, reader, closed);
    const onSize = latest((window: Window) => daemon.sessions.resize({ id, execId, client, ...window }));
    const taking = takeInput({ socket, closed, writer, onSize, onShown: sending.onShown });
    socket.send(JSON.stringify({ kind: 'attached' }));
    await Promise.all([sending.ended, taking]);
    if (socket.readyState === WebSocket.OPEN) await tellExit(socket, daemon, { id, execId });
  } finally {
    reader?.close();
    writer?.close();
    directory.remove();
  }
}

interface Window {
  columns: number;
  rows: number;
}

/** Makes one call at a time. Of the values that come meanwhile, only the last one counts. Errors are ignored. */
function latest<T>(call: (value: T) => Promise<unknown>): (value: T) => void {
  let next: { value: T } | undefined;
  let isCalling = false;
  return (value) => {
    next = { value };
    if (isCalling) return;
    isCalling = true;
    void (async () => {
      while (next !== undefined) {
        const current = next.value;
        next = undefined;
        await call(current).catch(() => {});
      }
      isCalling = false;
    })();
  };
}

interface Sending {
  /** Settles when the session's output has ended or the socket is closed. */
  ended: Promise<void>;
  onShown: (bytes: number) => void;
}

function sendOutput(socket: WebSocket, { fd }: FifoReader, closed: Promise<void>): Sending {
  let underWay = 0;
  let settle = (): void => {};
  const ended = new Promise<void>((resolve) => (settle = resolve));
  const reader = new DescriptorReader({
    source: fd,
    name: 'output',
    block: Buffer.alloc(64 * 1024),
    onBytes(bytes) {
      underWay += bytes.length;
      // The socket keeps the bytes.
      socket.send(Buffer.from(bytes));
      return underWay < windowBytes;
    },
    onEnd: settle,
  });
  void closed.then(settle);
  void ended.then(() => reader.close());
  return {
    ended,
    onShown(bytes) {
      // Bytes that are still in this process were not shown, whatever the page reports.
      underWay = Math.max(underWay - bytes, socket.bufferedAmount, 0);
      if (underWay < windowBytes) reader.resume();
    },
  };
}

interface Taking {
  socket: WebSocket;
  closed: Promise<void>;
  writer: FifoWriter;
  onSize: (size: Window) => void;
  onShown: (bytes: number) => void;
}

/** Settles when the socket is closed or the session takes no more input. */
function takeInput({ socket, closed, writer: { fd }, onSize, onShown }: Taking): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      queue.close();
      resolve();
    };
    const queue = createWriteQueue({ fd, onDrain: () => socket.resume(), onBroken: settle });
    const type = (bytes: Buffer): void => {
      queue.write(bytes);
      if (queue.pendingBytes > mostTyped) socket.pause();
    };
    void closed.then(settle);
    socket.on('message', (data: Buffer) => {
      const message = parse(data.toString());
      if (message === undefined) socket.close(1008, 'invalid message');
      else if (message.kind === 'typed') type(Buffer.from(message.text));
      else if (message.kind === 'bytes') type(Buffer.from(message.text, 'latin1'));
      else if (message.kind === 'shown') onShown(message.bytes);
      else onSize(message);
    });
  });
}

function parse(text: string): Said | undefined {
  try {
    return v.parse(said, JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function tellExit(socket: WebSocket, daemon: Daemon, ids: { id: string; execId: string }): Promise<void> {
  const { exitStatus } = await daemon.task.wait(ids);
  socket.send(JSON.stringify({ kind: 'exit', status: exitStatus }));
  socket.close(1000, 'ended');
}
