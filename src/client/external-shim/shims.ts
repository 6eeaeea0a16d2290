/** Starts the external shims of this user's containers, connects to them and ends them. */
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { addon } from '../../native/addon.js';
import { TermshimError, check } from '../../errors/errors.js';
import { OwnedFd } from '../../os/owned-fd.js';
import { type Client, clientOf, connectTtrpc } from '../../ttrpc/client.js';
import type { TtrpcConnection } from '../../ttrpc/client-connection.js';
import { EventsDefinition } from '../../ttrpc/gen/containerd/event-service.js';
import { TaskDefinition } from '../../ttrpc/gen/containerd/task.js';
import { type TtrpcServer, serveTtrpc } from '../../ttrpc/server.js';
import { service } from '../../ttrpc/service.js';
import { assertSocketPath, isNobodyListening } from '../../os/socket-path.js';
import {
  type ContainerRecord,
  containersOf,
  directoryOf,
  eventsSocket,
  readRecord,
  removeDirectory,
  writeRecord,
} from './container-directory.js';
import { deleteByShim, startShim } from './program.js';
import { unlessSilent } from './unless-silent.js';

export type Task = Client<typeof TaskDefinition>;

export class Shims implements Disposable {
  readonly #program: string;
  readonly #connections = new Map<string, Promise<TtrpcConnection>>();
  readonly #events = new Map<string, TtrpcServer>();

  /** @param program the path of the program of all these shims */
  constructor(program: string) {
    this.#program = program;
  }

  get program(): string {
    return this.#program;
  }

