/**
 * A thread with the emulators of many screens. What they read was written by containers, who may mean harm: so a thread that
 * takes too long for one of them, or too much memory, is ended, that screen is lost, and the others go on in the next thread.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { messageOf } from '../../errors/errors.js';
import { packageRoot } from '../../package-root.js';
import { type Answer, busyScreen, type Order, type Picture, turnCount, type Work } from './messages.js';
import { threadMs } from './thread-time.js';

export interface ScreenListener {
  /** So much of what was ordered is done; see `costOf`. */
  onWorked(cost: number): void;
  onPicture(picture: Picture): void;
  onCheckpoint(picture: Picture): void;
  /** The thread was ended because of another screen. What was ordered is lost: the next order has to be to open it. */
  onRestart(): void;
  /** It was given up. Nothing else is told after this. */
  onLost(reason: string): void;
  /** Whether it waits for an answer. */
  isWaiting(): boolean;
}

/** A screen in a thread. */
export interface ScreenLink {
  /** The bytes of it are given away. */
  order(work: Work): void;
  /** Idempotent. */
  close(): void;
}

export type OpenLink = (listener: ScreenListener) => ScreenLink;

/**
 * For links to threads that run `program`. The first order on each has to be to open it. A thread is started for the first
 * screen, and ended after the last.
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

/** For how long a thread may work for one screen, at a stretch; it takes turns of some milliseconds. */
const mostTurnMs = 2000;
const lookMs = 250;
/** A thread starts in a tenth of a second. */
const mostStartMs = 30_000;
/** Half a megabyte each, beside what their limits allow: with this a thread stays below its own limit. */
const mostScreens = 200;
const memoryLimits = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 16 };

class ScreenThread {
  readonly #program: string;
  readonly #onEmpty: () => void;
  readonly #screens = new Map<number, ScreenListener>();
  #lastId = 0;
  #worker: Worker | undefined;
  #shared = new Int32Array(new SharedArrayBuffer(8));
  /** In /proc; undefined while it is not known. */
  #directory: string | undefined;
  #isReady = false;
  #look: NodeJS.Timeout | undefined;
  /** When the turn was first seen that is still under way. */
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
    // A picture is kept, for the next thread.
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
      // Ours has what is for the children of this program: NODE_OPTIONS would load its code into the thread.
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

  /** Looks at the clock for a thread that cannot. */
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

  /** Who was worked for is to blame; where nobody was, all are without one. */
  #failed(worker: Worker | undefined, reason: string): void {
    if (worker === undefined || worker !== this.#worker) return;
    const guilty = Atomics.load(this.#shared, busyScreen);
    this.#end();
    // Those who begin again are ones that were here: a list that is not changed meanwhile.
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
  return isMemory ? 'the emulator ran out of memory with it' : `the emulator has failed: ${messageOf(error)}`;
}
