/**
 * The daemon of this user, as the commands see it. All their containers are its own, so they outlive the commands.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { TermshimError, messageOf } from '../errors/errors.js';
import type { FifoReader } from '../os/fifo.js';
import { type Client, clientOf } from '../ttrpc/client.js';
import type { TtrpcConnection } from '../ttrpc/client-connection.js';
import { TaskDefinition } from '../ttrpc/gen/containerd/task.js';
import { SessionsDefinition } from '../ttrpc/gen/termshim/sessions.js';
import { ShimDefinition } from '../ttrpc/gen/termshim/shim.js';
import { Code, RpcError } from '../ttrpc/status.js';
import { dialDaemon } from './daemon-socket.js';
import type { Attachment } from '../terminal/attach.js';
import { type FifoDirectory, createFifoDirectory } from './fifo-directory.js';
import { removeDeadSocket, startDaemon } from './start-daemon.js';

export interface ProcessIds {
  id: string;
  /** Empty for the container's init. */
  execId: string;
}

export interface DaemonConnection extends Disposable {
  readonly task: Client<typeof TaskDefinition>;
  readonly sessions: Client<typeof SessionsDefinition>;
  readonly shim: Client<typeof ShimDefinition>;
  /** For a client of a session. */
  fifoDirectory(ids: ProcessIds): FifoDirectory;
  /** Nobody will type any more; our end of the FIFO is closed. Our own daemon sees it there, and another shim does not. */
  inputEnded(ids: ProcessIds): Promise<void>;
  /** Nobody reads an output any more. As `inputEnded`. Takes the FIFO that it came from over. */
  readerLeft(ids: ProcessIds, from: FifoReader): Promise<void>;
  /**
   * An exit has been told: settles when all that the process wrote before it has been copied to its FIFOs. Our own daemon tells
   * it afterwards. Of another shim only the end says so, or a reader of ours that was not waited for, for a while.
   *
   * @param seen settles when all output was read, or nobody wants it
   */
  outputCopied(attached: Pick<Attachment, 'isBlocked'>, seen: Promise<unknown>): Promise<void>;
  /** Resolves when the connection is closed, by whichever side. */
  readonly closed: Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** `reserve` is the id of a container that will be created: a daemon, new or not, does not end before. */
export type ConnectOptions = { start: false } | { start: true; reserve: string };

/** Throws ERR_NO_DAEMON, ERR_DAEMON_FAILED, ERR_START_TIMEOUT, and ERR_SYSTEM for a socket that cannot be dialled. */
export async function connectDaemon(options: ConnectOptions): Promise<DaemonConnection> {
  if (options.start) return reachDaemon(options.reserve);
  const connection = await dialDaemon();
  if (connection !== undefined) return daemonConnection(connection);
  throw new TermshimError('ERR_NO_DAEMON', 'no daemon runs; `termshim run` starts one');
}

/** Node takes 50 ms to start, on a machine that has nothing else to do. */
const timeoutMs = 10_000;

/** A daemon that is about to end says no, or hangs up, and is asked again until it is gone. */
async function reachDaemon(id: string): Promise<DaemonConnection> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const living = await dialDaemon();
    const { connection, lastWords } = living === undefined ? await startDaemon() : { connection: living };
    const daemon = daemonConnection(connection);
    try {
      await daemon.shim.reserve({ id, whileConnected: true }, { timeoutMs: Math.max(1, deadline - performance.now()) });
      return daemon;
    } catch (error) {
      daemon.close();
      if (lastWords !== undefined) {
        await removeDeadSocket();
        throw failed('could not begin', lastWords() || messageOf(error), error);
      }
      const isEnding = error instanceof RpcError && error.code === Code.Unavailable;
      if (!isEnding || performance.now() > deadline) throw failed('takes no container', messageOf(error), error);
    }
    await delay(10);
  }
}

function failed(what: string, reason: string, cause: unknown): TermshimError {
  return new TermshimError('ERR_DAEMON_FAILED', `the daemon ${what}: ${reason}`, { cause });
}

function daemonConnection(connection: TtrpcConnection): DaemonConnection {
  return {
    task: clientOf(TaskDefinition, connection),
    sessions: clientOf(SessionsDefinition, connection),
    shim: clientOf(ShimDefinition, connection),
    fifoDirectory: createFifoDirectory,
    inputEnded: async () => {},
    readerLeft: async (_, from) => from.close(),
    outputCopied: async () => {},
    closed: connection.closed,
    close: () => connection.close(),
    [Symbol.dispose]: () => connection.close(),
  };
}
