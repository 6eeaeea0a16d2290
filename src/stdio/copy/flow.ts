/**
 * One direction of a copy: a pump of the addon, run until it must wait, and run again when its turn comes.
 */
import { isatty } from 'node:tty';
import { addon, PumpStop } from '../../native/addon.js';
import type { PumpWatch } from '../../os/epoll.js';
import { check, systemError } from '../../errors/errors.js';

/** Why a flow waits or has ended; see PumpStop in src/native/addon.ts. */
export type FlowStop = 'empty' | 'end' | 'hangup' | 'full' | 'broken';

export interface FlowOptions {
  /** Both stay the caller's, are non-blocking, and outlive the flow. */
  source: number;
  sink: number;
  /** Told after each run. Answer `retry` to be run again in the next turn, after others had theirs. */
  onStop(stop: FlowStop): 'wait' | 'retry';
  /** Told of an errno that is no part of a copy's life, such as ENOSPC. The flow has ended then. */
  onError(error: Error): void;
}

/**
 * How long one run may take before the others get their turn, so that a console that floods cannot be felt on another.
 * Measured: half of it costs a flood 3 %, and twice as much lets every other console wait twice as long.
 */
const budgetUs = 100;

const stops: Readonly<Record<number, FlowStop>> = {
  [PumpStop.empty]: 'empty',
  [PumpStop.end]: 'end',
  [PumpStop.hangup]: 'hangup',
  [PumpStop.full]: 'full',
  [PumpStop.broken]: 'broken',
};

export class Flow {
  readonly #pump: number;
  readonly #options: FlowOptions;
  #turn: NodeJS.Immediate | undefined;
  #served: PumpWatch | undefined;
  #onMoved: (() => void) | undefined;
  #isFollowed = false;
  #isPaused = false;
  #isRunOwed = false;
  #isToTheEnd = false;
  #isClosed = false;
  #finalBytes = 0;
  #finalLastByte = -1;

  constructor(options: FlowOptions) {
    this.#options = options;
    this.#isToTheEnd = isLineByLine(options.source);
    this.#pump = check(addon.pump_create(options.source, options.sink), 'malloc', 'create a pump');
  }

  /** Whether the sink took less than there was: what is left waits for the sink, and the source waits too. */
  get isFull(): boolean {
    return !this.#isClosed && addon.pump_pending(this.#pump) > 0;
  }

  /** Bytes that the sink took. */
  get bytes(): number {
    return this.#isClosed ? this.#finalBytes : addon.pump_bytes(this.#pump);
  }

  /** Bytes that were read and that the sink did not take yet. */
  get pendingBytes(): number {
    return addon.pump_pending(this.#pump);
  }

  /** The last byte that the sink took, -1 before the first. */
  get lastByte(): number {
    return this.#isClosed ? this.#finalLastByte : addon.pump_last_byte(this.#pump);
  }

  /**
   * From now on the source is read until it says itself that it is empty. To be called for a hang-up, which makes no
   * further edge, and for a source that has no events at all.
   */
  expectEnd(): void {
    this.#isToTheEnd = true;
    this.#served?.stopServing();
  }

  /**
   * Lets the addon run this flow whenever `watch`, which is the source's, sees that there is something to read: no turn
   * of JavaScript for what flows through. `onStop` is not told of an empty source then. For a source that has to be
   * read to its end this does nothing.
   */
  serve(watch: PumpWatch | undefined): void {
    if (this.#isToTheEnd || this.#isClosed) return;
    this.#served = watch;
    if (!this.#isFollowed) watch?.serve(this.#pump, budgetUs, (answer) => this.#stopped(answer));
  }

  /** From now on what the sink takes is appended to the ring too. `onMoved` is told after each run while followed. */
  tap(ring: number, onMoved: () => void): void {
    if (!this.#isClosed) addon.pump_tap(this.#pump, ring);
    this.#onMoved = onMoved;
  }

  /** Whether somebody has to be told of each move, so that none may be made without JavaScript. */
  setFollowed(isFollowed: boolean): void {
    if (this.#isClosed || isFollowed === this.#isFollowed) return;
    this.#isFollowed = isFollowed;
    if (isFollowed) this.#served?.stopServing();
    else this.serve(this.#served);
  }

  /** While it is held nothing is moved; what was to be done meanwhile is done afterwards. Only while it is followed. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused || !this.#isRunOwed) return;
    this.#isRunOwed = false;
    this.#runInTurn();
  }

  /** From now on at most `maxBytes` more are read; then the source counts as empty. */
  limit(maxBytes: number): void {
    addon.pump_limit(this.#pump, maxBytes);
  }

  /** After `limit`: the source is read on. */
  unlimit(): void {
    addon.pump_limit(this.#pump, -1);
  }

  /** Moves what can be moved now. Cheap when there is nothing; no answer, `onStop` gets it. */
  run(): void {
    if (this.#isPaused) this.#isRunOwed = true;
    else if (!this.#isClosed) this.#stopped(addon.pump_run(this.#pump, budgetUs, this.#isToTheEnd));
  }

  /** Frees the pump and drops what is pending. Idempotent. The descriptors are not touched. */
  close(): void {
    if (this.#isClosed) return;
    this.#finalBytes = this.bytes;
    this.#finalLastByte = this.lastByte;
    this.#isClosed = true;
    clearImmediate(this.#turn);
    this.#served?.stopServing();
    addon.pump_destroy(this.#pump);
  }

  #stopped(answer: number): void {
    const kind = answer & 0xff;
    if (this.#isFollowed) this.#onMoved?.();
    if (kind === PumpStop.budget) return this.#runInTurn();
    const stop = stops[kind];
    if (stop !== undefined) {
      if (this.#options.onStop(stop) === 'retry') this.#runInTurn();
      return;
    }
    const isRead = kind === PumpStop.sourceError;
    this.#options.onError(
      systemError(-(answer >> 8), isRead ? 'read' : 'write', isRead ? 'read input' : 'write output'),
    );
  }

  #runInTurn(): void {
    if (this.#isClosed) return;
    clearImmediate(this.#turn);
    this.#turn = setImmediate(() => this.run());
  }
}

/** A read of a tty that is not raw stops at the end of a line, and says nothing of the next. A master's does not. */
function isLineByLine(source: number): boolean {
  return isatty(source) && addon.tty_pts_number(source) < 0;
}
