/**
 * The sessions of a daemon: one for each process with a terminal that a client has used or whose screen is kept.
 */
import type { TaskEvent } from '../task/event.js';
import type { TaskProcess } from '../task/process.js';
import type { Service } from '../ttrpc/service.js';
import { createEventList } from './event-list.js';
import { type SessionContainer, type Containers, wantsScreen } from './containers.js';
import { type OpenLink, openLinks } from '../screen/thread/thread.js';
import { type StopDaemon, sessionsService } from './service.js';
import { Session } from './session.js';

export interface SessionsOptions {
  host: Containers;
  stop: StopDaemon;
  /** By default the emulators of this package. */
  openScreen?: OpenLink;
  onError: (error: Error, container: SessionContainer) => void;
}

export interface Sessions {
  readonly service: Service;
  /** Call it for each event of a container, when the event happens. */
  told(event: TaskEvent, id: string): void;
  /** Ends all calls that wait for events. */
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
  /** Connects the clients that attached before, and begins to keep the screen. */
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
      // `host` lists the container one turn of the event loop later. Its init writes nothing before `start`.
      if (event.kind === 'create') setImmediate(() => begin(id, ''));
      // When the caller returns, the process has its terminal, and nothing was read from it yet.
      if (event.kind === 'exec-started') queueMicrotask(() => begin(id, event.execId));
    },
    close: () => events.close(),
  };
}
