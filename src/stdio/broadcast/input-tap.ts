/**
 * Passes the input of a console, from all its sources, to observers such as recordings. Creates no broadcast before the
 * first observer.
 */
import { type BroadcastControl, createBroadcast } from './broadcast.js';
import type { Flow } from '../copy/flow.js';

export class InputTap {
  readonly #flows = new Set<Flow>();
  readonly #observers = new Set<(bytes: Uint8Array) => void>();
  #broadcast: BroadcastControl | undefined;
  #ring: number | undefined;
  #isFollowed = false;

  /** Calls `onInput` with all bytes that the console takes from now on, in order. Copy the bytes if you keep them. */
  observe(onInput: (bytes: Uint8Array) => void): { close(): void } {
    this.#broadcast ??= createBroadcast({
      tap: (ring) => this.#setRing(ring),
      onFollowed: (isFollowed) => this.#setFollowed(isFollowed),
      // Only a subscriber makes a source pause, and input has only observers.
      onPaused() {},
    });
    const observing = this.#broadcast.observe(onInput);
    this.#observers.add(onInput);
    return {
      close: () => {
        this.#observers.delete(onInput);
        observing.close();
      },
    };
  }

  /** Adds a source of input. */
  join(flow: Flow): void {
    this.#flows.add(flow);
    if (this.#ring !== undefined) this.#connect(flow, this.#ring);
  }

  /** Call it when the flow is closed. */
  leave(flow: Flow): void {
    this.#flows.delete(flow);
  }

  /** Passes on bytes that the console took from no flow. */
  took(bytes: Uint8Array): void {
    for (const onInput of this.#observers) onInput(bytes);
  }

  /** Call it when all flows are closed. Idempotent. */
  close(): void {
    this.#observers.clear();
    this.#broadcast?.finish();
  }

  #setRing(ring: number): void {
    this.#ring = ring;
    for (const flow of this.#flows) this.#connect(flow, ring);
  }

  #connect(flow: Flow, ring: number): void {
    flow.tap(ring, () => this.#broadcast?.moved());
    flow.setFollowed(this.#isFollowed);
  }

  #setFollowed(isFollowed: boolean): void {
    this.#isFollowed = isFollowed;
    for (const flow of this.#flows) flow.setFollowed(isFollowed);
  }
}
