/**
 * What flows through a console, its output above all, for any number of others beside its sink: each reads from one ring of recent bytes, at its own pace.
 */
import { type DrivenFollower, type FollowOptions, type Follower, createFollower } from './subscriber.js';
import { type OutputReader, type Ring, createRing } from './ring.js';

export interface FanOut {
  readonly followerCount: number;
  /** Bytes that were appended to the ring so far. */
  readonly bytes: number;
  /** The last output, oldest byte first. */
  recent(maxBytes: number): Uint8Array;
  /** Takes the sink over. Undefined, with the sink closed, if the output has ended. */
  follow(options: FollowOptions): Follower | undefined;
  /** Calls `onOutput` with all that is written from now on, in order. The bytes are only lent. */
  observe(onOutput: (bytes: Uint8Array) => void): { close(): void };
  /** For who reads when it suits them, from the end on. `onMoved` is told whenever there is more. To be closed. */
  read(onMoved: () => void): OutputReader;
}

export interface FanOutSource {
  /** Begins to append to the ring. */
  tap: (ring: number) => void;
  /** Whether somebody must be told of each move. */
  onFollowed: (isFollowed: boolean) => void;
  /** Whether the source is to wait, for a moment. */
  onHeld: (isHeld: boolean) => void;
}

export interface DrivenFanOut extends FanOut {
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

export function createFanOut({ tap, onFollowed, onHeld }: FanOutSource): DrivenFanOut {
  const ring = createRing(ringBytes);
  const followers = new Set<DrivenFollower>();
  const observers = new Set<ReturnType<typeof observerOf>>();
  /** Of those who read by themselves, what tells them. */
  const readers = new Set<() => void>();
  /** Not waited for. */
  const stalled = new Set<DrivenFollower>();
  /** While the source is held: whom it waits for, and until when. */
  const awaited = new Map<DrivenFollower, number>();
  let nextLook: NodeJS.Timeout | undefined;
  let hasFinished = false;
  tap(ring.id);

  const hold = (): void => {
    const isBehind = (it: DrivenFollower): boolean => !stalled.has(it) && it.behindBytes > holdBytes;
    if (awaited.size > 0 || hasFinished || ![...followers].some(isBehind)) return;
    onHeld(true);
    for (const it of followers) if (!stalled.has(it)) awaited.set(it, performance.now() + it.patience.holdMs);
    look();
  };
  const look = (): void => {
    const now = performance.now();
    for (const [follower, deadline] of awaited) {
      const isStalled = follower.behindBytes > releaseBytes;
      if (isStalled && deadline > now) continue;
      if (isStalled) stalled.add(follower);
      awaited.delete(follower);
    }
    clearTimeout(nextLook);
    if (awaited.size === 0) onHeld(false);
    else nextLook = setTimeout(look, Math.min(...awaited.values()) - now);
  };
  const letGo = (...those: DrivenFollower[]): void => {
    for (const follower of those) awaited.delete(follower);
    look();
  };
  const lookAgain = (): void => {
    if (awaited.size > 0) look();
  };
  const changed = (): void => {
    if (!hasFinished) onFollowed(followers.size + observers.size + readers.size > 0);
    else if (!isNeeded()) ring.close();
  };
  const isNeeded = (): boolean => !hasFinished || followers.size + readers.size > 0;
  return {
    get bytes() {
      return isNeeded() ? ring.bytes : 0;
    },
    get followerCount() {
      return followers.size;
    },
    recent: (maxBytes) => (isNeeded() ? ring.recent(maxBytes) : new Uint8Array()),
    follow(options) {
      if (hasFinished) {
        options.sink.close();
        return undefined;
      }
      const follower = createFollower(ring, options, {
        onSent() {
          const { isForProgress, holdMs } = follower.patience;
          if (isForProgress && awaited.has(follower)) awaited.set(follower, performance.now() + holdMs);
          if (follower.behindBytes === 0) stalled.delete(follower);
          lookAgain();
        },
        onClosed() {
          followers.delete(follower);
          stalled.delete(follower);
          if (awaited.size > 0) letGo(follower);
          changed();
        },
      });
      followers.add(follower);
      changed();
      return follower;
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
      for (const follower of followers) follower.send();
      hold();
    },
    finish() {
      if (hasFinished) return;
      hasFinished = true;
      if (awaited.size > 0) letGo(...followers);
      for (const observer of observers) {
        observer.read();
        observer.close();
      }
      observers.clear();
      for (const follower of followers) follower.finish();
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
