/** The recordings of a session, one after the other. */
import type { Size } from '../../os/console.js';
import { TermshimError } from '../../errors/errors.js';
import { createMutex } from '../../async/mutex.js';
import type { TerminalSession } from '../../task/io/process-io.js';
import type { TaskProcess } from '../../task/process.js';
import { Recording, type RecordingRequest } from './recording.js';

export interface RecordingsOptions {
  process: TaskProcess;
  /** The size of the terminal, as in `Session.size`. */
  sizeNow: () => Size;
  /** The bytes that show what is on the terminal now. */
  present: (terminal: TerminalSession) => Promise<Uint8Array>;
  onEvent: (kind: RecordingEvent) => void;
  onError: (error: Error) => void;
}

export type RecordingEvent = 'record' | 'record-ended' | 'record-failed';

export class Recordings {
  readonly #options: RecordingsOptions;
  readonly #runExclusive = createMutex();
  #last: Recording | undefined;

  constructor(options: RecordingsOptions) {
    this.#options = options;
  }

  /** The last recording, which may have ended. */
  get last(): Recording | undefined {
    return this.#last;
  }

  /**
   * Begins a recording, now or when the process is made. Fails with ERR_STATE_INVALID if the process has ended or is
   * recorded already, and as `createRecordingFile` does. `signal` cancels the call only while it waits for the mutex.
   */
  add(request: RecordingRequest, signal: AbortSignal): Promise<void> {
    return this.#runExclusive(() => {
      signal.throwIfAborted();
      return this.#add(request);
    });
  }

  /** Call it when the process was made, before its first output is read. */
  begin(terminal: TerminalSession): void {
    this.#last?.begin(terminal, new Uint8Array());
  }

  /** Ends the recording. Settles when all of it is in the file. Fails with ERR_STATE_INVALID if there is none. */
  async end(): Promise<void> {
    if (this.#last?.isGoingOn === true) return await this.#last.end();
    throw new TermshimError('ERR_STATE_INVALID', `${this.#options.process.options.name} is not recorded`);
  }

  /** Ends the recording when the process has ended. Idempotent. */
  close(): void {
    void this.#last?.end();
  }

  async #add(request: RecordingRequest): Promise<void> {
    const { process, sizeNow, present, onEvent, onError } = this.#options;
    this.#assertAlive();
    if (this.#last?.isGoingOn === true) {
      throw new TermshimError(
        'ERR_STATE_INVALID',
        `${process.options.name} is already being recorded to ${this.#last.path}`,
      );
    }
    const onEnd = (failure?: Error): void => {
      if (failure !== undefined) onError(failure);
      onEvent(failure === undefined ? 'record-ended' : 'record-failed');
    };
    const recording = await Recording.open({ ...request, process, sizeNow, onEnd });
    this.#last = recording;
    onEvent('record');
    if (process.exit !== undefined) await recording.end();
    this.#assertAlive();
    if (process.terminal !== undefined) recording.begin(process.terminal, await present(process.terminal));
  }

  #assertAlive(): void {
    const { exit, state, options } = this.#options.process;
    if (exit === undefined && state !== 'deleted') return;
    throw new TermshimError('ERR_STATE_INVALID', `${options.name} has ended`);
  }
}
