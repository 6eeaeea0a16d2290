/**
 * What is typed into a console, by whomever, for those who record it. Before the first of them comes there is nothing of it.
 */
import { type DrivenFanOut, createFanOut } from './broadcast.js';
import type { Flow } from '../copy/flow.js';

export class InputTap {
  readonly #flows = new Set<Flow>();
  readonly #observers = new Set<(bytes: Uint8Array) => void>();
  #fanOut: DrivenFanOut | undefined;
  #ring: number | undefined;
  #isFollowed = false;

  /** Calls `onInput` with all that the console takes from now on, in order. The bytes are only lent. */
  observe(onInput: (bytes: Uint8Array) => void): { close(): void } {
    this.#fanOut ??= createFanOut({
      tap: (ring) => this.#setRing(ring),
      onFollowed: (isFollowed) => this.#setFollowed(isFollowed),
      // Only a follower keeps a source waiting.
      onHeld() {},
    });
    const observing = this.#fanOut.observe(onInput);
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
    this.#fanOut?.finish();
  }

  #setRing(ring: number): void {
    this.#ring = ring;
    for (const flow of this.#flows) this.#connect(flow, ring);
  }

  #connect(flow: Flow, ring: number): void {
    flow.tap(ring, () => this.#fanOut?.moved());
    flow.setFollowed(this.#isFollowed);
  }

  #setFollowed(isFollowed: boolean): void {
    this.#isFollowed = isFollowed;
    for (const flow of this.#flows) flow.setFollowed(isFollowed);
  }
}
