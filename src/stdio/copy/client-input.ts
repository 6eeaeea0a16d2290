/**
 * Copies the input of one more client from its descriptor into the console, beside stdin and the other clients. If this
 * input ends, the others go on.
 */
import type { Console } from '../../os/console.js';
import { EPOLLIN, type Watch, watch } from '../../os/epoll.js';
import { Flow } from './flow.js';
import type { InputTap } from '../broadcast/input-tap.js';

/** One more source of input for a console. */
export interface ClientInputOptions {
  /** A non-blocking FIFO or socket. The caller owns it, and may close it after `onEnd` or after closing the input. */
  fd: number;
  /** Called with the number of bytes that the console took since the last call. */
  onTyped: (bytes: number) => void;
  /** Called once, when the last writer has gone, or with an error if a read or a write fails. */
  onEnd: (error?: Error) => void;
}

export class ClientInput {
  readonly #options: ClientInputOptions;
  readonly #flow: Flow;
  readonly #watch: Watch | undefined;
  readonly #onWantRoom: (isWanted: boolean) => void;
  readonly #tap: InputTap;
  #typedBytes = 0;

  /** @param onWantRoom called with whether `consoleReady` must be called once the console takes more bytes */
  constructor(
    console: Console,
    options: ClientInputOptions,
    { tap, onWantRoom }: { tap: InputTap; onWantRoom: (isWanted: boolean) => void },
  ) {
    this.#options = options;
    this.#onWantRoom = onWantRoom;
    this.#tap = tap;
    this.#flow = new Flow({
      source: options.fd,
      sink: console.fd,
      onStop: (stop) => this.#stopped(stop),
      onError: (error) => this.#end(error),
    });
    tap.join(this.#flow);
    this.#watch = watch(options.fd, EPOLLIN, (events) => this.#flow.sourceReady(events));
  }

  /** Call it when the console takes bytes again. */
  consoleReady(): void {
    if (this.#flow.isFull) this.#flow.run();
  }

  /** Idempotent. */
  close(): void {
    this.#onWantRoom(false);
    this.#watch?.close();
    this.#flow.close();
    this.#tap.leave(this.#flow);
  }

  #stopped(stop: string): 'wait' {
    const { bytes } = this.#flow;
    if (bytes > this.#typedBytes) this.#options.onTyped(bytes - this.#typedBytes);
    this.#typedBytes = bytes;
    this.#onWantRoom(stop === 'full');
    if (stop === 'end' || stop === 'hangup') this.#end();
    return 'wait';
  }

  #end(error?: Error): void {
    this.close();
    this.#options.onEnd(error);
  }
}
