/**
 * The screen of a terminal, kept by an emulator that reads all its output, so that another terminal can show it later.
 * docs/sessions.md lists what cannot be kept.
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
  /** The size of the emulator, which has at least 2 columns, and is limited. */
  readonly size: Size;
  /** Whether work is left. */
  readonly isBusy: boolean;
  /** As it was last measured; see `weigh`. */
  readonly weight: number;
  /** Adds work that `work` does later. */
  order(step: Step): void;
  /** Works until a time of `performance.now()`, or a little longer. Returns the cost of the work done or dropped. */
  work(until: number): number;
  /** Does all work that is left, and returns the bytes that make a terminal of this size show the screen. */
  snapshot(): Uint8Array;
  /** Idempotent. */
  close(): void;
}

/** Work for a screen that is open. */
export type Step = Exclude<Work, { kind: 'open' | 'close' }>;

export interface ScreenOptions {
  size: Size;
  /** How many bytes of output came before. */
  at?: number;
  /** Called with the answer to an `ask`. */
  onPicture?: (picture: Picture) => void;
  /** Called from time to time. */
  onCheckpoint?: (picture: Picture) => void;
  /** Called when the screen has passed a limit, before it is closed. */
  onLost?: (reason: string) => void;
}

/** Loads the emulator, and returns a function that opens screens. */
export async function loadScreens(): Promise<(options: ScreenOptions) => Screen> {
  const open = await loadEmulator();
  return (options) => createScreen(open, options);
}

/**
 * How long this thread may work on a screen before it answers an `ask`. After that the screen is given up, since the
 * work that waits may have no end.
 */
const mostAskedMs = 2000;
/** The highest weight of a screen, in bytes: some 140,000 cells that have more than a character. */
export const mostWeight = 16 * 1024 * 1024;
/** A picture may have as many bytes as the weight of a screen. */
const mostPictureBytes = mostWeight;
/** How much is read, or written to cells without being read, before the screen is weighed again. */
const weighBytes = 128 * 1024;
/** How much output is read between two checkpoints: half of the ring, or more if the pictures are large. */
const checkpointBytes = 128 * 1024;
const checkpointRatio = 4;
/** As many bytes as the ring holds: a larger picture is not worth its memory. */
const mostCheckpointBytes = 256 * 1024;

function createScreen(open: (size: Size) => Emulator, options: ScreenOptions): Screen {
  const { onPicture, onCheckpoint, onLost } = options;
  let size = possible(options.size);
  const emulator = open(size);
  const extras = rememberExtras(emulator.public);
  const input = createInput(emulator.inside);
  const steps: Step[] = [];
  /** How much of the first step was read. */
  let readBytes = 0;
  let at = options.at ?? 0;
  let sinceWeighed = 0;
  let sinceCheckpoint = 0;
  let nextCheckpoint = checkpointBytes;
  let weight = 0;
  let droppedCost = 0;
  /** While an `ask` waits: the time worked on the screen since then, and the CPU time of the thread at the `ask`. */
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
  /** Reads the next slice. Returns whether it was the last. */
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
  /** Does a little of the step. Returns its cost if the step is done, otherwise 0. */
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
  /** The CPU time of the thread counts too, since the machine may be busy with other programs. */
  const watchTime = (workedMs: number): void => {
    if (asked === undefined) return;
    asked.workedMs += workedMs;
    const isLong = asked.workedMs > mostAskedMs && threadMs(thread) - asked.usedMs > mostAskedMs;
    if (isLong) lose(`it takes more than ${mostAskedMs / 1000} s to interpret its output`);
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
        // Sizes come first, and each `ask` last: its answer shows the new beginning.
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

/** A terminal without a size counts as 80x24. The size is limited: a huge screen would take all memory. */
function possible({ columns, rows }: Size): Size {
  return { columns: Math.min(Math.max(columns || 80, 2), 1000), rows: Math.min(rows || 24, 500) };
}

/** Three bytes can clear the screen. With this limit no slice takes more than some 20 ms. */
function sliceBytes({ columns, rows }: Size): number {
  return Math.max(32, Math.min(2048, Math.floor(4_000_000 / (columns * rows))));
}
