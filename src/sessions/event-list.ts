/**
 * The last events of a daemon, numbered. Any number of clients can ask for the events after a number.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Event } from '../ttrpc/gen/termshim/sessions.js';
import { timestampOf } from '../ttrpc/message.js';

/** The fields of an event; a field that is left out becomes empty. */
export type EventFields = Pick<Event, 'id' | 'kind'> & Partial<Omit<Event, 'number' | 'timestamp'>>;

export interface EventList {
  add(fields: EventFields): void;
  /**
   * The events after `number`, as soon as there is one, or none after `waitMs`. If this daemon has not given out
   * `number`, an earlier daemon did: then returns all events. Throws the signal's reason.
   */
  after(number: bigint, waitMs: number, signal: AbortSignal): Promise<Event[]>;
  /** From now on no call of `after` waits; those that wait return at once. Idempotent. */
  close(): void;
}

/** A client that was away for more events misses some, and sees it by the numbers. */
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

/** The longest time that setTimeout can wait. */
const longestMs = 2 ** 31 - 1;
