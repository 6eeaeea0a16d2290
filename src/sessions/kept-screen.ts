/**
 * The screen of a terminal, kept up to date with all that is written to it, so that a client that comes is shown it as it
 * is.
 */
import type { Size } from '../os/console.js';
import type { TerminalSession } from '../task/process-io.js';
import { tailOf } from './recent-output.js';
import { isSameSize } from './size.js';

/** An emulated terminal. */
export interface Screen {
  /** The bytes are only lent. */
  feed(bytes: Uint8Array): void;
  resize(size: Size): void;
  /** What makes a terminal of the same size look like it, whatever it was before. */
  snapshot(): Uint8Array;
  close(): void;
}

/** @param recent gives the last output, from where it can be understood */
export type OpenScreen = (size: Size, recent: () => Uint8Array) => Promise<Screen>;

export interface KeptScreen {
  snapshot(): Uint8Array;
  /** Idempotent. */
  close(): void;
}

/** Begins with what is known of the output already. */
export async function keepScreen(terminal: TerminalSession, open: OpenScreen): Promise<KeptScreen> {
  // The output is remembered from here on, while the emulator is loaded.
  const { fanOut } = terminal;
  let { size } = terminal;
  const recent = (): Uint8Array => tailOf(terminal, Number.POSITIVE_INFINITY);
  const screen = await open(size, recent);
  /** No event tells of a new size, which others may have set. */
  const follow = (): void => {
    const now = terminal.size;
    if (!isSameSize(now, size)) screen.resize(now);
    size = now;
  };
  const feed = (bytes: Uint8Array): void => {
    follow();
    screen.feed(bytes);
  };
  feed(recent());
  const observing = fanOut.observe(feed);
  return {
    snapshot() {
      follow();
      return screen.snapshot();
    },
    close() {
      observing.close();
      screen.close();
    },
  };
}
