/** All inputs of one console: stdin and any number of clients. Knows which of them wait for room in the console. */
import type { Console } from '../../os/console.js';
import { ClientInput, type ClientInputOptions } from './client-input.js';
import { ConsoleInput, type ConsoleInputOptions } from './console-input.js';
import { InputTap } from '../broadcast/input-tap.js';

export interface ConsoleInputsOptions extends Omit<ConsoleInputOptions, 'stdin' | 'tap' | 'onWantRoom'> {
  /** Stdin of the copy; undefined if all input comes from clients. */
  stdin: ConsoleInputOptions['stdin'] | undefined;
  /** Called with whether `consoleReady` must be called once the console takes more bytes. */
  onWantRoom: (isWanted: boolean) => void;
}

export class ConsoleInputs {
  readonly #console: Console;
  readonly #onWantRoom: (isWanted: boolean) => void;
  readonly #tap = new InputTap();
  readonly #stdin: ConsoleInput | undefined;
  readonly #clients = new Set<ClientInput>();
  /** The inputs that wait until the console takes more bytes. */
  readonly #waiting = new Set<{ consoleReady(): void }>();
  #clientBytes = 0;

  constructor({ stdin, ...options }: ConsoleInputsOptions) {
    this.#console = options.console;
    this.#onWantRoom = options.onWantRoom;
    if (stdin === undefined) return;
    const onWantRoom = (isWanted: boolean): void => this.#setWaiting(input, isWanted);
    const input: ConsoleInput = new ConsoleInput({ ...options, stdin, tap: this.#tap, onWantRoom });
    this.#stdin = input;
  }

  /** Bytes that the console took. */
  get bytes(): number {
    return (this.#stdin?.bytes ?? 0) + this.#clientBytes;
  }

  /** Adds the input of a client. */
  add(options: ClientInputOptions): { close(): void } {
    const onTyped = (bytes: number): void => {
      this.#clientBytes += bytes;
      options.onTyped(bytes);
    };
    const onWantRoom = (isWanted: boolean): void => this.#setWaiting(input, isWanted);
    const shared = { tap: this.#tap, onWantRoom };
    const input: ClientInput = new ClientInput(this.#console, { ...options, onTyped }, shared);
    this.#clients.add(input);
    return {
      close: () => {
        this.#clients.delete(input);
        input.close();
      },
    };
  }

  /** As `InputTap.observe`. */
  observe(onInput: (bytes: Uint8Array) => void): { close(): void } {
    return this.#tap.observe(onInput);
  }

  /** Call it when the console takes bytes again, after `onWantRoom(true)`. */
  consoleReady(): void {
    for (const input of this.#waiting) input.consoleReady();
  }

  /** Idempotent. */
  close(): void {
    this.#stdin?.close();
    for (const client of this.#clients) client.close();
    this.#tap.close();
  }

  #setWaiting(input: { consoleReady(): void }, isWaiting: boolean): void {
    const before = this.#waiting.size;
    if (isWaiting) this.#waiting.add(input);
    else this.#waiting.delete(input);
    const after = this.#waiting.size;
    if (before > 0 !== after > 0) this.#onWantRoom(after > 0);
  }
}
