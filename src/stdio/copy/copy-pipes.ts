/**
 * The branch without a terminal: copies stdin FIFO -> pipe, and each of stdout and stderr from a pipe of its own into a
 * sink, all with back-pressure, until the process has ended and nobody whom it has left behind writes any more; then flushes
 * and closes.
 */
import type { FifoReader } from '../../os/fifo.js';
import type { PipeOwner } from '../../os/pipe.js';
import type { Broadcast } from '../broadcast/broadcast.js';
import type { OutputStream } from '../log-target/log-target.js';
import { type PipeInput, copyPipeInput } from './pipe-input.js';
import { PipeOutput } from './pipe-output.js';
import type { Sink } from './sink.js';

export interface PipeCopyOptions {
  /** Where stdin comes from. The process reads end of file when its last writer has gone and `hold` is released. */
  stdin?: FifoReader | undefined;
  /** Where stdout goes; by default the process has none. */
  stdout?: Sink | undefined;
  /** Where stderr goes; by default the process has none. */
  stderr?: Sink | undefined;
  /** The user that the process runs as, who may then open `/dev/stdout`; by default this process's user. */
  owner?: PipeOwner | undefined;
  /**
   * How long the rest of the output may take to be written and read after the process has ended; 10,000 ms by default, 0
   * waits without end.
   */
  drainTimeoutMs?: number | undefined;
}

export interface PipeCopyResult {
  /** What ended the copy. */
  reason: 'exit' | 'shutdown';
  stdinBytes: number;
  /** Of stdout and stderr, as are all that follow. */
  stdoutBytes: number;
  /** Dropped while nobody read, by the policy `discard`. */
  discardedBytes: number;
  /** Written by the process, and taken by nobody when the time was up or the sink had broken. */
  undeliveredBytes: number;
}

export interface PipeCopy {
  /** What the runtime gets as stdin, stdout and stderr. They are closed by `started`. */
  readonly childEnds: readonly [ChildEnd, ChildEnd, ChildEnd];
  /**
   * Settles when everything is closed. Rejects for an errno that is no part of a copy's life, such as ENOSPC: only the
   * stream that has it ends at once, its pipe closed.
   */
  readonly done: Promise<PipeCopyResult>;
  /** Settles when the process has ended and nothing of it is left in the pipes. Their readers may have to catch up. */
  readonly drained: Promise<void>;
  /** Settles when the process has ended and nobody else writes any more. As with `drained`. */
  readonly ended: Promise<void>;
  readonly stdinBytes: number;
  /** Of both outputs. */
  readonly stdoutBytes: number;
  /** Whether somebody is there to take what is left in the pipes. */
  readonly hasReader: boolean;
  /** For those who follow the output beside its sink. Undefined where there is none. */
  broadcast(stream: OutputStream): Broadcast | undefined;
  /** The process is there: our ends of what it inherited are closed, and its output is copied from now on. Idempotent. */
  started(): void;
  /** The process has been reaped: all it wrote is in the pipes. The copy ends when all others have closed them. */
  processEnded(): void;
  /**
   * After `processEnded`: everything is closed but the pipes that others still have. What they write is read and dropped, so
   * that nobody dies of it. Before, it is `close`.
   */
  abandon(): void;
  /** Ends the copy: drains what is there now, then closes. */
  shutdown(): void;
  /** Closes everything now. What nobody took is counted and lost. */
  close(): void;
}

/** An end of a pipe, or nothing where there is no stream. */
export type ChildEnd = number | 'ignore';

/** Starts to copy. Takes over stdin and the sinks: they are closed when `done` settles, or if it throws. */
export function copyPipes(options: PipeCopyOptions): PipeCopy {
  const { stdin, stdout, stderr, owner, drainTimeoutMs = 10_000 } = options;
  const closing = new AbortController();
  const { signal } = closing;
  try {
    const input = stdin && copyPipeInput({ stdin, owner, signal });
    const output = stdout && new PipeOutput({ name: 'stdout', sink: stdout, owner, signal });
    const errors = stderr && new PipeOutput({ name: 'stderr', sink: stderr, owner, signal });
    return new Copier([input, output, errors], closing, drainTimeoutMs);
  } catch (error) {
    closing.abort();
    for (const stream of [stdin, stdout, stderr]) stream?.close();
    throw error;
  }
}