  /** Starts the shim of a container whose bundle exists. Throws ERR_SHIM_FAILED. */
  async start(id: string, signal: AbortSignal | undefined): Promise<Task> {
    writeRecord(id, { shim: this.#program, ...(await startShim({ ...this.#call(id), signal })) });
    const task = await this.taskOf(id);
    await this.learnPid(id, task);
    return task;
  }

  /** Records the shim's pid. Some shims report it only once they have a container, and some may never do. */
  async learnPid(id: string, task: Task): Promise<void> {
    const record = this.recordOf(id);
    if (record.pid) return;
    const { shimPid: pid } = await task.connect({ id }, { timeoutMs: answerTimeoutMs }).catch(() => ({ shimPid: 0 }));
    writeRecord(id, { ...record, pid });
  }

  /** Throws ERR_PROCESS_NOT_FOUND, and ERR_SHIM_FAILED if the shim has died. */
  async taskOf(id: string): Promise<Task> {
    return clientOf(TaskDefinition, await this.#connectionOf(id), this.recordOf(id).service);
  }

  /** Does the work, and aborts its signal with ERR_SHIM_FAILED if the shim hangs meanwhile. */
  async unlessHanging<T>(id: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const connection = await this.#connectionOf(id);
    const { service: name = TaskDefinition.fullName } = this.recordOf(id);
    return unlessSilent({ connection, service: name, fail: () => hasDied(id) }, work);
  }

  /** Throws ERR_PROCESS_NOT_FOUND. */
  recordOf(id: string): ContainerRecord {
    const record = readRecord(id);
    if (record?.shim === this.#program) return record;
    throw new TermshimError('ERR_PROCESS_NOT_FOUND', `the shim ${this.#program} has no container ${id}`);
  }

  #connectionOf(id: string): Promise<TtrpcConnection> {
    const { socket } = this.recordOf(id);
    return this.#connections.get(id) ?? this.#connect(id, socket);
  }

  #connect(id: string, socket: string | undefined): Promise<TtrpcConnection> {
    const connecting = dial(id, socket);
    this.#connections.set(id, connecting);
    const forget = (): void => void this.#connections.delete(id);
    connecting.then(({ closed }) => closed.then(forget), forget);
    return connecting;
  }

  /** Ends and removes what is left of a container by the shim's own program, as containerd would. */
  deleteRest(id: string): Promise<void> {
    return deleteByShim(this.#call(id));
  }

  /** As `deleteRest`, for a shim that has died or hangs. Also removes the socket of a dead shim. */
  async cleanUpAfter(id: string): Promise<void> {
    const record = this.recordOf(id);
    await this.deleteRest(id);
    if (record.socket !== undefined) await removeDeadSocket(record.socket);
    writeRecord(id, { ...record, isCleanedUp: true });
  }

  /** Ends a container's shim, unless the shim has other containers, and removes the container's directory. */
  async end(id: string): Promise<void> {
    const { socket, pid = 0, isCleanedUp } = this.recordOf(id);
    const task = await this.taskOf(id).catch(() => undefined);
    const connection = await this.#connections.get(id);
    if (task !== undefined && connection !== undefined && socket !== undefined) {
      this.#takeEvents(id);
      if (!isCleanedUp) await task.shutdown({ id, now: true }, { timeoutMs: endTimeoutMs }).catch(() => {});
      const others = containersOf(this.#program).filter((it) => it !== id && readRecord(it)?.socket === socket);
      if (others.length === 0) await waitForEnd(connection, { pid, socket, isCleanedUp });
    }
    connection?.close();
    removeDirectory({ id, execId: '' });
    rmSync(eventsSocket(id), { force: true });
  }

  #call(id: string): { shim: string; id: string; bundle: string; events: string } {
    this.#takeEvents(id);
    return { shim: this.#program, id, bundle: directoryOf({ id, execId: '' }), events: eventsSocket(id) };
  }

  /**
   * Receives the events of a shim and drops them. Without a receiver a shim does not start, and takes long to end. The
   * socket's file stays as long as the container is known: if no process listens there, a shim goes on at once, but if
   * there is no file, it waits.
   */
  #takeEvents(id: string): void {
    if (this.#events.has(id)) return;
    const path = eventsSocket(id);
    assertSocketPath(path, 'the events socket');
    // A command that was killed may have left it.
    rmSync(path, { force: true });
    const listener = new OwnedFd(check(addon.socket_listen(path, 0o600), 'bind', `listen at ${path}`), path);
    this.#events.set(id, serveTtrpc(listener, [service(EventsDefinition, { forward: () => ({}) })]));
  }

  [Symbol.dispose](): void {
    for (const connecting of this.#connections.values()) void connecting.then((it) => it.close()).catch(() => {});
    for (const server of this.#events.values()) server.destroy();
  }
}

/** containerd also gives a shim 3 s to end. */
const endTimeoutMs = 3000;
const answerTimeoutMs = 2000;

export function hasDied(id: string): TermshimError {
  const remedy = `\`termshim delete -f ${id}\` removes the container`;
  return new TermshimError('ERR_SHIM_FAILED', `the shim of the container ${id} has died or hangs; ${remedy}`);
}

interface EndingShim {
  pid: number;
  socket: string;
  /** If true, the shim hangs, and is killed at once. */
  isCleanedUp: boolean | undefined;
}

async function waitForEnd({ closed }: TtrpcConnection, { pid, socket, isCleanedUp }: EndingShim): Promise<void> {
  const hasEnded = closed.then(() => true);
  const endsIn = (ms: number): Promise<boolean> => Promise.race([hasEnded, delay(ms, false, { ref: false })]);
  if (!(await endsIn(isCleanedUp ? 0 : endTimeoutMs))) {
    kill(pid);
    await endsIn(endTimeoutMs);
  }
  // The kernel closes a process's descriptors one by one: the shim may still listen when this connection is closed.
  const deadline = performance.now() + endTimeoutMs;
  while (!(await removeDeadSocket(socket)) && performance.now() < deadline) await delay(10);
}

/** As long as the connection is open, the pid belongs to the shim. */
function kill(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

async function dial(id: string, socket: string | undefined): Promise<TtrpcConnection> {
  if (socket === undefined) throw hasDied(id);
  try {
    return await connectTtrpc(socket);
  } catch (error) {
    throw isNobodyListening(error) ? hasDied(id) : error;
  }
}

/** Removes the socket that a killed shim has left. False while a process listens there. */
async function removeDeadSocket(socket: string): Promise<boolean> {
  try {
    (await connectTtrpc(socket)).close();
    return false;
  } catch (error) {
    if (isNobodyListening(error)) rmSync(socket, { force: true });
    return true;
  }
}
