/**
 * The screen of a terminal, kept by an emulator that is fed with all that is written to it: so that a terminal that comes
 * later can be made to show it. docs/sessions.md has what of it cannot be kept.
 */
import type { Size } from '../os/console.js';
import { type Emulator, loadEmulator, resizeEmulator } from './screen-emulator.js';
import { rememberExtras } from './screen-extras.js';
import { createInput } from './screen-input.js';
import { takeSnapshot } from './screen-snapshot.js';
import { askForTurns, endTurns } from './screen-turns.js';

export interface Screen {
  /** Of the emulator, which has at least 2 columns, and bounds. */
  readonly size: Size;
  /** Too much came at once: for a moment it shows what was, until it begins anew with what is recent. */
  readonly isBehind: boolean;
  /** What was written next. The bytes are only lent. Cheap: they are understood later, in turns of their own. */
  feed(bytes: Uint8Array): void;
  /** What is fed from now on is for another size. */
  resize(size: Size): void;
  /** What makes a terminal of this size, whatever it was, show what was fed till now, and go on with what comes next. */
  snapshot(): Uint8Array;
  /** Idempotent. */
  close(): void;
}

/**
 * Loads the emulator the first time.
 *
 * @param recent The last of what was fed, from where it can be understood. Asked for when too much came at once; it has to
 * be less than 512 KiB.
 */
export async function openScreen(size: Size, recent: () => Uint8Array): Promise<Screen> {
  openEmulator ??= await loadEmulator();
  return createScreen(openEmulator, size, recent);
}

let openEmulator: ((size: Size) => Emulator) | undefined;

/** What may wait to be understood: some 30 ms of work, which a snapshot may have to wait for. */
const maxUnreadBytes = 512 * 1024;
/** Between two beginnings anew, so that a flood that lasts costs little. */
const beginAnewMs = 250;
/** The emulator looks at the clock this often. */
const sliceBytes = 2048;
/** Small pieces are collected in blocks of this. */
const blockBytes = 4096;

type Step = { kind: 'bytes'; block: Uint8Array; used: number; read: number } | { kind: 'size'; size: Size };

function createScreen(open: (size: Size) => Emulator, asked: Size, recent: () => Uint8Array): Screen {
  let size = possible(asked);
  const emulator = open(size);
  const extras = rememberExtras(emulator.public);
  const input = createInput(emulator.inside);
  const steps: Step[] = [];
  let unreadBytes = 0;
  let anew: NodeJS.Timeout | undefined;
  let isOpen = true;

  const append = (bytes: Uint8Array): void => {
    unreadBytes += bytes.length;
    const last = steps.at(-1);
    if (last?.kind === 'bytes' && bytes.length <= last.block.length - last.used) {
      last.block.set(bytes, last.used);
      last.used += bytes.length;
    } else {
      const block = new Uint8Array(Math.max(bytes.length, blockBytes));
      block.set(bytes);
      steps.push({ kind: 'bytes', block, used: bytes.length, read: 0 });
    }
  };
  const parse = (bytes: Uint8Array): void => {
    try {
      input.parse(bytes);
    } catch {
      // A bug of the emulator. It loses the rest of this slice.
      input.interrupt();
    }
  };
  /** Does a little of what is to be done. */
  const advance = (step: Step): void => {
    if (step.kind === 'size') {
      resizeEmulator(emulator, step.size);
      steps.shift();
      return;
    }
    const end = Math.min(step.read + sliceBytes, step.used);
    parse(step.block.subarray(step.read, end));
    unreadBytes -= end - step.read;
    step.read = end;
    if (end === step.used) steps.shift();
  };
  const work = (until: number): boolean => {
    for (let step = steps[0]; step !== undefined && performance.now() < until; step = steps[0]) advance(step);
    return steps.length > 0;
  };
  const fallBehind = (): void => {
    steps.splice(0, steps.length, ...steps.filter(({ kind }) => kind === 'size'));
    unreadBytes = 0;
    anew = setTimeout(beginAnew, beginAnewMs).unref();
  };
  /** Modes and titles stay as they were: they may be older than what is recent. */
  const beginAnew = (): void => {
    clearTimeout(anew);
    anew = undefined;
    work(Number.POSITIVE_INFINITY);
    input.interrupt();
    append(recent());
    askForTurns(work);
  };
  return {
    get size() {
      return size;
    },
    get isBehind() {
      return anew !== undefined;
    },
    feed(bytes) {
      if (!isOpen || anew !== undefined || bytes.length === 0) return;
      if (unreadBytes + bytes.length > maxUnreadBytes) fallBehind();
      else append(bytes);
      askForTurns(work);
    },
    resize(next) {
      size = possible(next);
      steps.push({ kind: 'size', size });
      if (isOpen) askForTurns(work);
    },
    snapshot() {
      if (!isOpen) return new Uint8Array();
      if (anew !== undefined) beginAnew();
      work(Number.POSITIVE_INFINITY);
      const text = takeSnapshot(emulator, size, extras.text);
      return Buffer.concat([Buffer.from(text), input.unfinished]);
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      clearTimeout(anew);
      endTurns(work);
      steps.length = 0;
      emulator.public.dispose();
    },
  };
}

/** A terminal without a size is taken for one of 80x24. A huge one would take the memory of the process. */
function possible({ columns, rows }: Size): Size {
  return { columns: Math.min(Math.max(columns || 80, 2), 1000), rows: Math.min(rows || 24, 500) };
}
