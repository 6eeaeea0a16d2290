/**
 * What is typed into a console, by whomever, for those who record it. Before the first of them comes there is nothing of it.
 */
import { type BroadcastControl, createBroadcast } from './broadcast.js';
import type { Flow } from '../copy/flow.js';

export class InputTap {
  readonly #flows = new Set<Flow>();
  readonly #observers = new Set<(bytes: Uint8Array) => void>();
  #broadcast: BroadcastControl | undefined;
  #ring: number | undefined;
  #isFollowed = false;

  /** Calls `onInput` with all that the console takes from now on, in order. The bytes are only lent. */
  observe(onInput: (bytes: Uint8Array) => void): { close(): void } {
    this.#broadcast ??= createBroadcast({
      tap: (ring) => this.#setRing(ring),
      onFollowed: (isFollowed) => this.#setFollowed(isFollowed),
      // Only a subscriber keeps a source waiting.
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

  /** One more that types. */
  join(flow: Flow): void {
    this.#flows.add(flow);
    if (this.#ring !== undefined) this.#connect(flow, this.#ring);
  }

  /** To be called when the flow is closed. */
  leave(flow: Flow): void {
    this.#flows.delete(flow);
  }

  /** The console took these from no flow. */
  took(bytes: Uint8Array): void {
    for (const onInput of this.#observers) onInput(bytes);
  }

  /** To be called when all flows are closed. Idempotent. */
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
