/**
 * The screen of a terminal, kept by an emulator that is fed with all that is written to it: so that a terminal that comes
 * later can be made to show it. docs/sessions.md has what of it cannot be kept.
 */
import type { Size } from '../os/console.js';
import { type Emulator, loadEmulator, resizeEmulator } from './emulator.js';
import { rememberExtras } from './snapshot/extras.js';
import { createInput } from './input.js';
import { costOf, type Picture, type Work } from './thread/messages.js';
import { takeSnapshot } from './snapshot/snapshot.js';
import { ownThread, threadMs } from './thread/thread-time.js';
import { weigh } from './weight.js';

export interface Screen {
  /** Of the emulator, which has at least 2 columns, and bounds. */
  readonly size: Size;
  /** Whether something is left to be done. */
  readonly isBusy: boolean;
  /** As of the last checkpoint. */
  readonly weight: number;
  /** What is to be done next. Cheap: it is done later. */
  order(step: Step): void;
  /** Works until a time of `performance.now()`, and a little longer. Returns what was done, or is not to be done any more. */
  work(until: number): number;
  /** Does all that is left, and tells what makes a terminal of this size show it. */
  snapshot(): Uint8Array;
  /** Idempotent. */
  close(): void;
}

/** What is done with a screen that is open. */
export type Step = Exclude<Work, { kind: 'open' | 'close' }>;

export interface ScreenOptions {
  size: Size;
  /** Bytes of output before those that come. */
  at?: number;
  /** An answer to `ask`. */
  onPicture?: (picture: Picture) => void;
  /** From time to time. */
  onCheckpoint?: (picture: Picture) => void;
  /** It has passed a limit, and is to be closed. */
  onLost?: (reason: string) => void;
}

/** Loads the emulator the first time. */
export async function loadScreens(): Promise<(options: ScreenOptions) => Screen> {
  const open = await loadEmulator();
  return (options) => createScreen(open, options);
}

/**
 * For so long a screen that is asked for may be worked for, on this thread, before it is given up: there can be no end of
 * what waits.
 */
const mostAskedMs = 2000;
/** What its cells may have beyond their colours: some 140,000 cells with something special. */
export const mostWeight = 16 * 1024 * 1024;
/** A picture may be as much as is kept for it. */
const mostPictureBytes = mostWeight;
/** How much is read, or written to cells otherwise, before the weight is looked at anew. */
const weighBytes = 128 * 1024;
/** How much output is read between two checkpoints: a half of what is remembered of it, and more if they are large. */
const checkpointBytes = 128 * 1024;
const checkpointRatio = 4;
/** As much as the output that is remembered: what else is to be kept is not worth it. */
const mostCheckpointBytes = 256 * 1024;

