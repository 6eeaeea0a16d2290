/**
 * All that is typed into one console: stdin, and any number of clients. They share the room that the console has.
 */
import type { Console } from '../../os/console.js';
import { ClientInput, type ClientInputOptions } from './client-input.js';
import { ConsoleInput, type ConsoleInputOptions } from './console-input.js';
import { InputTap } from '../broadcast/input-tap.js';

export interface ConsoleInputsOptions extends Omit<ConsoleInputOptions, 'stdin' | 'tap' | 'onWantRoom'> {
  /** Where input comes from in the first place, if from anywhere. */
  stdin: ConsoleInputOptions['stdin'] | undefined;
  /** Whether `consoleReady` is to be called when the console takes more. */
  onWantRoom: (isWanted: boolean) => void;
}

export class ConsoleInputs {
  readonly #console: Console;
  readonly #onWantRoom: (isWanted: boolean) => void;
  readonly #tap = new InputTap();
  readonly #stdin: ConsoleInput | undefined;
  readonly #clients = new Set<ClientInput>();
  /** Those that wait for the console to take more. */
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

  /** One more that types. */
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

  /** To be called when the console takes bytes again, after `onWantRoom(true)`. */
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
