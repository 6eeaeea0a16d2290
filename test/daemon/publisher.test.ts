/*
 * containerd may be away, be restarted between two events, or close the connection in the middle of one. What could
 * break: an event is lost without need, events change their order or pile up without a bound, or a daemon that wants to
 * end waits for a containerd that never returns. A server plays containerd, and is stopped and started at these
 * moments.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../src/native/addon.js';
import { check } from '../../src/errors/errors.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { createPublisher, type Publisher } from '../../src/daemon/publisher.js';
import { EventsDefinition } from '../../src/ttrpc/gen/containerd/event-service.js';
import { type TtrpcServer, serveTtrpc } from '../../src/ttrpc/server.js';
import { service } from '../../src/ttrpc/service.js';
import { leakTest, type Scope } from '../helpers/base/leak-free.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { waitFor, within } from '../helpers/base/wait-for.js';

interface Stand {
  publisher: Publisher;
  /** Topics that containerd was told of, and those that were given up. */
  told: string[];
  dropped: string[];
  /** The namespaces that came with them, in the envelope and beside it. */
  namespaces: Set<string | undefined>;
  /** Listens from now on. Before an event is taken `onForward` is called, and may throw. */
  listen(onForward?: (topic: string) => void): TtrpcServer;
  publish(...numbers: number[]): void;
}

function setUp(scope: Scope): Stand {
  const address = join(temporaryDirectory(scope), 'containerd.sock.ttrpc');
  const [told, dropped]: [string[], string[]] = [[], []];
  const namespaces = new Set<string | undefined>();
  const onDrop = (topic: string): void => void dropped.push(topic);
  const publisher = createPublisher({ address, namespace: 'ns', onDrop });
  scope.after(() => publisher.close(0));
  return {
    publisher,
    told,
    dropped,
    namespaces,
    listen(onForward = () => {}) {
      rmSync(address, { force: true });
      const listener = new OwnedFd(check(addon.socket_listen(address, 0o600), 'bind', 'listen'), address);
      const forward = service(EventsDefinition, {
        forward({ envelope }, { metadata }) {
          const topic = envelope?.topic ?? '';
          onForward(topic);
          namespaces.add(envelope?.namespace).add(metadata.get('containerd-namespace-ttrpc'));
          told.push(topic);
          return {};
        },
      });
      const server = serveTtrpc(listener, [forward]);
      scope.after(() => server.destroy());
      return server;
    },
    publish(...numbers) {
      for (const number of numbers)
        publisher.publish({ topic: String(number), event: { typeUrl: '', value: Buffer.of() } });
    },
  };
}

leakTest(
  'events that are published while containerd is away reach it in their order when it returns',
  async (scope) => {
    const { listen, publish, told, dropped, namespaces } = setUp(scope);
    publish(1, 2, 3);
    listen();
    await waitFor(() => told.length === 3, 'the events');
    assert.deepEqual(told, ['1', '2', '3']);
    assert.deepEqual(dropped, []);
    assert.deepEqual([...namespaces], ['ns']);
  },
);

leakTest('containerd gets an event again after a kill in the middle of it', async (scope) => {
  const { listen, publish, told, dropped } = setUp(scope);
  const first = listen((topic) => {
    if (topic === '2') first.destroy();
  });
  publish(1, 2);
  await waitFor(() => told.includes('1'), 'the first event');
  await waitFor(() => told.includes('2'), 'the second, whose answer is lost');
  publish(3);
  listen();
  await waitFor(() => told.includes('3'), 'the third event');
  assert.deepEqual(told, ['1', '2', '2', '3']);
  assert.deepEqual(dropped, []);
});

leakTest('an event that containerd refuses once is sent again before the next event', async (scope) => {
  const { listen, publish, told } = setUp(scope);
  let isRefused = false;
  listen(() => {
    if (isRefused) return;
    isRefused = true;
    throw new Error('no');
  });
  publish(1, 2);
  await waitFor(() => told.length === 2, 'the events');
  assert.deepEqual(told, ['1', '2']);
});

leakTest(
  'an event that fails while containerd is away for a moment arrives within a fraction of a second',
  async (scope) => {
    const { listen, publish, told } = setUp(scope);
    const first = listen();
    publish(1);
    await waitFor(() => told.length === 1, 'the first event');
    first.destroy();
    publish(2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    listen();
    await waitFor(() => told.length === 2, 'the second event', 500);
  },
);

leakTest('at most a bounded number of events waits, and the first ones are kept', async (scope) => {
  const { listen, publish, told, dropped } = setUp(scope);
  const numbers = Array.from({ length: 2058 }, (_, number) => number);
  publish(...numbers);
  assert.deepEqual(dropped, numbers.slice(2048).map(String));
  listen();
  await waitFor(() => told.length === 2048, 'the events', 60_000);
  assert.deepEqual(told, numbers.slice(0, 2048).map(String));
});

leakTest('close waits for events that can be delivered, and for no others', async (scope) => {
  const away = setUp(scope);
  away.publish(1);
  await within(away.publisher.close(100), 'the end', 1000);
  await waitFor(() => away.dropped.length === 1, 'the event to be given up');

  const there = setUp(scope);
  there.listen();
  there.publish(1, 2, 3);
  await within(there.publisher.close(5000), 'the end', 1000);
  assert.deepEqual(there.told, ['1', '2', '3']);
});
