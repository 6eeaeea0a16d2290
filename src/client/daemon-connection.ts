/**
 * A command's connection to the user's daemon. The containers belong to the daemon, so they outlive the commands.
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
  /** Makes FIFOs for a client of a session. */
  fifoDirectory(ids: ProcessIds): FifoDirectory;
  /**
   * Call it when the input has ended and the command has closed its end of the FIFO. The user's daemon notices this at
   * the FIFO; an external shim does not.
   */
  inputEnded(ids: ProcessIds): Promise<void>;
  /**
   * Call it when the command's stdout or stderr has lost its reader. As with `inputEnded`, an external shim does not
   * notice this at the FIFO. Takes over the FIFO of the output.
   */
  readerLeft(ids: ProcessIds, from: FifoReader): Promise<void>;
  /**
   * Call it after Wait: settles when the output of the process was copied to its FIFOs. The user's daemon copies it
   * before it answers Wait. With an external shim, this waits until `seen` settles, or for 10 s in which `attached` is
   * not blocked.
   *
   * @param seen settles when all output was read or is not wanted
   */
  outputCopied(attached: Pick<Attachment, 'isBlocked'>, seen: Promise<unknown>): Promise<void>;
  /** Resolves when the connection is closed, by either side. */
  readonly closed: Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** `reserve` is the id of a container that will be created: the daemon does not end before. */
export type ConnectOptions = { start: false } | { start: true; reserve: string };

/** Throws ERR_NO_DAEMON, ERR_DAEMON_FAILED, ERR_START_TIMEOUT, and ERR_SYSTEM for a socket that cannot be dialled. */
export async function connectDaemon(options: ConnectOptions): Promise<DaemonConnection> {
  if (options.start) return reachDaemon(options.reserve);
  const connection = await dialDaemon();
  if (connection !== undefined) return daemonConnection(connection);
  throw new TermshimError('ERR_NO_DAEMON', 'no daemon runs; `termshim run` starts one');
}

/** How long to wait for a daemon. Node takes 50 ms to start on an idle machine. */
const timeoutMs = 10_000;

/** A daemon that is about to end refuses, or closes the connection: it is asked again until it has ended. */
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
