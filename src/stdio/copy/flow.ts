/** One direction of a copy: runs a pump of the addon until the pump must wait, and runs it again when it can go on. */
import { isatty } from 'node:tty';
import { addon, PumpStop } from '../../native/addon.js';
import { EPOLLERR, EPOLLHUP, type PumpWatch } from '../../os/epoll.js';
import { check, systemError } from '../../errors/errors.js';

/** Why a flow waits or has ended; see PumpStop in src/native/addon.ts. */
export type FlowStop = 'empty' | 'end' | 'hangup' | 'full' | 'broken';

export interface FlowOptions {
  /** The caller owns both. They are non-blocking, and the caller closes them only after the flow. */
  source: number;
  sink: number;
  /** Called with the reason when the flow has stopped. Return `retry` to run it again in the event loop's next turn. */
  onStop(stop: FlowStop): 'wait' | 'retry';
  /** Called with a system error that is no normal end of a copy, such as ENOSPC. The flow has ended then. */
  onError(error: Error): void;
}

/**
 * How long one run may take, so that a console with much output does not delay the others. Measured: half of it costs
 * throughput 3 %, and with twice as much every other console waits twice as long.
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

  /** Whether bytes wait because the sink is full. The source is not read meanwhile. */
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
   * From now on each run reads until EAGAIN, the end or the hang-up. Call it after a hang-up, which makes no further
   * edge, and for a source that epoll does not watch.
   */
  expectEnd(): void {
    this.#isToTheEnd = true;
    this.#served?.stopServing();
  }

  /**
   * To be called for the epoll events of the source.
   *
   * @param isBlocked whether other bytes must reach the sink first; the owner then calls `run` later
   */
  sourceReady(events: number, isBlocked = false): void {
    if (events & (EPOLLHUP | EPOLLERR)) this.expectEnd();
    if (!this.isFull && !isBlocked) this.run();
  }

  /** To be called in place of `sourceReady` for a source without epoll events, such as a file: it is always ready. */
  startWithoutEvents(): void {
    this.expectEnd();
    setImmediate(() => this.run());
  }

  /**
   * Lets the addon run this flow, without JavaScript, whenever `watch`, the watch of the source, reports that the
   * source can be read. `onStop` is then not called for an empty source. Does nothing if the source must be read to its
   * end.
   */
  serve(watch: PumpWatch | undefined): void {
    if (this.#isToTheEnd || this.#isClosed) return;
    this.#served = watch;
    if (!this.#isFollowed) watch?.serve(this.#pump, budgetUs, (answer) => this.#stopped(answer));
  }

  /** Appends to the ring all bytes that the sink takes from now on. Calls `onMoved` after each run while followed. */
  tap(ring: number, onMoved: () => void): void {
    if (!this.#isClosed) addon.pump_tap(this.#pump, ring);
    this.#onMoved = onMoved;
  }

  /** Sets whether `onMoved` must be called after each run; the addon then never runs the flow by itself. */
  setFollowed(isFollowed: boolean): void {
    if (this.#isClosed || isFollowed === this.#isFollowed) return;
    this.#isFollowed = isFollowed;
    if (isFollowed) this.#served?.stopServing();
    else this.serve(this.#served);
  }

  /** While the flow is paused, no byte is moved; a run that was due comes afterwards. Works only while followed. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused || !this.#isRunOwed) return;
    this.#isRunOwed = false;
    this.#runInTurn();
  }

  /** Reads at most `maxBytes` more; then the source counts as empty. */
  limit(maxBytes: number): void {
    addon.pump_limit(this.#pump, maxBytes);
  }

  /** Removes the limit that `limit` set. */
  unlimit(): void {
    addon.pump_limit(this.#pump, -1);
  }

  /** Moves the bytes that can be moved, and passes the reason of the stop to `onStop`. Cheap if there are none. */
  run(): void {
    if (this.#isPaused) this.#isRunOwed = true;
    else if (!this.#isClosed) this.#stopped(addon.pump_run(this.#pump, budgetUs, this.#isToTheEnd));
  }

  /** Frees the pump and drops pending bytes; leaves the descriptors open. Idempotent. */
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

/** A read of a tty in canonical mode returns one line, even if there are more. A read of a pty master does not. */
function isLineByLine(source: number): boolean {
  return isatty(source) && addon.tty_pts_number(source) < 0;
}