function createScreen(open: (size: Size) => Emulator, options: ScreenOptions): Screen {
  const { onPicture, onCheckpoint, onLost } = options;
  let size = possible(options.size);
  const emulator = open(size);
  const extras = rememberExtras(emulator.public);
  const input = createInput(emulator.inside);
  const steps: Step[] = [];
  /** Of the first step. */
  let readBytes = 0;
  let at = options.at ?? 0;
  let sinceWeighed = 0;
  let sinceCheckpoint = 0;
  let nextCheckpoint = checkpointBytes;
  let weight = 0;
  let droppedCost = 0;
  /** While somebody asks: what was spent on it. */
  let asked: { workedMs: number; usedMs: number } | undefined;
  let isOpen = true;

  const parse = (bytes: Uint8Array): void => {
    try {
      input.parse(bytes);
    } catch {
      // A bug of the emulator. It loses the rest of this slice.
      input.interrupt();
    }
  };
  /** Reads a little. Returns whether that was the last of it. */
  const read = (bytes: Uint8Array): boolean => {
    const end = Math.min(readBytes + sliceBytes(size), bytes.length);
    parse(bytes.subarray(readBytes, end));
    at += end - readBytes;
    sinceCheckpoint += end - readBytes;
    sinceWeighed += end - readBytes + emulator.meter.characters;
    emulator.meter.characters = 0;
    readBytes = end;
    return end === bytes.length;
  };
  const finish = (): void => {
    steps.shift();
    readBytes = 0;
  };
  /** Does a little of what is to be done. Returns the cost of what is done with it. */
  const advance = (step: Step): number => {
    switch (step.kind) {
      case 'bytes':
        if (!read(step.bytes)) return 0;
        break;
      case 'anew':
        if (readBytes === 0) {
          input.interrupt();
          at = step.at - step.bytes.length;
        }
        if (!read(step.bytes)) return 0;
        break;
      case 'size':
        size = possible(step.size);
        resizeEmulator(emulator, size);
        break;
      case 'ask':
        answer();
        break;
    }
    finish();
    return costOf(step);
  };
  const answer = (): void => {
    asked = undefined;
    const picture = take();
    if (picture !== undefined) onPicture?.(picture);
  };
  const take = (): Picture | undefined => {
    const bytes = isLight() ? draw() : undefined;
    if (bytes === undefined) return undefined;
    if (bytes.length <= mostPictureBytes) return { bytes, at, size };
    loseForMemory();
    return undefined;
  };
  const isLight = (): boolean => {
    sinceWeighed = 0;
    weight = weigh(emulator);
    if (weight > mostWeight) loseForMemory();
    return weight <= mostWeight;
  };
  const loseForMemory = (): void => lose(`it takes more than ${mostWeight / 1024 / 1024} MiB`);
  const draw = (): Uint8Array => {
    const text = takeSnapshot(emulator, size, extras.text);
    const { unfinished } = input;
    const bytes = new Uint8Array(Buffer.byteLength(text) + unfinished.length);
    const { written } = new TextEncoder().encodeInto(text, bytes);
    bytes.set(unfinished, written);
    return bytes;
  };
  const checkpoint = (): void => {
    if (sinceWeighed >= weighBytes && !isLight()) return;
    if (sinceCheckpoint < nextCheckpoint) return;
    sinceCheckpoint = 0;
    const picture = take();
    if (picture === undefined) return;
    nextCheckpoint = Math.max(checkpointBytes, picture.bytes.length * checkpointRatio);
    if (picture.bytes.length <= mostCheckpointBytes) onCheckpoint?.(picture);
  };
  const lose = (reason: string): void => {
    if (isOpen) onLost?.(reason);
    close();
  };
  /** The time of this thread too, since the machine may be busy with others. */
  const watchTime = (workedMs: number): void => {
    if (asked === undefined) return;
    asked.workedMs += workedMs;
    const isLong = asked.workedMs > mostAskedMs && threadMs(thread) - asked.usedMs > mostAskedMs;
    if (isLong) lose(`it takes more than ${mostAskedMs / 1000} s to understand its output`);
  };
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    steps.length = 0;
    emulator.public.dispose();
  };
  return {
    get size() {
      return size;
    },
    get isBusy() {
      return steps.length > 0 || droppedCost > 0;
    },
    get weight() {
      return weight;
    },
    order(step) {
      if (!isOpen) return;
      if (step.kind === 'anew') {
        for (const it of steps) if (it.kind === 'bytes' || it.kind === 'anew') droppedCost += costOf(it);
        const kept = steps.splice(0).filter(({ kind }) => kind === 'size' || kind === 'ask');
        // Sizes first: whoever asks is shown what comes of the new beginning.
        steps.push(...kept.filter(({ kind }) => kind === 'size'), step, ...kept.filter(({ kind }) => kind === 'ask'));
        readBytes = 0;
      } else {
        steps.push(step);
      }
      if (step.kind === 'ask') asked ??= { workedMs: 0, usedMs: threadMs(thread) };
    },
    work(until) {
      const start = performance.now();
      let cost = droppedCost;
      droppedCost = 0;
      for (let step = steps[0]; step !== undefined; step = steps[0]) {
        cost += advance(step);
        if (isOpen) checkpoint();
        if (performance.now() >= until) break;
      }
      watchTime(performance.now() - start);
      return cost;
    },
    snapshot() {
      this.work(Number.POSITIVE_INFINITY);
      return draw();
    },
    close,
  };
}

const thread = ownThread();

/** A terminal without a size is taken for one of 80x24. A huge one would take the memory of the process. */
function possible({ columns, rows }: Size): Size {
  return { columns: Math.min(Math.max(columns || 80, 2), 1000), rows: Math.min(rows || 24, 500) };
}

/** Each byte can be a third of an order to clear the screen: so that no slice is a matter of more than some 20 ms. */
function sliceBytes({ columns, rows }: Size): number {
  return Math.max(32, Math.min(2048, Math.floor(4_000_000 / (columns * rows))));
}
