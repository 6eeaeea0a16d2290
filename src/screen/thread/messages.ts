/** What the main thread and the thread of the emulators say to each other. */
import type { Size } from '../../os/console.js';

/** A screen at one place of the output. */
export interface Picture {
  /** What makes a terminal of this size, whatever it was, show the screen, and go on with what comes next. */
  readonly bytes: Uint8Array;
  /** How many bytes of the output have made it. */
  readonly at: number;
  readonly size: Size;
}

/** To the thread, of one screen. What is said of it is done in that order. */
export type Order = Work & { id: number };

export type Work =
  /** `picture` is what the screen is, if it is not blank; `at` says how many bytes of output have made it so. */
  | { kind: 'open'; size: Size; at: number; picture: Uint8Array | undefined }
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'size'; size: Size }
  /** What waits is dropped. The screen begins anew with these bytes, the last before `at`. */
  | { kind: 'anew'; bytes: Uint8Array; at: number }
  | { kind: 'ask' }
  | { kind: 'close' };

/** From the thread. */
export type Answer =
  /** `thread` is its directory in /proc, if there is one. */
  | { kind: 'ready'; thread: string | undefined }
  /** So much of what was ordered is done, or was dropped; see `costOf`. */
  | { kind: 'worked'; id: number; cost: number }
  /** To an `ask`. */
  | { kind: 'picture'; id: number; picture: Picture }
  /** From time to time, unasked: with this and the output since then another thread can go on. */
  | { kind: 'checkpoint'; id: number; picture: Picture }
  /** The screen has passed a limit, and is closed. */
  | { kind: 'lost'; id: number; reason: string };

/** In bytes of output. A new size may be as much work as some output. */
export function costOf(work: Work): number {
  if (work.kind === 'bytes' || work.kind === 'anew') return work.bytes.length;
  if (work.kind === 'open') return work.picture?.length ?? 0;
  return work.kind === 'size' ? sizeCost : 0;
}

const sizeCost = 4096;

/** Of the numbers that both threads see: the screen that is being worked for, 0 if none is, and a count of such turns. */
export const busyScreen = 0;
export const turnCount = 1;
