/**
 * Runs the emulators of many screens in a thread. They read the output of containers, which may be hostile: if a thread
 * takes too long for a screen, or too much memory, it is ended. That screen is lost, and the others continue in the
 * next thread.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../../errors/errors.js';
import { packageRoot } from '../../package.js';
import { type Answer, busyScreen, type Order, type Picture, turnCount, type Work } from './messages.js';
import { threadMs } from './thread-time.js';

export interface ScreenListener {
  /** Work of this cost was done or dropped; see `costOf`. */
  onWorked(cost: number): void;
  onPicture(picture: Picture): void;
  onCheckpoint(picture: Picture): void;
  /** The thread was ended because of another screen. All orders are lost: the next order must be `open`. */
  onRestart(): void;
  /** The screen was given up. This is the last call. */
  onLost(reason: string): void;
  /** Whether the listener waits for an answer. */
  isWaiting(): boolean;
}

/** A screen in a thread. */
export interface ScreenLink {
  /** Transfers the bytes of the work to the thread, except those of a picture. */
  order(work: Work): void;
  /** Idempotent. */
  close(): void;
}

export type OpenLink = (listener: ScreenListener) => ScreenLink;

/**
 * Returns a function that opens links to threads that run `program`. The first order on each link must be `open`. A
 * thread is started for its first screen, and ended after its last.
 */
export function openLinks(program = emulators): OpenLink {
  const threads = new Set<ScreenThread>();
  return (listener) => {
    const thread = [...threads].find((it) => it.hasRoom) ?? new ScreenThread(program, () => threads.delete(thread));
    threads.add(thread);
    return thread.add(listener);
  };
}

const emulators = join(packageRoot, 'dist/bundle/screen/thread/worker.cjs');

/** How long one turn of a thread for a screen may take; normal turns take some milliseconds. */
const mostTurnMs = 2000;
const lookMs = 250;
/** A thread starts in a tenth of a second. */
const mostStartMs = 30_000;
/** A screen takes half a megabyte besides its weight: with so many screens a thread stays below its memory limits. */
const mostScreens = 200;
const memoryLimits = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 16 };

class ScreenThread {
  readonly #program: string;
  readonly #onEmpty: () => void;
  readonly #screens = new Map<number, ScreenListener>();
  #lastId = 0;
  #worker: Worker | undefined;
  #shared = new Int32Array(new SharedArrayBuffer(8));
  /** The directory of the thread in /proc; undefined while it is not known. */
  #directory: string | undefined;
  #isReady = false;
  #look: NodeJS.Timeout | undefined;
  /** The last turn that was seen, and the CPU time of the thread when it was first seen. */
  #seen = { turn: -1, usedMs: 0 };

  constructor(program: string, onEmpty: () => void) {
    this.#program = program;
    this.#onEmpty = onEmpty;
  }

  get hasRoom(): boolean {
    return this.#screens.size < mostScreens;
  }

  add(listener: ScreenListener): ScreenLink {
    const id = ++this.#lastId;
    this.#screens.set(id, listener);
    return {
      order: (work) => {
        if (this.#screens.has(id)) this.#order({ ...work, id });
      },
      close: () => this.#remove(id),
    };
  }

  #order(order: Order): void {
    this.#worker ??= this.#start();
    const bytes = order.kind === 'open' ? order.picture : 'bytes' in order ? order.bytes : undefined;
    // A picture is kept here, for the next thread.
    const isTransferred = bytes !== undefined && order.kind !== 'open';
    this.#worker.postMessage(order, isTransferred ? [bytes.buffer as ArrayBuffer] : []);
    this.#look ??= setInterval(() => this.#watch(), lookMs).unref();
  }

  #remove(id: number): void {
    if (!this.#screens.delete(id)) return;
    if (this.#screens.size > 0) this.#worker?.postMessage({ kind: 'close', id } satisfies Order);
    else this.#end();
  }

  #start(): Worker {
    const memory = new SharedArrayBuffer(8);
    this.#shared = new Int32Array(memory);
    this.#seen = { turn: -1, usedMs: 0 };
    this.#isReady = false;
    const worker = new Worker(this.#program, {
      workerData: memory,
      // The environment of this program is for its children: its NODE_OPTIONS would load code into the thread.
      env: {},
      execArgv: [],
      resourceLimits: memoryLimits,
    });
    worker.unref();
    worker.on('message', (answer: Answer) => {
      if (worker === this.#worker) this.#told(answer);
    });
    worker.on('error', (error) => this.#failed(worker, reasonOf(error)));
    worker.on('exit', () => this.#failed(worker, 'the emulator has ended'));
    return worker;
  }

  #told(answer: Answer): void {
    if (answer.kind === 'ready') {
      this.#isReady = true;
      this.#directory = answer.thread;
      return;
    }
    const screen = this.#screens.get(answer.id);
    switch (answer.kind) {
      case 'worked':
        return screen?.onWorked(answer.cost);
      case 'picture':
        return screen?.onPicture(answer.picture);
      case 'checkpoint':
        return screen?.onCheckpoint(answer.picture);
      case 'lost':
        return this.#lose(answer.id, answer.reason);
    }
  }

  /** Ends the thread if a turn takes too long: a thread that is stuck cannot look at the clock itself. */
  #watch(): void {
    if (![...this.#screens.values()].some((it) => it.isWaiting())) {
      clearInterval(this.#look);
      this.#look = undefined;
      this.#seen = { turn: -1, usedMs: 0 };
      return;
    }
    const turn = this.#isReady ? Atomics.load(this.#shared, turnCount) : 0;
    const usedMs = this.#isReady ? threadMs(this.#directory) : performance.now();
    if (turn !== this.#seen.turn) this.#seen = { turn, usedMs };
    else if (usedMs - this.#seen.usedMs > (this.#isReady ? mostTurnMs : mostStartMs)) {
      this.#failed(this.#worker, `the emulator was busy with it for more than ${mostTurnMs / 1000} s`);
    }
  }

  /** Gives up the screen that was being worked on; if there was none, gives up all. */
  #failed(worker: Worker | undefined, reason: string): void {
    if (worker === undefined || worker !== this.#worker) return;
    const guilty = Atomics.load(this.#shared, busyScreen);
    this.#end();
    // Iterates over a copy: a listener that restarts must not meet screens that were added meanwhile.
    for (const [id, listener] of Array.from(this.#screens)) {
      if (guilty === 0 || id === guilty) this.#lose(id, reason);
      else listener.onRestart();
    }
  }

  #lose(id: number, reason: string): void {
    const listener = this.#screens.get(id);
    this.#remove(id);
    listener?.onLost(reason);
  }

  #end(): void {
    clearInterval(this.#look);
    this.#look = undefined;
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    if (this.#screens.size === 0) this.#onEmpty();
  }
}

function reasonOf(error: unknown): string {
  const isMemory = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
  return isMemory ? 'the emulator ran out of memory' : `the emulator has failed: ${messageOf(error)}`;
}
