/** Copies the output of a session to a terminal, and restores the terminal's modes at the end. */
import { addon } from '../native/addon.js';
import { DescriptorReader } from '../os/descriptor-reader.js';
import type { CopyStreamOptions } from '../stdio/copy/copy-stream.js';
import { type WriteQueue, createWriteQueue } from '../stdio/copy/write-queue.js';
import { watchModes } from './modes.js';

interface TerminalOptions extends CopyStreamOptions {
  /** Whether the terminal is in raw mode. Then a stop in the middle of a line starts a new line. */
  isOurs: boolean;
}

interface TerminalCopy {
  /** Whether the terminal takes no more now. */
  readonly isBlocked: boolean;
  close(): void;
}

const blockBytes = 64 * 1024;
const newline = 0x0a;

/**
 * As `copyStream`, but through JavaScript, which watches the modes that the output sets. `close` stops the copy and
 * undoes the modes. It is idempotent. Call it after the end too.
 */
export function copyToTerminal(options: TerminalOptions): TerminalCopy {
  return new TerminalCopier(options);
}

class TerminalCopier implements TerminalCopy {
  readonly #options: TerminalOptions;
  readonly #modes = watchModes();
  readonly #reader: DescriptorReader;
  readonly #queue: WriteQueue;
  #lastByte = newline;
  #hasEnded = false;
  #isOpen = true;

  constructor(options: TerminalOptions) {
    const { source, sink } = options;
    this.#options = options;
    this.#queue = createWriteQueue({
      fd: sink,
      onDrain: () => this.#reader.resume(),
      onBroken: (error) => this.#end(error ?? 'broken'),
    });
    this.#reader = new DescriptorReader({
      source,
      name: 'output',
      block: Buffer.allocUnsafeSlow(blockBytes),
      onBytes: (bytes) => this.#show(bytes),
      onEnd: (error) => this.#end(error ?? 'end'),
    });
  }

  get isBlocked(): boolean {
    return this.#isOpen && this.#queue.pendingBytes > 0;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#stop();
    // If the terminal takes nothing now, this does not wait for it.
    const isInLine = this.#options.isOurs && !this.#hasEnded && this.#lastByte !== newline;
    addon.fd_write(this.#options.sink, Buffer.from(this.#modes.undo + (isInLine ? '\r\n' : '')));
  }

  /** The queue keeps the bytes, so no more are read into the same block before it has written them. */
  #show(bytes: Uint8Array): boolean {
    this.#modes.see(bytes);
    this.#lastByte = bytes.at(-1) as number;
    this.#queue.write(bytes);
    return this.#queue.pendingBytes === 0;
  }

  #end(how: 'end' | 'broken' | Error): void {
    this.#hasEnded = how === 'end';
    this.#stop();
    this.#options.onEnd(how);
  }

  #stop(): void {
    this.#reader.close();
    this.#queue.close();
  }
}
