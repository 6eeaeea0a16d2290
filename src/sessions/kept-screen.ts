/**
 * The screen of a terminal, kept up to date with all that is written to it, so that a client that comes is shown it as it
 * is.
 */
import type { Size } from '../os/console.js';
import type { TerminalSession } from '../task/process-io.js';
import { safeTail } from './replay.js';
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

export type OpenScreen = (size: Size) => Promise<Screen>;

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
  const screen = await open(size);
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
  const known = fanOut.recent(Number.MAX_SAFE_INTEGER);
  feed(safeTail(known, { maxBytes: known.length, isWhole: known.length === terminal.stdoutBytes }));
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
