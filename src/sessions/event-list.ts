/**
 * The last events of a daemon, numbered, for any number of clients that ask for what they do not know yet.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Event } from '../ttrpc/gen/termshim/sessions.js';
import { timestampOf } from '../ttrpc/message.js';

/** What there is to say; the rest is empty. */
export type EventFields = Pick<Event, 'id' | 'kind'> & Partial<Omit<Event, 'number' | 'timestamp'>>;

export interface EventList {
  add(fields: EventFields): void;
  /**
   * Those after the one of this number, as soon as there is one, or none when the time is up. A number that is not given
   * out yet was another daemon's, and says nothing. Throws the signal's reason.
   */
  after(number: bigint, waitMs: number, signal: AbortSignal): Promise<Event[]>;
  /** Answers all that wait, and whoever comes, at once. Idempotent. */
  close(): void;
}

/** Who was away for so many events has missed some: the numbers tell. */
const mostEvents = 1000;

export function createEventList(): EventList {
  const events: Event[] = [];
  const waiting = new Set<() => void>();
  let next = 1n;
  let isClosed = false;

  const known = (number: bigint): Event[] => (number >= next ? [...events] : events.filter((it) => it.number > number));
  const wakeAll = (): void => {
    for (const wake of waiting) wake();
  };
  const news = async (waitMs: number, signal: AbortSignal): Promise<void> => {
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    waiting.add(wake);
    signal.addEventListener('abort', wake);
    await delay(Math.min(waitMs, longestMs), undefined, { signal: woken.signal }).catch(() => {});
    signal.removeEventListener('abort', wake);
    waiting.delete(wake);
  };
  return {
    add(fields) {
      const empty = { execId: '', pid: 0, exitStatus: 0, client: 0 };
      events.push({ ...empty, ...fields, number: next++, timestamp: timestampOf(Date.now()) });
      if (events.length > mostEvents) events.shift();
      wakeAll();
    },
    async after(number, waitMs, signal) {
      signal.throwIfAborted();
      if (known(number).length === 0 && !isClosed) await news(waitMs, signal);
      signal.throwIfAborted();
      return known(number);
    },
    close() {
      isClosed = true;
      wakeAll();
    },
  };
}

/** What a timer can do. */
const longestMs = 2 ** 31 - 1;
