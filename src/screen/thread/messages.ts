/** The messages between the main thread and the thread of the emulators. */
import type { Size } from '../../os/console.js';

/** A screen as it was after some output. */
export interface Picture {
  /** Bytes that make a terminal of this size, in any state, show the screen and continue with the later output. */
  readonly bytes: Uint8Array;
  /** After how many bytes of the output. */
  readonly at: number;
  readonly size: Size;
}

/** A message to the thread, about one screen. The messages about a screen are processed in order. */
export type Order = Work & { id: number };

export type Work =
  /** `picture` has the screen, if it is not blank, as it was after `at` bytes of output. */
  | { kind: 'open'; size: Size; at: number; picture: Uint8Array | undefined }
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'size'; size: Size }
  /** Drops output that waits. The screen begins anew with these bytes, the last before `at`. */
  | { kind: 'anew'; bytes: Uint8Array; at: number }
  | { kind: 'ask' }
  | { kind: 'close' };

/** A message from the thread. */
export type Answer =
  /** `thread` is the directory of the thread in /proc, if there is one. */
  | { kind: 'ready'; thread: string | undefined }
  /** Work of this cost was done or dropped; see `costOf`. */
  | { kind: 'worked'; id: number; cost: number }
  /** The answer to an `ask`. */
  | { kind: 'picture'; id: number; picture: Picture }
  /** Sent from time to time: another thread can continue from this picture with the output after it. */
  | { kind: 'checkpoint'; id: number; picture: Picture }
  /** The screen has passed a limit, and is closed. */
  | { kind: 'lost'; id: number; reason: string };

/** The cost of work, in bytes of output. A new size costs as much as some output. */
export function costOf(work: Work): number {
  if (work.kind === 'bytes' || work.kind === 'anew') return work.bytes.length;
  if (work.kind === 'open') return work.picture?.length ?? 0;
  return work.kind === 'size' ? sizeCost : 0;
}

const sizeCost = 4096;

/** Indexes of the numbers that both threads share: the screen being worked on, or 0, and the count of such turns. */
export const busyScreen = 0;
export const turnCount = 1;
