/**
 * A client of a session: its two FIFOs, its window, and counts of the bytes that it typed and saw.
 */
import type { Size } from '../os/console.js';
import type { FifoReader, FifoWriter } from '../os/fifo.js';
import type { FollowOptions, Subscriber } from '../stdio/broadcast/subscriber.js';
import type { TerminalSession } from '../task/io/process-io.js';
import type { ClientInfo } from '../ttrpc/gen/termshim/sessions.js';
import { timestampOf } from '../ttrpc/message.js';
import type { Window } from './size.js';

export interface ClientEnds {
  /** The FIFO that the client types into; undefined for a read-only client. */
  stdin: FifoReader | undefined;
  stdout: FifoWriter;
}

export interface ClientOptions extends ClientEnds {
  number: number;
  /** The name that the client gives itself. */
  label: string;
  window: Size;
  onTyped: () => void;
  /** Called once, when the client has left or the output has ended. The client is closed by then. */
  onEnd: (failure?: Error) => void;
}

export class Client {
  readonly options: ClientOptions;
  readonly since = Date.now();
  window: Size;
  /** The session's counter at the time when the client last typed, attached or resized; the highest is the latest. */
  typedAt = 0;
  #subscriber: Subscriber | undefined;
  #input: { close(): void } | undefined;
  #typedBytes = 0;

  /** Takes over the FIFOs. */
  constructor(options: ClientOptions) {
    this.options = options;
    this.window = options.window;
  }

  get number(): number {
    return this.options.number;
  }

  get isReadOnly(): boolean {
    return this.options.stdin === undefined;
  }

  get isConnected(): boolean {
    return this.#subscriber !== undefined;
  }

  /** Connects the FIFOs to the terminal. False if the output has ended. */
  connect(terminal: TerminalSession, first: Pick<FollowOptions, 'firstBytes' | 'replayBytes' | 'onSkipped'>): boolean {
    const { stdin, stdout, onTyped } = this.options;
    this.#subscriber = terminal.broadcast.follow({
      ...first,
      sink: stdout,
      onEnd: (reason) => this.#end(reason instanceof Error ? reason : undefined),
    });
    if (this.#subscriber === undefined || stdin === undefined) return this.isConnected;
    this.#input = terminal.addInput({
      fd: stdin.fd,
      onTyped: (bytes) => {
        this.#typedBytes += bytes;
        onTyped();
      },
      onEnd: (failure) => this.#end(failure),
    });
    return true;
  }

  describeWindow(): Window {
    return { client: this.number, size: this.window, isReadOnly: this.isReadOnly, typedAt: this.typedAt };
  }

  describe(): ClientInfo {
    return {
      client: this.number,
      label: this.options.label,
      since: timestampOf(this.since),
      readOnly: this.isReadOnly,
      ...this.window,
      typedBytes: BigInt(this.#typedBytes),
      seenBytes: BigInt(this.#subscriber?.bytes ?? 0),
      behindBytes: BigInt(this.#subscriber?.behindBytes ?? 0),
      skippedBytes: BigInt(this.#subscriber?.skippedBytes ?? 0),
    };
  }

  /** Idempotent. The client can still read what is in its stdout FIFO. */
  close(): void {
    this.#input?.close();
    this.#subscriber?.close();
    this.options.stdin?.close();
    this.options.stdout.close();
  }

  #end(failure: Error | undefined): void {
    this.close();
    this.options.onEnd(failure);
  }
}
