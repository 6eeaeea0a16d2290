/**
 * A process of a container, its init or an exec process, in all its states: from before it is made until it is deleted.
 */
import type { Size } from '../os/console.js';
import { TermshimError } from '../errors/errors.js';
import type { Process } from './api.js';
import type { Exit, LaunchedProcess } from './launch.js';
import type { ProcessStdio, TerminalSession } from './io/process-io.js';
import { assertTransition, type ProcessState } from './state.js';

export interface ProcessOptions {
  /** The name in error messages. */
  name: string;
  stdio: ProcessStdio;
  /** Called when the process has been reaped. `onExit` is called only after the promise has settled. */
  beforeExit: () => Promise<void>;
  /** Called once, when the process has ended and its output has been passed on, before `exited` settles. */
  onExit: (exit: Exit) => void;
  /**
   * Called with an error between the end of the process and `onExit`, which is called all the same. If the process was
   * reaped elsewhere, its status is unknown and reported as 255.
   */
  onError: (error: Error) => void;
}

/** Reported if the status of a process is unknown, as by containerd (UnknownExitStatus). */
const unknownStatus = 255;

export class TaskProcess implements Process {
  readonly options: ProcessOptions;
  /** When the process was requested. */
  readonly createdAt = new Date();
  /** Settles after `onExit`. Fails with ERR_PROCESS_NOT_FOUND if the process is closed before. */
  readonly exited: Promise<Exit>;
  /** Settles when the process has been reaped; its output may not have been passed on yet. */
  readonly reaped: Promise<void>;
  #resolveReaped!: () => void;
  #resolveExited!: (exit: Exit) => void;
  #rejectExited!: (error: Error) => void;
  #state: ProcessState = 'created';
  #launched: LaunchedProcess | undefined;
  #pid = 0;
  #exit: Exit | undefined;
  #size: Size | undefined;
  readonly #sizeListeners = new Set<() => void>();
  readonly #lastSteps = new Set<() => Promise<void>>();
  #isStdinClosed = false;
  /** The numbers of the signals that were sent to the process. */
  readonly #signals = new Set<number>();

  constructor(options: ProcessOptions) {
    this.options = options;
    this.exited = new Promise((resolve, reject) => {
      this.#resolveExited = resolve;
      this.#rejectExited = reject;
    });
    this.exited.catch(() => {});
    this.reaped = new Promise((resolve) => {
      this.#resolveReaped = resolve;
    });
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** 0 before the process is made. */
  get pid(): number {
    return this.#pid;
  }

  /** Undefined until the process has been reaped. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** The size of the last `resize`. */
  get size(): Size | undefined {
    return this.#size;
  }

  /** Undefined before the process is made, and for a process without a terminal. */
  get terminal(): TerminalSession | undefined {
    return this.#launched?.io.terminal;
  }

  /** Whether a signal from `signal` or `trySignal` ended the process. */
  get wasKilled(): boolean {
    return this.#exit !== undefined && this.#signals.has(this.#exit.status - 128);
  }

  get isMade(): boolean {
    return this.#pid !== 0;
  }

  /** Takes over the process that was made. Applies earlier calls of `resize` and `closeStdin`. */
  adopt(launched: LaunchedProcess): void {
    this.#launched = launched;
    this.#pid = launched.pid;
    if (this.#size !== undefined) launched.io.resize(this.#size);
    if (this.#isStdinClosed) launched.io.closeStdin();
    void this.#waitForExit(launched);
  }

  /** Throws ERR_STATE_INVALID if `next` cannot follow. A process that has ended meanwhile stays `stopped`. */
  enter(next: ProcessState): void {
    assertTransition(this.options.name, this.#state, next);
    this.#state = next;
  }

  assertCanBecome(next: ProcessState): void {
    assertTransition(this.options.name, this.#state, next);
  }

  resize(size: Size): void {
    this.#size = size;
    this.#launched?.io.resize(size);
    for (const listener of this.#sizeListeners) listener();
  }

  /** Calls `listener` after each `resize`. Returns a function that removes the listener. */
  watchSize(listener: () => void): () => void {
    this.#sizeListeners.add(listener);
    return () => this.#sizeListeners.delete(listener);
  }

  /**
   * Runs `step` between the drain of the output and `onExit`, which waits for it. Returns a function that removes the
   * step.
   */
  holdExit(step: () => Promise<void>): () => void {
    this.#lastSteps.add(step);
    return () => this.#lastSteps.delete(step);
  }

  /**
   * Call it after the process has ended. Settles when the processes that it left behind have closed its output, when
   * the output has no reader, or after `timeoutMs`.
   */
  async outputEnded(timeoutMs: number): Promise<void> {
    await this.#launched?.io.ended(timeoutMs);
  }

  closeStdin(): void {
    this.#isStdinClosed = true;
    this.#launched?.io.closeStdin();
  }

  /** As `ProcessIo.reopenLogs`; returns no paths before the process is made. */
  reopenLogs(): Promise<string[]> {
    return this.#launched?.io.reopenLogs() ?? Promise.resolve([]);
  }

  /** Throws ERR_PROCESS_NOT_FOUND if the process has ended, ERR_STATE_INVALID before it is made. */
  signal(number: number): void {
    const { name } = this.options;
    if (!this.isMade) throw new TermshimError('ERR_STATE_INVALID', `${name} was not started yet`);
    if (!this.trySignal(number)) throw new TermshimError('ERR_PROCESS_NOT_FOUND', `${name} has already ended`);
  }

  /** As `signal`, but returns false if there is no process. */
  trySignal(number: number): boolean {
    this.#signals.add(number);
    return this.#launched?.signal(number) ?? false;
  }

  /** Stops watching the process and closes its stdio. `exited` fails if it has not settled. Idempotent. */
  close(): void {
    this.#launched?.close();
    const { name } = this.options;
    this.#rejectExited(new TermshimError('ERR_PROCESS_NOT_FOUND', `${name} was deleted before its exit was known`));
  }

  /** Keep this order: the process is reaped, its output is drained, its exit is reported. */
  async #waitForExit(launched: LaunchedProcess): Promise<void> {
    const exit = await this.#reaped(launched);
    this.#exit = exit;
    this.#state = 'stopped';
    this.#resolveReaped();
    const { beforeExit, onExit, onError } = this.options;
    await Promise.all([launched.io.drain(), beforeExit()].map((step) => step.catch(onError)));
    await Promise.all(Array.from(this.#lastSteps, (step) => step().catch(onError)));
    onExit(exit);
    this.#resolveExited(exit);
  }

  async #reaped(launched: LaunchedProcess): Promise<Exit> {
    try {
      return await launched.reaped;
    } catch (error) {
      this.options.onError(error as Error);
      return { status: unknownStatus, at: new Date() };
    }
  }
}
