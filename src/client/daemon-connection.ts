/**
 * A command's connection to the user's daemon. The containers belong to the daemon, so they outlive the commands.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { TermshimError, messageOf } from '../errors/errors.js';
import { clientOf } from '../ttrpc/client.js';
import type { TtrpcConnection } from '../ttrpc/client-connection.js';
import { TaskDefinition } from '../ttrpc/gen/containerd/task.js';
import { SessionsDefinition } from '../ttrpc/gen/termshim/sessions.js';
import { ShimDefinition } from '../ttrpc/gen/termshim/shim.js';
import { Code, RpcError } from '../ttrpc/status.js';
import { dialDaemon } from './daemon-socket.js';
import { createFifoDirectory } from './fifo-directory.js';
import { removeDeadSocket, startDaemon } from './start-daemon.js';
import { type DaemonConnection } from './connection.js';

/** `reserve` is the id of a container that will be created: the daemon does not end before. */
export type ConnectOptions = { start: false } | { start: true; reserve: string };

/** Throws ERR_NO_DAEMON, ERR_DAEMON_FAILED, ERR_START_TIMEOUT, and ERR_SYSTEM for a socket that cannot be dialled. */
export async function connectDaemon(options: ConnectOptions): Promise<DaemonConnection> {
  if (options.start) return reachDaemon(options.reserve);
  const connection = await dialDaemon();
  if (connection !== undefined) return daemonConnection(connection);
  throw new TermshimError('ERR_NO_DAEMON', 'no daemon is running; `termshim run` starts one');
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
        throw failed('could not start', lastWords() || messageOf(error), error);
      }
      const isEnding = error instanceof RpcError && error.code === Code.Unavailable;
      if (!isEnding || performance.now() > deadline)
        throw failed('did not accept the container', messageOf(error), error);
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
