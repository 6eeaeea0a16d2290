/**
 * A process of a container, its init or an exec process, through its states. It may not have been made yet, or have
 * ended.
 */
import type { Size } from '../os/console.js';
import { TermshimError } from '../errors/errors.js';
import type { Process } from './api.js';
import type { Exit, LaunchedProcess } from './launch.js';
import type { ProcessStdio, TerminalSession } from './io/process-io.js';
import { assertTransition, type ProcessState } from './state.js';

export interface ProcessOptions {
  /** What messages call it. */
  name: string;
  stdio: ProcessStdio;
  /** Begins when the process has been reaped, and settles when its exit may be told: what has to come before. */
  beforeExit: () => Promise<void>;
  /** Told once, when the process has ended and its output has been passed on, before `exited` settles. */
  onExit: (exit: Exit) => void;
  /**
   * Something went wrong on the way to the exit, which is told all the same. If the process was reaped by somebody else,
   * its status is not known, and stands as 255.
   */
  onError: (error: Error) => void;
}

/** What a shell says of a status that it cannot know. */
const unknownStatus = 255;

export class TaskProcess implements Process {
  readonly options: ProcessOptions;
  /** When it was asked for. */
  readonly createdAt = new Date();
  /** Settles when the exit has been told. Fails if the process is closed before. */
  readonly exited: Promise<Exit>;
  /** Settles when the process has been reaped; what it wrote may still be on its way. */
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
  /** Those that it was sent. */
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

  /** 0 before there is one. */
  get pid(): number {
    return this.#pid;
  }

  /** Undefined until the process has been reaped. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** What was asked for before there was a terminal. */
  get size(): Size | undefined {
    return this.#size;
  }

  /** Undefined before the process was made, and without a terminal. */
  get terminal(): TerminalSession | undefined {
    return this.#launched?.io.terminal;
  }

  /** Whether it has ended by a signal that it was sent. */
  get wasKilled(): boolean {
    return this.#exit !== undefined && this.#signals.has(this.#exit.status - 128);
  }

  get isMade(): boolean {
    return this.#pid !== 0;
  }

  /** Takes the process over. What was asked of it before is done now. */
  adopt(launched: LaunchedProcess): void {
    this.#launched = launched;
    this.#pid = launched.pid;
    if (this.#size !== undefined) launched.io.resize(this.#size);
    if (this.#isStdinClosed) launched.io.closeStdin();
    void this.#waitForExit(launched);
  }

  /** Throws ERR_STATE_INVALID. A process that has ended meanwhile stays `stopped`. */
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

  /** Calls `listener` after each `resize`. Returns how to stop. */
  watchSize(listener: () => void): () => void {
    this.#sizeListeners.add(listener);
    return () => this.#sizeListeners.delete(listener);
  }

  /** Does `step` once all that the process wrote has been passed on; its exit is told when that settles. Returns how to stop. */
  holdExit(step: () => Promise<void>): () => void {
    this.#lastSteps.add(step);
    return () => this.#lastSteps.delete(step);
  }

  /**
   * Once it has ended: settles when nobody whom it has left behind writes to its output any more, when nobody reads that, or
   * after `timeoutMs`.
   */
  async outputEnded(timeoutMs: number): Promise<void> {
    await this.#launched?.io.ended(timeoutMs);
  }

  closeStdin(): void {
    this.#isStdinClosed = true;
    this.#launched?.io.closeStdin();
  }

  /** As `ProcessIo.reopenLogs`; none before the process was made. */
  reopenLogs(): Promise<string[]> {
    return this.#launched?.io.reopenLogs() ?? Promise.resolve([]);
  }

  /** Throws ERR_PROCESS_NOT_FOUND if it has ended, ERR_STATE_INVALID if it was not made yet. */
  signal(number: number): void {
    const { name } = this.options;
    if (!this.isMade) throw new TermshimError('ERR_STATE_INVALID', `${name} was not started yet`);
    if (!this.trySignal(number)) throw new TermshimError('ERR_PROCESS_NOT_FOUND', `${name} has already ended`);
  }

  /** As `signal`; false if there is no process to send it to. */
  trySignal(number: number): boolean {
    this.#signals.add(number);
    return this.#launched?.signal(number) ?? false;
  }

  /** Lets go of the process and its stdio. Idempotent. */
  close(): void {
    this.#launched?.close();
    const { name } = this.options;
    this.#rejectExited(new TermshimError('ERR_PROCESS_NOT_FOUND', `${name} was deleted before its exit was known`));
  }

  /** The order is law: reaped, drained, told. */
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
