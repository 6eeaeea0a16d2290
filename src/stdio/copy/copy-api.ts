/** The options, the result and the methods of a copy of a console. */
import type { Console } from '../../os/console.js';
import type { Broadcast } from '../broadcast/broadcast.js';
import type { ClientInputOptions } from './client-input.js';
import type { StdinEnd } from './console-input.js';
import type { Sink } from './sink.js';

/** The descriptors of a copy, and when the copy ends. */
export interface ConsoleCopyOptions {
  /** The copy takes over console, stdin and stdout, and closes them at its end. */
  console: Console;
  /** Where input comes from: a non-blocking descriptor with an owner, such as a `FifoReader`; by default nowhere. */
  stdin?: { readonly fd: number; close(): void } | undefined;
  /** Where output goes: a `fifoSink` or a `plainSink`. */
  stdout: Sink;
  /** What happens when stdin ends; `hangup` by default. */
  stdinEnd?: StdinEnd | undefined;
  /**
   * Whether the copy ends once no process has the tty open; true by default. Pass false if you watch the process and
   * call `processEnded`: while the process lives, the tty may be opened again.
   */
  endsOnHangup?: boolean | undefined;
  /** How long the copy waits for the rest of the output to be read; 10,000 ms by default, 0 waits without end. */
  drainTimeoutMs?: number | undefined;
}

/**
 * What ended a copy.
 *
 * - `exit`: `processEnded` was called
 * - `hangup`: no process has the tty open
 * - `stdin-end`: stdin ended, with the policy `hangup`
 * - `broken-pipe`: stdout has no reader, and is a `plainSink` or has the policy `hangup`
 * - `shutdown`: `shutdown` or `close` was called
 */
export type CopyEnd = 'exit' | 'hangup' | 'stdin-end' | 'broken-pipe' | 'shutdown';

/** The result of a copy of a console. */
export interface CopyResult {
  /** What ended the copy. */
  reason: CopyEnd;
  stdinBytes: number;
  stdoutBytes: number;
  /** Bytes of output that were dropped because no reader took them, by the policies `discard` and `skip`. */
  discardedBytes: number;
  /** Bytes of output that were lost because no reader had taken them when the copy ended. */
  undeliveredBytes: number;
}

/** A running copy of a console. */
export interface ConsoleCopy {
  /** Settles when everything is closed. Fails with ERR_SYSTEM for an error that is not a normal end. */
  readonly done: Promise<CopyResult>;
  /**
   * Settles when all output of the process was read from the console, or nothing more will be read. The reader of stdout may
   * still have to catch up.
   */
  readonly drained: Promise<void>;
  /** Settles when no process has the tty open, or nothing more will be read from the console. */
  readonly ended: Promise<void>;
  readonly stdinBytes: number;
  readonly stdoutBytes: number;
  /** Whether there is a reader of stdout. */
  readonly hasReader: boolean;
  /**
   * The time, as of `performance.now()`, since which the console waits for the reader of stdout; undefined while it
   * does not wait.
   */
  readonly waitingSince: number | undefined;
  /** Passes the output to subscribers besides stdout. */
  readonly broadcast: Broadcast;
  /** Copies input from one more descriptor to the console. Does nothing once the process has ended. */
  addInput(options: ClientInputOptions): { close(): void };
  /** Calls `onInput` with everything that is typed from now on, in order. Copy the bytes if you keep them. */
  observeInput(onInput: (bytes: Uint8Array) => void): { close(): void };
  /**
   * Tells the copy that the session leader was reaped, so all its output is in the console. The copy ends when all
   * other processes have closed the tty. Input ends when the leader's output was read. Do not call it before the leader
   * was reaped, or output may be lost.
   */
  processEnded(): void;
  /**
   * After `processEnded`: stops the copy and closes everything but the console, which is closed when no process has its
   * tty open. The output of these processes is read and dropped, so that they get no SIGHUP. Before `processEnded` it
   * is `close`.
   */
  abandon(): void;
  /**
   * Ends the copy: reads the output that is in the console, then closes. After `processEnded` the copy then does not go
   * on for other processes that have the tty open.
   */
  shutdown(): void;
  /** Closes everything at once. Unread output is counted and lost. */
  close(): void;
}
