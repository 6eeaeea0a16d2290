/**
 * Broadcasts the output of a process, or the input of a console, to any number of subscribers besides its sink. Each
 * reads at its own pace from one ring of recent bytes.
 */
import { type SubscriberControl, type FollowOptions, type Subscriber, createSubscriber } from './subscriber.js';
import { type OutputReader, type Ring, createRing } from './ring.js';

/**
 * The recent output of a process, for any number of subscribers besides its sink. Each reads at its own pace from a
 * buffer of 256 KiB.
 */
export interface Broadcast {
  /** How many subscribers there are. */
  readonly subscriberCount: number;
  /** Bytes that were appended to the ring so far. */
  readonly bytes: number;
  /** The last output, oldest byte first. */
  recent(maxBytes: number): Uint8Array;
  /**
   * Sends the output to a descriptor, which is taken over. Returns undefined, with the descriptor closed, if the output has ended.
   */
  follow(options: FollowOptions): Subscriber | undefined;
  /** Calls `onOutput` with everything that is written from now on, in order. Copy the bytes if you keep them. */
  observe(onOutput: (bytes: Uint8Array) => void): { close(): void };
  /**
   * Returns a reader that begins with the next output. `onMoved` is called whenever there is more. Close the reader.
   */
  read(onMoved: () => void): OutputReader;
}

export interface BroadcastSource {
  /** Called once, with the ring to which all bytes from now on must be appended. */
  tap: (ring: number) => void;
  /** Called with whether `moved` must be called after each append. */
  onFollowed: (isFollowed: boolean) => void;
  /** Called with whether the source must pause, for a short time. */
  onPaused: (isPaused: boolean) => void;
}

export interface BroadcastControl extends Broadcast {
  /** Call it after bytes were appended to the ring. */
  moved(): void;
  /** Call it after the last append. Subscribers and readers still get the rest. */
  finish(): void;
}

/** How far a client may be behind, and how much can be replayed to a new one: some hundred screens of text. */
const ringBytes = 256 * 1024;

/**
 * If a subscriber is more than `holdBytes` behind, the source pauses until it is at most `releaseBytes` behind. So a
 * subscriber that keeps reading misses nothing. If it needs longer than its slow-reader limits allow, the source does
 * not wait for it again until it has caught up.
 */
const holdBytes = ringBytes / 2;
const releaseBytes = ringBytes / 4;

export function createBroadcast(source: BroadcastSource): BroadcastControl {
  return new RingBroadcast(source);
}

class RingBroadcast implements BroadcastControl {
  readonly #source: BroadcastSource;
  readonly #ring = createRing(ringBytes);
  readonly #subscribers = new Set<SubscriberControl>();
  readonly #observers = new Set<Observer>();
  /** The `onMoved` of each reader. */
  readonly #readers = new Set<() => void>();
  /** The subscribers that the source does not wait for. */
  readonly #stalled = new Set<SubscriberControl>();
  /** While the source is paused: the subscribers that it waits for, and each one's deadline. */
  readonly #awaited = new Map<SubscriberControl, number>();
  #nextLook: NodeJS.Timeout | undefined;
  #hasFinished = false;

  constructor(source: BroadcastSource) {
    this.#source = source;
    source.tap(this.#ring.id);
  }

  get bytes(): number {
    return this.#isNeeded ? this.#ring.bytes : 0;
  }

  get subscriberCount(): number {
    return this.#subscribers.size;
  }

  recent(maxBytes: number): Uint8Array {
    return this.#isNeeded ? this.#ring.recent(maxBytes) : new Uint8Array();
  }

  follow(options: FollowOptions): Subscriber | undefined {
    if (this.#hasFinished) {
      options.sink.close();
      return undefined;
    }
    const subscriber = createSubscriber(this.#ring, options, {
      onSent: () => this.#sent(subscriber),
      onClosed: () => this.#left(subscriber),
    });
    this.#subscribers.add(subscriber);
    this.#changed();
    return subscriber;
  }

