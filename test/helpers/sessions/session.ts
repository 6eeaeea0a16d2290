/** A container without FIFOs of its own, as the commands create it, and clients that attach to it. */
import type { Event, Session } from '../../../src/ttrpc/gen/termshim/sessions.js';
import type { OpenLink } from '../../../src/screen/thread/thread.js';
import type { Scope } from '../base/leak-free.js';
import { attachClient, type SessionClient } from './session-client.js';
import { serveTasks, type TaskServer } from '../shim/task-server.js';

export interface TestSession extends TaskServer {
  id: string;
  attach(request?: Parameters<typeof attachClient>[2]): Promise<SessionClient>;
  start(execId?: string): Promise<void>;
  /** As List has it. */
  describe(execId?: string): Promise<Session>;
  /** What the service tells of, without the numbers and times. */
  story(): Promise<string[]>;
}

export interface TestSessionOptions {
  openScreen?: OpenLink;
  annotations?: Record<string, string>;
  /** With FIFOs as containerd gives them, of which stdout is read. */
  isOfContainerd?: boolean;
  /** A FIFO for its stdout alone. */
  stdout?: string;
}

/** Creates a container whose init runs `script` in a shell, once it is started. */
export async function newSession(
  scope: Scope,
  script: string,
  { openScreen, annotations = {}, isOfContainerd = false, stdout = '' }: TestSessionOptions = {},
): Promise<TestSession> {
  const server = await serveTasks(scope, openScreen);
  const id = 'c';
  const request = await server.request(id, script, annotations);
  await server.task.create(isOfContainerd ? request : { ...request, stdin: '', stdout });
  return {
    ...server,
    id,
    attach: (fields = {}) => attachClient(scope, server.sessions, { id, ...fields }),
    async start(execId = '') {
      await server.task.start({ id, execId });
    },
    async describe(execId = '') {
      const { sessions } = await server.sessions.list({});
      const found = sessions.find((it) => it.id === id && it.execId === execId);
      if (found === undefined) throw new Error(`no session ${id} ${execId}`);
      return found;
    },
    async story() {
      const { events } = await server.sessions.events({});
      return events.map(tell);
    },
  };
}

function tell({ kind, execId, client }: Event): string {
  return [kind, execId, client === 0 ? '' : String(client)].filter(Boolean).join(' ');
}
