/**
 * Sends events to containerd, one after the other and in order. Tries again while containerd cannot be reached.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { EventsDefinition } from '../ttrpc/gen/containerd/event-service.js';
import { clientOf, connectTtrpc } from '../ttrpc/client.js';
import type { TtrpcConnection } from '../ttrpc/client-connection.js';
import type { Envelope } from '../ttrpc/gen/containerd/types.js';
import type { EventMessage } from './event-message.js';
import { timestampOf } from '../ttrpc/message.js';

export interface PublisherOptions {
  /** The path of containerd's ttrpc socket. */
  address: string;
  namespace: string;
  /** Called for an event that was dropped: containerd could not be reached for too long, or too many events waited. */
  onDrop: (topic: string, reason: unknown) => void;
}

export interface Publisher {
  publish(message: EventMessage): void;
  /** Tries each waiting event once more, for at most `timeoutMs` in all, and closes the connection. */
  close(timeoutMs: number): Promise<void>;
}

/** The limits of containerd's own publisher. */
const mostWaiting = 2048;
const callTimeoutMs = 5000;

/** From the first failure of an event to its last try. A restart of containerd takes a second or two. */
const giveUpMs = 10_000;

/** The pauses between tries double from the first to the longest. */
const firstPauseMs = 20;
const longestPauseMs = 1000;

export function createPublisher({ address, namespace, onDrop }: PublisherOptions): Publisher {
  const waiting: Envelope[] = [];
  const closing = new AbortController();
  let connection: TtrpcConnection | undefined;
  let sending: Promise<void> | undefined;

  async function send(envelope: Envelope): Promise<void> {
    connection ??= await connect();
    const metadata = [['containerd-namespace-ttrpc', namespace]] as const;
    await clientOf(EventsDefinition, connection).forward({ envelope }, { timeoutMs: callTimeoutMs, metadata });
  }

  async function connect(): Promise<TtrpcConnection> {
    const opened = await connectTtrpc(address);
    const forget = (): void => {
      if (connection === opened) connection = undefined;
    };
    void opened.closed.then(forget);
    return opened;
  }

  async function sendAll(): Promise<void> {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      await sendPatiently(next);
      waiting.shift();
    }
  }

  async function sendPatiently(envelope: Envelope): Promise<void> {
    let giveUpAt = Number.POSITIVE_INFINITY;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await send(envelope);
      } catch (error) {
        const now = performance.now();
        giveUpAt = Math.min(giveUpAt, now + giveUpMs);
        if (now >= giveUpAt || closing.signal.aborted) return onDrop(envelope.topic, error);
        await delay(pauseMs, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  }

  return {
    publish(message) {
      if (waiting.length >= mostWaiting)
        return onDrop(message.topic, new Error(`${mostWaiting} events are already waiting`));
      waiting.push({ timestamp: timestampOf(Date.now()), namespace, ...message });
      sending ??= sendAll().finally(() => (sending = undefined));
    },
    async close(timeoutMs) {
      // From here on each event has one try: this does not wait for a containerd that cannot be reached.
      closing.abort();
      await Promise.race([sending, delay(timeoutMs, undefined, { ref: false })]);
      connection?.close();
    },
  };
}
