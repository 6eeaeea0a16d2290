/**
 * A container's life, from `create` to `delete`: runs the runtime's commands for its init and exec processes.
 *
 * Keep the order at the end: a process is reaped, its output is passed on, its exit is reported. The exit of the init
 * is reported last.
 */
import { constants } from 'node:os';
import { TermshimError } from '../errors/errors.js';
import { createMutex, type RunExclusive } from '../async/mutex.js';
import { wait } from '../async/wait.js';
import type { CheckpointOptions } from '../runtime/runtime-arguments.js';
import { settleWithin } from '../async/settle-within.js';
import { type Cgroup, findCgroup, findCgroupDirectories } from './cgroup/cgroup-paths.js';
import type { TaskEvent } from './event.js';
import { launchExec } from './exec.js';
import { assertIdIsFree, createInit, restoreInit } from './init.js';
import type { Exit, LaunchedProcess } from './launch.js';
import type { Container } from './api.js';
import type { TaskContainerOptions } from './container-options.js';
import type { ProcessStdio } from './io/process-io.js';
import { assertAlive, stateError, whileAlive } from './alive.js';
import { killByRuntime, killLeft, lastWordsMs, removeByForce } from './force.js';
import { TaskProcess } from './process.js';
import { impossible, type ProcessState } from './state.js';

/**
 * Creates the container; its init waits for `start`. If this fails, it cleans up as `createInit` does. A container with
 * `restore` has no process before `start`.
 */
export async function createTaskContainer(options: TaskContainerOptions): Promise<TaskContainer> {
  const container = new TaskContainer(options);
  const { onEvent } = container.options;
  if (options.restore !== undefined) {
    await assertIdIsFree(options, options.signal);
    onEvent({ kind: 'create', pid: 0 });
    return container;
  }
  const launched = await createInit(options);
  onEvent({ kind: 'create', pid: launched.pid });
  container.adopt(launched);
  return container;
}

interface Exec {
  process: TaskProcess;
  /** An OCI process, the object `process` of a config.json. */
  spec: object;
  runExclusive: RunExclusive;
}

export class TaskContainer implements Container {
  readonly options: TaskContainerOptions;
  readonly init: TaskProcess;
  readonly #execs = new Map<string, Exec>();
  /** The mutex of all operations that change the init's state. */
  readonly #runExclusive = createMutex();
  /** Starts in progress, without those that wait for a mutex. The init's exit is reported after them. */
  readonly #starts = new Set<Promise<unknown>>();
  #destroyed: Promise<void> | undefined;
  #cgroup: Cgroup | undefined;
  #cgroupDirectories: readonly string[] = [];

  constructor(options: TaskContainerOptions) {
    const { id, stdio, onError } = options;
    // A listener that throws must not stop the operation that it hears of.
    const onEvent = (event: TaskEvent): void => {
      try {
        options.onEvent(event);
      } catch (error) {
        onError(error as Error);
      }
    };
    this.options = { ...options, onEvent };
    this.init = new TaskProcess({
      name: `the container ${id}`,
      stdio,
      beforeExit: () => this.#endOthers(),
      onExit: (exit) => onEvent({ kind: 'exit', execId: '', pid: this.init.pid, exit }),
      onError,
    });
  }

  get id(): string {
    return this.options.id;
  }

  /** Undefined if the init has no cgroup of its own, or was never made. */
  get cgroup(): Cgroup | undefined {
    return this.#cgroup;
  }

  /** The directories of its cgroups, one for each hierarchy. */
  get cgroupDirectories(): readonly string[] {
    return this.#cgroupDirectories;
  }

  /** Takes over the init that was made. */
  adopt(launched: LaunchedProcess): void {
    this.#cgroup = unlessEnded(() => findCgroup(launched.pid));
    this.#cgroupDirectories = unlessEnded(() => findCgroupDirectories(launched.pid)) ?? [];
    this.init.adopt(launched);
  }

  get execs(): ReadonlyMap<string, Exec> {
    return this.#execs;
  }

  /** The init for an empty id. Throws ERR_PROCESS_NOT_FOUND for an unknown id. */
  process(execId = ''): TaskProcess {
    return execId === '' ? this.init : this.#exec(execId).process;
  }

