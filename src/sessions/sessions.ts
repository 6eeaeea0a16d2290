/**
 * The sessions of a daemon: for each process with a terminal, once somebody attaches or its screen is to be kept.
 */
import type { TaskEvent } from '../task/event.js';
import type { TaskProcess } from '../task/process.js';
import type { Service } from '../ttrpc/service.js';
import { createEventList } from './event-list.js';
import { type SessionContainer, type Containers, wantsScreen } from './containers.js';
import { type OpenLink, openLinks } from '../screen/thread/thread.js';
import { sessionsService } from './service.js';
import { Session } from './session.js';

export interface SessionsOptions {
  host: Containers;
  /** Ends the daemon if no container keeps it; returns how many do. Throws Unimplemented if that is not for clients to say. */
  stop: () => number | Promise<number>;
  /** The emulators of this package, unless there are others. */
  openScreen?: OpenLink;
  onError: (error: Error, container: SessionContainer) => void;
}

export interface Sessions {
  readonly service: Service;
  /** To be called for each event of a container, when it happens. */
  told(event: TaskEvent, id: string): void;
  /** Nobody waits for events any more. */
  close(): void;
}

export function createSessions({ host, stop, openScreen = openLinks(), onError }: SessionsOptions): Sessions {
  const events = createEventList();
  const sessions = new WeakMap<TaskProcess, Session>();

  const find = ({ container }: SessionContainer, execId: string): Session | undefined =>
    sessions.get(container.process(execId));
  const open = (hosted: SessionContainer, execId: string): Session => {
    const { container } = hosted;
    const process = container.process(execId);
    const session =
      sessions.get(process) ??
      new Session({
        process,
        openScreen: wantsScreen(hosted) ? openScreen : undefined,
        onEvent: (kind, client) => events.add({ kind, id: container.id, execId, pid: process.pid, client }),
        onError: (error) => onError(error, hosted),
      });
    sessions.set(process, session);
    return session;
  };
  /** Who has attached already is connected, and a screen is begun. */
  const begin = (id: string, execId: string): void => {
    const hosted = host.find(id);
    if (hosted === undefined || hosted.container.process(execId).terminal === undefined) return;
    if (wantsScreen(hosted)) open(hosted, execId);
    find(hosted, execId)?.begin();
  };

  return {
    service: sessionsService({ host, stop, events, find, open }),
    told(event, id) {
      events.add({
        id,
        kind: event.kind,
        execId: 'execId' in event ? event.execId : '',
        pid: 'pid' in event ? event.pid : 0,
        exitStatus: 'exit' in event ? event.exit.status : 0,
      });
      // The host knows of the container a turn later, and its init writes nothing before its start.
      if (event.kind === 'create') setImmediate(() => begin(id, ''));
      // The process is there when whoever tells this is done, and nothing was read from its terminal yet.
      if (event.kind === 'exec-started') queueMicrotask(() => begin(id, event.execId));
    },
    close: () => events.close(),
  };
}
