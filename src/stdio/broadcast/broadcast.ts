/**
 * What flows through a console, its output above all, for any number of others beside its sink: each reads from one ring of recent bytes, at its own pace.
 */
import { type SubscriberControl, type FollowOptions, type Subscriber, createSubscriber } from './subscriber.js';
import { type OutputReader, type Ring, createRing } from './ring.js';

/**
 * The recent output of a process, for any number of subscribers beside its sink. Each reads at its own pace from a buffer of
 * 256 KiB.
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
   * Reads when it suits you, beginning with what comes next. `onMoved` is called whenever there is more. Close the reader at the end.
   */
  read(onMoved: () => void): OutputReader;
}

export interface BroadcastSource {
  /** Begins to append to the ring. */
  tap: (ring: number) => void;
  /** Whether somebody must be told of each move. */
  onFollowed: (isFollowed: boolean) => void;
  /** Whether the source is to wait, for a moment. */
  onPaused: (isPaused: boolean) => void;
}

export interface BroadcastControl extends Broadcast {
  /** Something was appended to the ring. */
  moved(): void;
  /** Nothing will be appended any more. Those that read get the rest. */
  finish(): void;
}

/** What a client may be behind, and what can be shown to one that comes: some hundred screens of text. */
const ringBytes = 256 * 1024;

/**
 * Who reads misses nothing: while one is behind by half of the ring, the source waits until it has caught up to a quarter.
 * One that takes longer than its patience allows does not read, or too slowly: it is not waited for any more until it has
 * all.
 */
const holdBytes = ringBytes / 2;
const releaseBytes = ringBytes / 4;

export function createBroadcast({ tap, onFollowed, onPaused }: BroadcastSource): BroadcastControl {
  const ring = createRing(ringBytes);
  const subscribers = new Set<SubscriberControl>();
  const observers = new Set<ReturnType<typeof observerOf>>();
  /** Of those who read by themselves, what tells them. */
  const readers = new Set<() => void>();
  /** Not waited for. */
  const stalled = new Set<SubscriberControl>();
  /** While the source is held: whom it waits for, and until when. */
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

/** Of output that has ended. */
const nothing: OutputReader = { behindBytes: 0, read: () => 0, skip: () => 0, close() {} };

/** It is told after each move, and a move is less than the ring holds: it never loses its place. */
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
