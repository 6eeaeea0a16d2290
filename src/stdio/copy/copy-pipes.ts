/**
 * Copies stdin FIFO -> pipe, and stdout and stderr each from a pipe into a sink, for a process without a terminal, with
 * back-pressure, until the process has ended and no other process has the pipes open. Then it flushes and closes.
 */
import type { FifoReader } from '../../os/fifo.js';
import type { PipeOwner } from '../../os/pipe.js';
import type { Broadcast } from '../broadcast/broadcast.js';
import type { OutputStream } from '../log-target/log-target.js';
import { type PipeInput, copyPipeInput } from './pipe-input.js';
import { PipeOutput } from './pipe-output.js';
import type { Sink } from './sink.js';

/** The streams to copy. If a stream is absent, the process has /dev/null. */
export interface PipeCopyOptions {
  /** Where stdin comes from. The process reads end of file when the last writer has gone and `hold` is released. */
  stdin?: FifoReader | undefined;
  /** The sink of stdout; by default stdout is /dev/null. */
  stdout?: Sink | undefined;
  /** The sink of stderr; by default stderr is /dev/null. */
  stderr?: Sink | undefined;
  /** The user that the process runs as, who may then open `/dev/stdout`; by default this process's user. */
  owner?: PipeOwner | undefined;
  /**
   * How long the copy waits, after the process has ended, until the rest of the output is written and read; 10,000 ms
   * by default, 0 waits without end.
   */
  drainTimeoutMs?: number | undefined;
}

/** The result of a copy of pipes. */
export interface PipeCopyResult {
  /** What ended the copy: `processEnded` (`exit`), or `shutdown` or `close` (`shutdown`). */
  reason: 'exit' | 'shutdown';
  stdinBytes: number;
  /** Bytes of stdout and stderr together, as are the numbers below. */
  stdoutBytes: number;
  /** Bytes of output that were dropped because no reader took them, by the policies `discard` and `skip`. */
  discardedBytes: number;
  /** Bytes of output that were lost because no reader had taken them when the copy ended or the sink broke. */
  undeliveredBytes: number;
}

/** A running copy of pipes. */
export interface PipeCopy {
  /**
   * Descriptors to give to the process as stdin, stdout and stderr. They stay owned by the copy; `started` closes them.
   */
  readonly childEnds: readonly [ChildEnd, ChildEnd, ChildEnd];
  /**
   * Settles when everything is closed. Fails with an error that is not a normal end, such as ENOSPC. Only the stream that
   * fails ends at once; the others go on.
   */
  readonly done: Promise<PipeCopyResult>;
  /** Settles when the process has ended and everything it wrote was read. The readers may still have to catch up. */
  readonly drained: Promise<void>;
  /** Settles when the process has ended and no other process has the pipes open. */
  readonly ended: Promise<void>;
  readonly stdinBytes: number;
  /** Bytes of stdout and stderr together. */
  readonly stdoutBytes: number;
  /** Whether stdout or stderr is open and has a reader. */
  readonly hasReader: boolean;
  /** Passes the output of a stream to subscribers besides its sink. Undefined if the process has no such stream. */
  broadcast(stream: OutputStream): Broadcast | undefined;
  /** Call it once the process has its descriptors: closes `childEnds` and begins to copy the output. Idempotent. */
  started(): void;
  /** Tells the copy that the process was reaped. The copy ends when all other processes have closed the pipes. */
  processEnded(): void;
  /**
   * After `processEnded`: stops the copy and closes everything but the pipes to which other processes may still write.
   * Such a pipe is read, and the bytes dropped, until its last writer has gone, so that no process gets SIGPIPE. Before
   * `processEnded` it is `close`.
   */
  abandon(): void;
  /**
   * Ends the copy: reads the output that is in the pipes, then closes. After `processEnded` the copy then does not go on
   * for other processes that have the pipes open.
   */
  shutdown(): void;
  /** Closes everything at once. Unread output is counted and lost. */
  close(): void;
}

/** A descriptor, or `ignore` if there is no stream: as `stdio` of `spawn` takes it. */
export type ChildEnd = number | 'ignore';

/**
 * Makes the pipes of a process without a terminal, and copies each stream, until the process has ended. If a sink is full,
 * the process waits. Takes over stdin and the sinks: they are closed when `done` settles, or if the call throws.
 *
 * @example
 * ```js
 * import { spawn } from 'node:child_process';
 * import { closeSync, openSync } from 'node:fs';
 * import { copyPipes, plainSink } from 'termshim';
 *
 * const file = openSync('output', 'w');
 * const copy = copyPipes({ stdout: plainSink({ fd: file, close: () => closeSync(file) }) });
 * const child = spawn('/bin/echo', ['hello'], { stdio: [...copy.childEnds] });
 * child.on('exit', () => copy.processEnded());
 * copy.started();
 * const { stdoutBytes } = await copy.done;
 * process.stdout.write(`${stdoutBytes} bytes\n`);
 * ```
 */
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
    for (const stream of this.#outputs) stream.endAfterDrain();
  }

  abandon(): void {
    if (this.#reason === 'exit') for (const stream of this.#outputs) stream.abandon();
    this.close();
  }

  close(): void {
    this.#closing.abort();
    this.#end('shutdown');
  }

  /** Draining and flushing share one timeout. */
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
