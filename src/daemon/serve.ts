/**
 * The work of a daemon, whether containerd or a user has started it: it serves the Task service at a socket. A daemon
 * of containerd also sends events to containerd.
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
import { version } from '../package.js';
import { endContainers } from './end-containers.js';
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
  /** A listening socket. The daemon takes it over. */
  listener: OwnedFd;
  /** The path of the socket, which the daemon removes at its end; undefined if the daemon must not remove it. */
  socket: string | undefined;
  /** The file that stderr is written to. The daemon removes it at its end if it is empty. */
  log?: string | undefined;
  /** containerd's namespace, which separates the containers' state from that of other namespaces. */
  namespace: string;
  /** The path of containerd's own socket; undefined without containerd: then no events are sent. */
  address: string | undefined;
  isDebug: boolean;
  /** The daemon ends after so long without a container, a connection and a reservation; undefined: never. */
  idleExitMs?: number | undefined;
  /** Called once, when the daemon has ended in good order. */
  onEnd: () => void;
}

export interface Daemon {
  readonly tasks: Tasks;
  /** Makes the daemon end as soon as it has no container. */
  endWhenEmpty(): void;
  /**
   * Makes the daemon end, and its containers before it: SIGTERM to the init of each, and SIGKILL after 10 s; or SIGKILL
   * at once.
   */
  endWithContainers(how: 'by SIGTERM' | 'at once'): Promise<void>;
}

/** How long the daemon waits at its end for the last events, and for the last answers. */
const farewellMs = 5000;

/** How long a container may take to end after SIGTERM. */
const graceMs = 10_000;

/** A little longer than a log driver may take to stop before it is killed. */
const finishMs = 15_000;

/** Serves until the daemon was asked to end and has no container left. */
export function serveDaemon(options: DaemonOptions): Daemon {
  const { socket, namespace, address, isDebug } = options;
  const log = createLog({ debug: isDebug, isForStderr: address === undefined });
  const publisher = address === undefined ? undefined : publisherFor(address, namespace, log);
  const swept = cleanUpInto(log);
  const tasks = createTasks({
    namespace,
    // A command may use the id of a container that the cleanup is ending. containerd calls `delete` for its own.
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
    async stop(force) {
      if (address !== undefined) return refuseToStop();
      if (force) await endAll(graceMs);
      return await stop(tasks);
    },
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
   * Removes the socket's file in the same turn as it closes the socket: a process that finds no file starts a new
   * daemon, which creates the socket and the log again.
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

  function endAll(within: number): Promise<void> {
    return endContainers(tasks, { graceMs: within, onError: (error) => log.error(messageOf(error)) });
  }

  async function endWithContainers(how: 'by SIGTERM' | 'at once'): Promise<void> {
    isEndWanted = true;
    await endAll(how === 'at once' ? 0 : graceMs);
    endWhenEmpty();
  }

  // A bug that hits one container must not end the terminals of the others.
  process.on('uncaughtException', (error) =>
    log.error('uncaught exception', { error: error.stack ?? messageOf(error) }),
  );
  process.on('SIGUSR1', () => writeReport(log, tasks));
  idle.changed();
  return { tasks, endWhenEmpty, endWithContainers };
}

function cleanUpInto(log: Log): Promise<void> {
  return cleanUp({
    onCleanedUp: (id) => log.warn('removed a container of a daemon that was killed', { container: id }),
    onError: (error) => log.error(messageOf(error)),
  });
}

function removeEmpty(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.size === 0) rmSync(file, { force: true });
}

async function stop(tasks: Tasks): Promise<{ running: number; ids: string[] }> {
  await tasks.settle();
  if (tasks.count === 0) tasks.shutdown();
  return { running: tasks.count, ids: tasks.list().map(({ container }) => container.id) };
}

function refuseToStop(): never {
  throw new RpcError(Code.Unimplemented, 'containerd started this daemon; it ends when its last container is deleted');
}

function publisherFor(address: string, namespace: string, log: Log): Publisher {
  return createPublisher({
    // containerd passes the path of its ttrpc socket. By default, that is beside containerd's own socket.
    address: process.env['TTRPC_ADDRESS'] || `${address}.ttrpc`,
    namespace,
    onDrop: (topic, reason) => log.warn('an event was dropped', { topic, error: messageOf(reason) }),
  });
}
