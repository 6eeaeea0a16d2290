/** A recording of a process's terminal: it begins at once, or when the terminal is made, and ends with the process. */
import { rm } from 'node:fs/promises';
import type { Size } from '../../os/console.js';
import { settleWithin } from '../../async/settle-within.js';
import type { TerminalSession } from '../../task/io/process-io.js';
import type { TaskProcess } from '../../task/process.js';
import { type Recorder, type RecordingFacts, startRecorder } from './recorder.js';
import { type RecordingFile, createRecordingFile } from './file.js';

export interface RecordingRequest {
  /** An absolute path where no file exists. */
  path: string;
  /** Whether input is recorded, passwords too. */
  withInput: boolean;
  facts: RecordingFacts;
}

export interface RecordingOptions extends RecordingRequest {
  process: TaskProcess;
  /** The size of the terminal, once there is one. */
  sizeNow: () => Size;
  /** Called once, when the recording has ended; `failure` is the error of a write that ended it early. */
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

  /** Creates the file. Fails as `createRecordingFile` does. */
  static async open(options: RecordingOptions): Promise<Recording> {
    // `recording` is set before this is called: nothing is written before the recording has begun.
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

  /** The error that ended the recording early. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get isGoingOn(): boolean {
    return this.#ended === undefined;
  }

  /** @param present the bytes that show what is on the terminal already */
  begin(terminal: TerminalSession, present: Uint8Array): void {
    if (!this.isGoingOn) return;
    const { sizeNow, withInput, facts } = this.#options;
    this.#recorder ??= startRecorder({ terminal, sizeNow, file: this.#file, facts, withInput, present });
  }

  /** Ends the recording. Settles when all of it is in the file, or a write has failed. Idempotent. */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    for (const undo of this.#undo) undo();
    this.#recorder?.close();
    await this.#file.close();
    // A recording that never began has nothing to play.
    if (this.#recorder === undefined) await rm(this.path, { force: true }).catch(() => {});
    this.#options.onEnd(this.#failure);
  }

  #fail(error: Error): void {
    this.#failure = error;
    void this.end();
  }
}
