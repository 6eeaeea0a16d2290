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

export function createBroadcast({ tap, onFollowed, onPaused }: BroadcastSource): BroadcastControl {
  const ring = createRing(ringBytes);
  const subscribers = new Set<SubscriberControl>();
  const observers = new Set<ReturnType<typeof observerOf>>();
  /** The `onMoved` of each reader. */
  const readers = new Set<() => void>();
  /** The subscribers that the source does not wait for. */
  const stalled = new Set<SubscriberControl>();
  /** While the source is paused: the subscribers that it waits for, and each one's deadline. */
  const awaited = new Map<SubscriberControl, number>();
  let nextLook: NodeJS.Timeout | undefined;
  let hasFinished = false;
  tap(ring.id);

  const hold = (): void => {
    const isBehind = (it: SubscriberControl): boolean => !stalled.has(it) && it.behindBytes > holdBytes;
    if (awaited.size > 0 || hasFinished || ![...subscribers].some(isBehind)) return;
    onPaused(true);
    for (const it of subscribers) if (!stalled.has(it)) awaited.set(it, performance.now() + it.slowReader.holdMs);
    look();
  };
  const look = (): void => {
    const now = performance.now();
    for (const [subscriber, deadline] of awaited) {
      const isStalled = subscriber.behindBytes > releaseBytes;
      if (isStalled && deadline > now) continue;
      if (isStalled) stalled.add(subscriber);
      awaited.delete(subscriber);
    }
    clearTimeout(nextLook);
    if (awaited.size === 0) onPaused(false);
    else nextLook = setTimeout(look, Math.min(...awaited.values()) - now);
  };
  const letGo = (...those: SubscriberControl[]): void => {
    for (const subscriber of those) awaited.delete(subscriber);
    look();
  };
  const lookAgain = (): void => {
    if (awaited.size > 0) look();
  };
  const changed = (): void => {
    if (!hasFinished) onFollowed(subscribers.size + observers.size + readers.size > 0);
    else if (!isNeeded()) ring.close();
  };
  const isNeeded = (): boolean => !hasFinished || subscribers.size + readers.size > 0;
  return {
    get bytes() {
      return isNeeded() ? ring.bytes : 0;
    },
    get subscriberCount() {
      return subscribers.size;
    },
    recent: (maxBytes) => (isNeeded() ? ring.recent(maxBytes) : new Uint8Array()),
    follow(options) {
      if (hasFinished) {
        options.sink.close();
        return undefined;
      }
      const subscriber = createSubscriber(ring, options, {
        onSent() {
          const { isForProgress, holdMs } = subscriber.slowReader;
          if (isForProgress && awaited.has(subscriber)) awaited.set(subscriber, performance.now() + holdMs);
          if (subscriber.behindBytes === 0) stalled.delete(subscriber);
          lookAgain();
        },
        onClosed() {
          subscribers.delete(subscriber);
          stalled.delete(subscriber);
          if (awaited.size > 0) letGo(subscriber);
          changed();
        },
      });
      subscribers.add(subscriber);
      changed();
      return subscriber;
    },
    observe(onOutput) {
      if (hasFinished) return { close() {} };
      const observer = observerOf(ring, onOutput);
      observers.add(observer);
      changed();
      return {
        close() {
          if (!observers.delete(observer)) return;
          observer.close();
          changed();
        },
      };
    },
    read(onMoved) {
      const told = (): void => onMoved();
      const reader: OutputReader = isNeeded() ? ring.reader(0) : nothing;
      if (reader !== nothing) readers.add(told);
      changed();
      return {
        ...reader,
        get behindBytes() {
          return reader.behindBytes;
        },
        close() {
          reader.close();
          if (readers.delete(told)) changed();
        },
      };
    },
    moved() {
      for (const observer of observers) observer.read();
      for (const tell of readers) tell();
      for (const subscriber of subscribers) subscriber.send();
      hold();
    },
    finish() {
      if (hasFinished) return;
      hasFinished = true;
      if (awaited.size > 0) letGo(...subscribers);
      for (const observer of observers) {
        observer.read();
        observer.close();
      }
      observers.clear();
      for (const subscriber of subscribers) subscriber.finish();
      changed();
    },
  };
}

/** The reader of output that has ended. */
const nothing: OutputReader = { behindBytes: 0, read: () => 0, skip: () => 0, close() {} };

/** It reads after each append, and the ring holds more than one append, so it never loses its position. */
function observerOf(ring: Ring, onOutput: (bytes: Uint8Array) => void): { read(): void; close(): void } {
  const reader = ring.reader(0);
  const block = new Uint8Array(64 * 1024);
  return {
    read() {
      for (let got = reader.read(block) ?? 0; got > 0; got = reader.read(block) ?? 0) onOutput(block.subarray(0, got));
    },
    close: () => reader.close(),
  };
}
