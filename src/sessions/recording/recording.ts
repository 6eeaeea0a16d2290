/** A recording of a process's terminal, from the moment that there is one to the end of the process. */
import { rm } from 'node:fs/promises';
import type { Size } from '../../os/console.js';
import { settleWithin } from '../../async/settle-within.js';
import type { TerminalSession } from '../../task/io/process-io.js';
import type { TaskProcess } from '../../task/process.js';
import { type Recorder, type RecordingFacts, startRecorder } from './recorder.js';
import { type RecordingFile, createRecordingFile } from './file.js';

export interface RecordingRequest {
  /** Absolute. There must be no such file. */
  path: string;
  /** Whether what is typed is recorded, passwords too. */
  withInput: boolean;
  facts: RecordingFacts;
}

export interface RecordingOptions extends RecordingRequest {
  process: TaskProcess;
  /** Of the terminal, once there is one. */
  sizeNow: () => Size;
  /** Told once. */
  onEnd: (failure?: Error) => void;
}

/** How long the exit of a process waits for the disk. */
const timeoutMs = 2000;

export class Recording {
  readonly #options: RecordingOptions;
  readonly #file: RecordingFile;
  readonly #undo: (() => void)[];
  #recorder: Recorder | undefined;
  #failure: Error | undefined;
  #ended: Promise<void> | undefined;

  /** Creates the file. Fails with what is wrong with it. */
  static async open(options: RecordingOptions): Promise<Recording> {
    // Before it has begun nothing is written that could fail.
    const file = await createRecordingFile(options.path, (error) => recording.#fail(error));
    const recording = new Recording(options, file);
    return recording;
  }

  private constructor(options: RecordingOptions, file: RecordingFile) {
    const { process } = options;
    this.#options = options;
    this.#file = file;
    this.#undo = [
      process.watchSize(() => this.#recorder?.resized()),
      process.holdExit(() => settleWithin(this.end(), timeoutMs)),
    ];
  }

  get path(): string {
    return this.#options.path;
  }

  /** Why it has ended before its time. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get isGoingOn(): boolean {
    return this.#ended === undefined;
  }

  /** @param present what the terminal shows already */
  begin(terminal: TerminalSession, present: Uint8Array): void {
    if (!this.isGoingOn) return;
    const { sizeNow, withInput, facts } = this.#options;
    this.#recorder ??= startRecorder({ terminal, sizeNow, file: this.#file, facts, withInput, present });
  }

  /** Settles when all of it is in the file, or cannot be. Idempotent. */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    for (const undo of this.#undo) undo();
    this.#recorder?.close();
    await this.#file.close();
    // Of a process that was never made there is nothing to play.
    if (this.#recorder === undefined) await rm(this.path, { force: true }).catch(() => {});
    this.#options.onEnd(this.#failure);
  }

  #fail(error: Error): void {
    this.#failure = error;
    void this.end();
  }
}