  observe(onOutput: (bytes: Uint8Array) => void): { close(): void } {
    if (this.#hasFinished) return { close() {} };
    const observer = observerOf(this.#ring, onOutput);
    this.#observers.add(observer);
    this.#changed();
    return {
      close: () => {
        if (!this.#observers.delete(observer)) return;
        observer.close();
        this.#changed();
      },
    };
  }

  read(onMoved: () => void): OutputReader {
    const told = (): void => onMoved();
    const reader: OutputReader = this.#isNeeded ? this.#ring.reader(0) : nothing;
    if (reader !== nothing) this.#readers.add(told);
    this.#changed();
    return {
      ...reader,
      get behindBytes() {
        return reader.behindBytes;
      },
      close: () => {
        reader.close();
        if (this.#readers.delete(told)) this.#changed();
      },
    };
  }

  moved(): void {
    for (const observer of this.#observers) observer.read();
    for (const tell of this.#readers) tell();
    for (const subscriber of this.#subscribers) subscriber.send();
    this.#hold();
  }

  finish(): void {
    if (this.#hasFinished) return;
    this.#hasFinished = true;
    if (this.#awaited.size > 0) this.#release(...this.#subscribers);
    for (const observer of this.#observers) {
      observer.read();
      observer.close();
    }
    this.#observers.clear();
    for (const subscriber of this.#subscribers) subscriber.finish();
    this.#changed();
  }

  get #isNeeded(): boolean {
    return !this.#hasFinished || this.#subscribers.size + this.#readers.size > 0;
  }

  #changed(): void {
    const count = this.#subscribers.size + this.#observers.size + this.#readers.size;
    if (!this.#hasFinished) this.#source.onFollowed(count > 0);
    else if (!this.#isNeeded) this.#ring.close();
  }

  #sent(subscriber: SubscriberControl): void {
    const { isForProgress, holdMs } = subscriber.slowReader;
    if (isForProgress && this.#awaited.has(subscriber)) this.#awaited.set(subscriber, performance.now() + holdMs);
    if (subscriber.behindBytes === 0) this.#stalled.delete(subscriber);
    if (this.#awaited.size > 0) this.#look();
  }

  #left(subscriber: SubscriberControl): void {
    this.#subscribers.delete(subscriber);
    this.#stalled.delete(subscriber);
    if (this.#awaited.size > 0) this.#release(subscriber);
    this.#changed();
  }

  /** Pauses the source if a subscriber that it waits for is far behind. */
  #hold(): void {
    if (this.#awaited.size > 0 || this.#hasFinished || !this.#isOneFarBehind()) return;
    this.#source.onPaused(true);
    const now = performance.now();
    for (const it of this.#subscribers) if (!this.#stalled.has(it)) this.#awaited.set(it, now + it.slowReader.holdMs);
    this.#look();
  }

  #isOneFarBehind(): boolean {
    for (const it of this.#subscribers) if (!this.#stalled.has(it) && it.behindBytes > holdBytes) return true;
    return false;
  }

  /** Stops waiting for those that have caught up or whose time is up. The source goes on after the last of them. */
  #look(): void {
    const now = performance.now();
    for (const [subscriber, deadline] of this.#awaited) {
      const isStalled = subscriber.behindBytes > releaseBytes;
      if (isStalled && deadline > now) continue;
      if (isStalled) this.#stalled.add(subscriber);
      this.#awaited.delete(subscriber);
    }
    clearTimeout(this.#nextLook);
    if (this.#awaited.size === 0) this.#source.onPaused(false);
    else this.#nextLook = setTimeout(() => this.#look(), Math.min(...this.#awaited.values()) - now);
  }

  #release(...subscribers: SubscriberControl[]): void {
    for (const subscriber of subscribers) this.#awaited.delete(subscriber);
    this.#look();
  }
}

/** The reader of output that has ended. */
const nothing: OutputReader = { behindBytes: 0, read: () => 0, skip: () => 0, close() {} };

interface Observer {
  read(): void;
  close(): void;
}

/** It reads after each append, and the ring holds more than one append, so it never loses its position. */
function observerOf(ring: Ring, onOutput: (bytes: Uint8Array) => void): Observer {
  const reader = ring.reader(0);
  const block = new Uint8Array(64 * 1024);
  return {
    read() {
      for (let got = reader.read(block) ?? 0; got > 0; got = reader.read(block) ?? 0) onOutput(block.subarray(0, got));
    },
    close: () => reader.close(),
  };
}