  /**
   * Runs the init, or makes an exec process that was added. Returns its pid. If `signal` cancels the start, the process
   * never runs, or is killed. If the init ran for a moment, its start and its exit are reported.
   */
  start(execId = '', signal?: AbortSignal): Promise<number> {
    if (execId === '') return this.#runExclusive(() => this.#underWay(this.#startInit(signal)));
    const { process, spec, runExclusive } = this.#exec(execId);
    return runExclusive(() => this.#underWay(this.#startExec(execId, process, spec, signal)));
  }

  /** Adds a process that `start` makes later. `spec` is an OCI process. Throws ERR_ID_IN_USE, ERR_STATE_INVALID. */
  addExec(execId: string, spec: object, stdio: ProcessStdio): void {
    const { id, onEvent, onError } = this.options;
    if (this.#execs.has(execId)) {
      throw new TermshimError('ERR_ID_IN_USE', `the container ${id} already has a process ${execId}`);
    }
    assertAlive(this, 'run another process');
    if (this.init.state === 'paused' || !this.init.isMade) throw stateError(this, 'run another process');
    const process = new TaskProcess({
      name: `the process ${execId} of the container ${id}`,
      stdio,
      beforeExit: () => Promise.resolve(),
      onExit: (exit) => onEvent({ kind: 'exit', execId, pid: process.pid, exit }),
      onError,
    });
    this.#execs.set(execId, { process, spec, runExclusive: createMutex() });
    onEvent({ kind: 'exec-added', execId });
  }

  /** Sends a signal by number to one process; for the init with `all`, to all processes of the container. */
  async kill(execId: string, signal: number, all = false): Promise<void> {
    const process = this.process(execId);
    if (execId === '' && !process.isMade) await this.#beRestored();
    // If the container is frozen, the runtime sends the signal, and thaws the container if it must.
    const isForRuntime = execId === '' && (all || process.state === 'paused');
    if (isForRuntime && process.state !== 'stopped') await killByRuntime(this, signal, all);
    else process.signal(signal);
  }

  /** If `signal` cancels `pause` or `resume`, the change is undone. */
  pause(signal?: AbortSignal): Promise<void> {
    return this.#change('running', 'paused', signal);
  }

  resume(signal?: AbortSignal): Promise<void> {
    return this.#change('paused', 'running', signal);
  }

  /** Writes the state of the processes to a directory, by criu. `signal` cancels the call only before criu begins. */
  checkpoint(options: CheckpointOptions, signal?: AbortSignal): Promise<void> {
    return this.#runExclusive(async () => {
      signal?.throwIfAborted();
      assertAlive(this, 'be checkpointed');
      await this.options.runtime.checkpoint(this.id, options);
      this.options.onEvent({ kind: 'checkpointed', path: options.imagePath });
    });
  }

  /** `resources` is the OCI `linux.resources` object. */
  update(resources: object, signal?: AbortSignal): Promise<void> {
    return this.#runExclusive(async () => {
      signal?.throwIfAborted();
      await whileAlive(this, this.options.runtime.update(this.id, resources), 'be updated');
    });
  }

  /** The pids of all processes, as this host sees them. None after the end: a client that reconnects asks for this. */
  async pids(): Promise<number[]> {
    if (this.init.state === 'stopped') return [];
    try {
      return await whileAlive(this, this.options.runtime.ps(this.id), 'list its processes');
    } catch (error) {
      if (this.init.exit !== undefined) return [];
      throw error;
    }
  }

  /**
   * Removes a process that is not running; for the init, the container. Fails with ERR_STATE_INVALID if the process
   * runs, and with ERR_PROCESS_NOT_FOUND if it was deleted already. `signal` cancels only the wait for its output.
   */
  delete(execId = '', signal?: AbortSignal): Promise<Exit> {
    if (execId === '') return this.#runExclusive(() => this.#deleteInit(signal));
    const exec = this.#exec(execId);
    return exec.runExclusive(() => this.#deleteExec(execId, exec, signal));
  }

  /** Settles when the process has ended and the processes that it left behind have closed its output, or 10 s later. */
  async outputEnded(process: TaskProcess): Promise<void> {
    await process.exited;
    await process.outputEnded(lateOutputMs);
  }

  /** Settles when all earlier operations on the init's state have settled. */
  quiet(): Promise<void> {
    return this.#runExclusive(() => Promise.resolve());
  }

  /** Removes everything by force, in any state. Errors go to `onError`. Idempotent. */
  destroy(): Promise<void> {
    this.#destroyed ??= this.#destroy();
    return this.#destroyed;
  }

  async #destroy(): Promise<void> {
    await removeByForce(this).catch(this.options.onError);
    if (this.init.isMade) await settleWithin(this.init.exited, lastWordsMs);
    this.#closeAll();
  }

  #exec(execId: string): Exec {
    const exec = this.#execs.get(execId);
    if (exec !== undefined) return exec;
    throw new TermshimError('ERR_PROCESS_NOT_FOUND', `the container ${this.id} has no process ${execId}`);
  }

  async #startInit(signal: AbortSignal | undefined): Promise<number> {
    const { init } = this;
    signal?.throwIfAborted();
    // The table of states would let `start` run a paused init, which only `resume` may do.
    if (init.state !== 'created') throw impossible(init.options.name, init.state, 'running');
    const { restore, runtime } = this.options;
    if (restore !== undefined) {
      this.adopt(await restoreInit(this.options, restore, signal));
      return this.#hasStarted();
    }
    try {
      await whileAlive(this, runtime.start(this.id, signal), 'be started');
    } catch (error) {
      if (signal?.aborted !== true || (await this.#isStatus('created'))) throw error;
      init.trySignal(constants.signals.SIGKILL);
      this.#hasStarted();
      throw error;
    }
    return this.#hasStarted();
  }

  /** Waits for a restore in progress, so that its processes can be killed. Throws if there is no init after that. */
  async #beRestored(): Promise<void> {
    await Promise.allSettled(this.#starts);
    if (!this.init.isMade) throw noProcessYet(this.id);
  }

  #hasStarted(): number {
    const { init } = this;
    if (init.state === 'created') init.enter('running');
    this.options.onEvent({ kind: 'start', pid: init.pid });
    return init.pid;
  }

  /** Whether the runtime reports this status. */
  async #isStatus(status: string): Promise<boolean> {
    const { runtime, id } = this.options;
    return await runtime.state(id).then(
      (state) => state.status === status,
      () => false,
    );
  }

  async #startExec(
    execId: string,
    process: TaskProcess,
    spec: object,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    signal?.throwIfAborted();
    process.assertCanBecome('running');
    assertAlive(this, 'start another process');
    const launched = await whileAlive(this, launchExec(this.options, process, spec, signal), 'start another process');
    process.enter('running');
    this.options.onEvent({ kind: 'exec-started', execId, pid: launched.pid });
    process.adopt(launched);
    return launched.pid;
  }

  async #underWay<T>(starting: Promise<T>): Promise<T> {
    this.#starts.add(starting);
    try {
      return await starting;
    } finally {
      this.#starts.delete(starting);
    }
  }

  #change(from: 'running' | 'paused', to: 'running' | 'paused', signal: AbortSignal | undefined): Promise<void> {
    return this.#runExclusive(async () => {
      const { init } = this;
      const { runtime, id } = this.options;
      const command = (wanted: ProcessState, calledOff?: AbortSignal): Promise<void> =>
        wanted === 'paused' ? runtime.pause(id, calledOff) : runtime.resume(id, calledOff);
      const changed = (): void => {
        if (init.state !== from) return;
        init.enter(to);
        this.options.onEvent({ kind: to === 'paused' ? 'paused' : 'resumed' });
      };
      signal?.throwIfAborted();
      if (init.state !== from) throw impossible(init.options.name, init.state, to);
      try {
        await whileAlive(this, command(to, signal), `become ${to}`);
      } catch (error) {
        if (signal?.aborted !== true) throw error;
        // Go back: the container may be half frozen. If nothing was done, this fails.
        await command(from).catch(() => {});
        if (await this.#isStatus(to)) changed();
        throw error;
      }
      changed();
    });
  }

  async #deleteInit(signal: AbortSignal = never): Promise<Exit> {
    const { init } = this;
    signal.throwIfAborted();
    assertDeletable(init);
    // With `gone` no process is left that could write, and a slow reader must not delay the removal.
    if (init.exit !== undefined && this.options.others !== 'gone') await wait(this.outputEnded(init), signal);
    await removeByForce(this);
    const exit = init.isMade ? await init.exited : neverMade;
    if (init.isMade) await this.outputEnded(init);
    this.#closeAll();
    init.enter('deleted');
    this.options.onEvent({ kind: 'delete', pid: init.pid, exit });
    return exit;
  }

  async #deleteExec(execId: string, { process }: Exec, signal: AbortSignal = never): Promise<Exit> {
    signal.throwIfAborted();
    assertDeletable(process);
    // After a kill the caller wants no more output. While Docker waits here, it handles no other exit of the container.
    if (process.isMade && !process.wasKilled) await wait(this.outputEnded(process), signal);
    const exit = process.exit ?? neverMade;
    this.#execs.delete(execId);
    process.enter('deleted');
    process.close();
    return exit;
  }

  /** Ends the other processes as `others` says, so that the init's exit is reported last. */
  async #endOthers(): Promise<void> {
    const { runtime, id, others: fate } = this.options;
    await Promise.allSettled(this.#starts);
    if (fate === 'killed')
      await runtime.kill(id, 'SIGKILL', { all: true }).catch((error: unknown) => killLeft(this, error));
    const others = [...this.#execs.values()].map(({ process }) => process).filter(({ isMade }) => isMade);
    if (fate === 'left') for (const process of others) process.trySignal(constants.signals.SIGKILL);
    await settleWithin(Promise.all(others.map(({ exited }) => exited)), lastWordsMs);
  }

  #closeAll(): void {
    for (const { process } of this.#execs.values()) process.close();
    this.init.close();
  }
}

/** Undefined if `find` fails: a process that has ended has no cgroup, and a host may have no cgroups. */
function unlessEnded<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}

/** As the error of a runtime for an unknown container, which containerd's shim passes on. */
function noProcessYet(id: string): TermshimError {
  return new TermshimError(
    'ERR_PROCESS_NOT_FOUND',
    `the container ${id} has no process before its start, which restores a checkpoint`,
  );
}

const neverMade: Exit = { status: 0, at: new Date(0) };

function assertDeletable(process: TaskProcess): void {
  const { state, options } = process;
  if (state === 'deleted') throw new TermshimError('ERR_PROCESS_NOT_FOUND', `${options.name} was deleted already`);
  process.assertCanBecome('deleted');
}

/** A signal that never aborts. */
const never = new AbortController().signal;

/** How long a deletion waits for the output of processes that were left behind: as long as containerd's shim. */
const lateOutputMs = 10_000;
