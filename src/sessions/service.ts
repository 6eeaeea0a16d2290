/** The service termshim.v1.Sessions: clients attach to, resize and record the terminals of a daemon's containers. */
import { rm } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { FifoReader, FifoWriter } from '../os/fifo.js';
import type { Size } from '../os/console.js';
import { type AttachRequest, SessionsDefinition } from '../ttrpc/gen/termshim/sessions.js';
import { countWait } from '../ttrpc/limits.js';
import { type Implementation, type Service, service } from '../ttrpc/service.js';
import { Code, RpcError } from '../ttrpc/status.js';
import type { ClientEnds } from './client.js';
import type { EventList } from './event-list.js';
import type { SessionContainer, Containers } from './containers.js';
import { recordingFacts } from './recording/facts.js';
import { reopenLogs } from './reopen-logs.js';
import { sessionMessage } from './session-message.js';
import type { Session } from './session.js';
import { parseSizePolicy } from './size.js';

/**
 * Ends the daemon if no container keeps it alive; with `force`, ends and removes all containers before. Resolves to how
 * many keep it, and to the ids of those that exist. Throws Unimplemented if clients may not end the daemon.
 */
export type StopDaemon = (force: boolean) => Promise<{ running: number; ids: string[] }>;

export interface SessionsServiceOptions {
  host: Containers;
  stop: StopDaemon;
  events: EventList;
  /** The session of a process, if there is one already. */
  find: (hosted: SessionContainer, execId: string) => Session | undefined;
  /** The session of a process with a terminal; begins one if there is none. */
  open: (hosted: SessionContainer, execId: string) => Session;
}

export function sessionsService(options: SessionsServiceOptions): Service {
  return service(SessionsDefinition, methods(options));
}

function methods({
  host,
  stop,
  events,
  find,
  open,
}: SessionsServiceOptions): Implementation<typeof SessionsDefinition> {
  const describe = (hosted: SessionContainer, execId: string) => sessionMessage(hosted, execId, find(hosted, execId));
  const sessionOf = ({ id, execId }: { id: string; execId: string }, what = 'nobody can attach to it'): Session => {
    const hosted = host.get(id);
    const { options } = hosted.container.process(execId);
    if (options.stdio.kind === 'terminal') return open(hosted, execId);
    throw new RpcError(Code.FailedPrecondition, `${options.name} has no terminal, so ${what}`);
  };
  return {
    list: () => ({
      sessions: host
        .list()
        .flatMap((hosted) => ['', ...hosted.container.execs.keys()].map((execId) => describe(hosted, execId))),
    }),
    inspect({ id, execId }) {
      const hosted = host.get(id);
      const clients = [...(find(hosted, execId)?.clients.values() ?? [])];
      return { session: describe(hosted, execId), clients: clients.map((client) => client.describe()) };
    },
    async attach(request, { signal }) {
      const window = sizeOf(request);
      const session = sessionOf(request);
      const { label, replay } = request;
      const client = await session.attach({ ...(await openEnds(request, signal)), label, window, replay });
      if (signal.aborted && session.clients.has(client)) session.detach(client);
      return { client };
    },
    resize(request) {
      sessionOf(request).resize(request.client, sizeOf(request));
      return {};
    },
    detach(request) {
      sessionOf(request).detach(request.client);
      return {};
    },
    setSizePolicy(request) {
      sessionOf(request).setPolicy(parseSizePolicy(request.policy));
      return {};
    },
    async record({ path, input: withInput, ...ids }, { signal }) {
      if (!isAbsolute(path)) {
        throw new RpcError(
          Code.InvalidArgument,
          `the path of a recording must be absolute, but it is ${path || 'empty'}`,
        );
      }
      const session = sessionOf(ids, 'there is nothing to record');
      await session.record({ path, withInput, facts: recordingFacts(host.get(ids.id), ids.execId) }, signal);
      if (!signal.aborted) return {};
      await session.recordings.end().catch(() => {});
      await rm(path, { force: true });
      throw signal.reason;
    },
    async endRecording(ids) {
      await sessionOf(ids, 'nothing is recorded').recordings.end();
      return {};
    },
    reopenLogs: async ({ id }) => ({ paths: await reopenLogs(host.get(id).container) }),
    async events({ after, waitMs }, { signal, connection }) {
      return { events: await countWait(connection, () => events.after(after, waitMs, signal)) };
    },
    async stop({ force }) {
      const { running, ids } = await stop(force);
      return { stopped: running === 0, running, ids: ids.slice(0, mostIds) };
    },
  };
}

/** An answer of Stop has at most so many ids. */
const mostIds = 10;

/** How long to wait for a reader of the client's stdout, which the client opens before it calls. */
const connectTimeoutMs = 1000;

/** Throws the error of a FIFO that cannot be opened. */
async function openEnds({ stdin: path, stdout }: AttachRequest, signal: AbortSignal): Promise<ClientEnds> {
  const stdin = path === '' ? undefined : FifoReader.open(path);
  try {
    return { stdin, stdout: await FifoWriter.open(stdout, { timeoutMs: connectTimeoutMs, signal }) };
  } catch (error) {
    stdin?.close();
    throw error;
  }
}

/** The most columns or rows; see ioctl_tty(2). */
const longestSide = 65_535;

function sizeOf({ columns, rows }: Size): Size {
  if (Math.max(columns, rows) <= longestSide) return { columns, rows };
  throw new RpcError(Code.InvalidArgument, `a terminal cannot have the size ${columns}x${rows}`);
}