type Streams = readonly [PipeInput | undefined, PipeOutput | undefined, PipeOutput | undefined];

class Copier implements PipeCopy {
  readonly childEnds: PipeCopy['childEnds'];
  readonly done: Promise<PipeCopyResult>;
  readonly drained: Promise<void>;
  readonly ended: Promise<void>;
  readonly #streams: Streams;
  readonly #outputs: readonly PipeOutput[];
  readonly #closing: AbortController;
  readonly #drainTimeoutMs: number;
  #drainTimer: NodeJS.Timeout | undefined;
  #reason: PipeCopyResult['reason'] | undefined;
  #resolveEnd!: () => void;

  constructor(streams: Streams, closing: AbortController, drainTimeoutMs: number) {
    const [input, output, errors] = streams;
    this.#streams = streams;
    this.#outputs = [output, errors].filter((stream) => stream !== undefined);
    this.#closing = closing;
    this.#drainTimeoutMs = drainTimeoutMs;
    this.childEnds = [endOf(input), endOf(output), endOf(errors)];
    const ended = new Promise<void>((resolve) => {
      this.#resolveEnd = resolve;
    });
    this.drained = ended.then(() => this.#all('drained'));
    this.ended = ended.then(() => this.#all('ended'));
    this.done = this.#finish(ended);
  }

  get stdinBytes(): number {
    return this.#streams[0]?.bytes ?? 0;
  }

  get stdoutBytes(): number {
    return sum(this.#outputs.map((stream) => stream.bytes));
  }

  get hasReader(): boolean {
    return this.#outputs.some((stream) => stream.hasReader);
  }

  broadcast(stream: OutputStream): Broadcast | undefined {
    const [, output, errors] = this.#streams;
    return (stream === 'stdout' ? output : errors)?.broadcast;
  }

  started(): void {
    for (const stream of this.#streams) stream?.theirs.close();
    for (const stream of this.#outputs) stream.start();
  }

  processEnded(): void {
    this.#end('exit');
  }

  shutdown(): void {
    this.#end('shutdown');
  }

  abandon(): void {
    if (this.#reason === 'exit') for (const stream of this.#outputs) stream.abandon();
    this.close();
  }

  close(): void {
    this.#closing.abort();
    this.#end('shutdown');
  }

  /** Draining and flushing share one time. */
  #end(reason: PipeCopyResult['reason']): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.started();
    this.#streams[0]?.close();
    if (this.#drainTimeoutMs > 0) this.#drainTimer = setTimeout(() => this.#closing.abort(), this.#drainTimeoutMs);
    for (const stream of this.#outputs) stream.drain(reason !== 'exit');
    this.#resolveEnd();
  }

  async #all(what: 'drained' | 'ended'): Promise<void> {
    await Promise.all(this.#outputs.map((stream) => stream[what]));
  }

  async #finish(ended: Promise<void>): Promise<PipeCopyResult> {
    await ended;
    const [input] = this.#streams;
    const done = this.#outputs.map((stream) => stream.done);
    await Promise.allSettled(done);
    clearTimeout(this.#drainTimer);
    if (input?.failure !== undefined) throw input.failure;
    return {
      reason: this.#reason ?? 'exit',
      stdinBytes: this.stdinBytes,
      stdoutBytes: this.stdoutBytes,
      discardedBytes: sum(this.#outputs.map((stream) => stream.discardedBytes)),
      undeliveredBytes: sum(await Promise.all(done)),
    };
  }
}

function endOf(stream: PipeInput | PipeOutput | undefined): ChildEnd {
  return stream === undefined ? 'ignore' : stream.theirs.fd;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
