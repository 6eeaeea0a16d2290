/**
 * What flows through a console, its output above all, for any number of others beside its sink: each reads from one ring of recent bytes, at its own pace.
 */
import { type DrivenFollower, type FollowOptions, type Follower, createFollower } from './follower.js';
import { type Ring, createRing } from './ring.js';

export interface FanOut {
  readonly followerCount: number;
  /** The last output, oldest byte first. */
  recent(maxBytes: number): Uint8Array;
  /** Takes the sink over. Undefined, with the sink closed, if the output has ended. */
  follow(options: FollowOptions): Follower | undefined;
  /** Calls `onOutput` with all that is written from now on, in order. The bytes are only lent. */
  observe(onOutput: (bytes: Uint8Array) => void): { close(): void };
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
 * A client that reads misses nothing: while it is behind by half of the ring, the source waits until it has caught up to
 * a quarter. One that takes longer does not read, or too slowly: it is not waited for any more until it has all.
 */
const holdBytes = ringBytes / 2;
const releaseBytes = ringBytes / 4;
const patienceMs = 100;

/** How long a client may take for the rest. */
const graceMs = 2000;

export function createFanOut({ tap, onFollowed, onHeld }: FanOutSource): DrivenFanOut {
  const ring = createRing(ringBytes);
  const followers = new Set<DrivenFollower>();
  const observers = new Set<ReturnType<typeof observerOf>>();
  /** Not waited for. */
  const stalled = new Set<DrivenFollower>();
  let patience: NodeJS.Timeout | undefined;
  let hasFinished = false;
  tap(ring.id);

  const isAwaited = (bytes: number): boolean => [...followers].some((it) => !stalled.has(it) && it.behindBytes > bytes);
  const hold = (): void => {
    if (patience !== undefined || hasFinished || !isAwaited(holdBytes)) return;
    onHeld(true);
    patience = setTimeout(() => {
      for (const follower of followers) if (follower.behindBytes > releaseBytes) stalled.add(follower);
      release();
    }, patienceMs);
  };
  const release = (): void => {
    clearTimeout(patience);
    patience = undefined;
    onHeld(false);
  };
  const releaseIfDone = (): void => {
    if (patience !== undefined && !isAwaited(releaseBytes)) release();
  };
  const changed = (): void => {
    if (!hasFinished) onFollowed(followers.size + observers.size > 0);
    else if (followers.size === 0) ring.close();
  };
  return {
    get followerCount() {
      return followers.size;
    },
    recent: (maxBytes) => (hasFinished ? new Uint8Array() : ring.recent(maxBytes)),
    follow(options) {
      if (hasFinished) {
        options.sink.close();
        return undefined;
      }
      const follower = createFollower(ring, options, {
        onSent() {
          if (follower.behindBytes === 0) stalled.delete(follower);
          releaseIfDone();
        },
        onClosed() {
          followers.delete(follower);
          stalled.delete(follower);
          releaseIfDone();
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
    moved() {
      for (const observer of observers) observer.read();
      for (const follower of followers) follower.send();
      hold();
    },
    finish() {
      if (hasFinished) return;
      hasFinished = true;
      if (patience !== undefined) release();
      for (const observer of observers) {
        observer.read();
        observer.close();
      }
      observers.clear();
      for (const follower of followers) follower.finish(graceMs);
      changed();
    },
  };
}

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
