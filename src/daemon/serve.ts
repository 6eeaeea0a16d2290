/**
 * What a daemon does, whoever started it: it serves the Task service at a socket, and tells containerd of what happens,
 * where there is one.
 */
import { rmSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../errors/errors.js';
import type { OwnedFd } from '../os/owned-fd.js';
import { becomeSubreaper } from '../os/process/subreaper.js';
import { backgroundDone } from '../async/background.js';
import { createSessions } from '../sessions/sessions.js';
import { serveTtrpc } from '../ttrpc/server.js';
import { Code, RpcError } from '../ttrpc/status.js';
import { version } from '../version.js';
import { eventMessage } from './event-message.js';
import { watchIdle } from './idle.js';
import { type Log, createLog } from './daemon-log.js';
import { type Publisher, createPublisher } from './publisher.js';
import { writeReport } from './report.js';
import { shimService } from './shim-service.js';
import { cleanUp } from './cleanup/cleanup.js';
import { taskServices } from './task-service.js';
import { type Tasks, createTasks } from './tasks.js';

export interface DaemonOptions {
  /** It listens already. Taken over. */
  listener: OwnedFd;
  /** Its path, which is removed at the end; undefined where it is not ours to remove. */
  socket: string | undefined;
  /** The file that is our stderr, which is removed at the end unless something stands in it. */
  log?: string | undefined;
  /** containerd's, by which the state of its containers is kept apart. */
  namespace: string;
  /** Of containerd's own socket; undefined without containerd, where nobody waits for events. */
  address: string | undefined;
  isDebug: boolean;
  /** After how long without a container, a client and a reservation it ends by itself; undefined: never. */
  idleExitMs?: number | undefined;
  /** Told once, when the daemon has ended in good order. */
  onEnd: () => void;
}

export interface Daemon {
  readonly tasks: Tasks;
  /** It ends when it has no container any more. */
  endWhenEmpty(): void;
}

/** How long the last events, and the last answers, may take. */
const farewellMs = 5000;

/** How long a log driver may take that was told to stop, before it is killed, and a little more. */
const finishMs = 15_000;

/** Serves until it is asked to end and nothing is left. */
export function serveDaemon(options: DaemonOptions): Daemon {
  const { socket, namespace, address, isDebug } = options;
  const log = createLog({ debug: isDebug, isForStderr: address === undefined });
  const publisher = address === undefined ? undefined : publisherFor(address, namespace, log);
  const swept = cleanUpInto(log);
  const tasks = createTasks({
    namespace,
    // A container of a command may have the id of one that is being ended. containerd asks for a `delete` itself.
    ready: address === undefined ? swept : Promise.resolve(),
    onEvent(event, request) {
      log.debug('event', { container: request.id, ...event, exit: undefined }, request.bundle);
      publisher?.publish(eventMessage(event, request));
      sessions.told(event, request.id);
    },
    onError: (error, { id, bundle }) => log.error(messageOf(error), { container: id }, bundle),
    onEnd: () => void end(),
    onChange() {
      idle.changed();
      if (isEndWanted) endWhenEmpty();
    },
  });
  const sessions = createSessions({
    host: tasks,
    stop: () => (address === undefined ? stop(tasks) : refuseToStop()),
    onError: (error, { container }) =>
      log.error(messageOf(error), { container: container.id }, container.options.bundle),
  });
  let connections = 0;
  let isEndWanted = false;
  const idle = watchIdle({
    idleMs: options.idleExitMs,
    isIdle: () => tasks.count + connections === 0,
    onIdle: () => tasks.shutdown(),
  });
  becomeSubreaper();
  const services = [...taskServices(tasks, version()), shimService(tasks), sessions.service];
  const server = serveTtrpc(options.listener, services, {
    onError: (fault, method) => log.error(messageOf(fault), { method }),
    onConnections(count) {
      connections = count;
      idle.changed();
    },
  });

  /**
   * The socket's file goes in one go with the socket: whoever finds it not there makes a new one at once, and the log too.
   */
  async function end(): Promise<void> {
    if (options.log !== undefined) removeEmpty(options.log);
    if (socket !== undefined) rmSync(socket, { force: true });
    sessions.close();
    const closed = server.close();
    await publisher?.close(farewellMs);
    await Promise.race([closed, delay(farewellMs)]);
    await Promise.race([backgroundDone(), delay(finishMs)]);
    options.onEnd();
  }

  function endWhenEmpty(): void {
    isEndWanted = true;
    if (tasks.count === 0) tasks.shutdown();
  }

  // A fault of one container is no reason to leave the others without their terminals.
  process.on('uncaughtException', (error) =>
    log.error('uncaught exception', { error: error.stack ?? messageOf(error) }),
  );
  process.on('SIGUSR1', () => writeReport(log, tasks));
  idle.changed();
  return { tasks, endWhenEmpty };
}

function cleanUpInto(log: Log): Promise<void> {
  return cleanUp({
    onCleanedUp: (id) => log.warn('removed what a daemon that was killed has left', { container: id }),
    onError: (error) => log.error(messageOf(error)),
  });
}

function removeEmpty(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.size === 0) rmSync(file, { force: true });
}

/** Returns how many containers keep the daemon. */
async function stop(tasks: Tasks): Promise<number> {
  await tasks.settle();
  if (tasks.count === 0) tasks.shutdown();
  return tasks.count;
}

function refuseToStop(): never {
  throw new RpcError(Code.Unimplemented, 'this daemon is of containerd, and ends when its last container is deleted');
}

function publisherFor(address: string, namespace: string, log: Log): Publisher {
  return createPublisher({
    // containerd says where it wants its events; the socket beside its own is where it always has been.
    address: process.env['TTRPC_ADDRESS'] || `${address}.ttrpc`,
    namespace,
    onDrop: (topic, reason) => log.warn('an event was dropped', { topic, error: messageOf(reason) }),
  });
}
