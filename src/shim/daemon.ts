/**
 * The daemon: serves the Task service on the socket that it inherits as descriptor 3, for as long as there is a
 * container. `start` makes it; see start.ts.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { addon } from '../native/addon.js';
import { check, messageOf } from '../os/errors.js';
import { OwnedFd } from '../os/owned-fd.js';
import { becomeSubreaper } from '../os/subreaper.js';
import { serveTtrpc } from '../ttrpc/server.js';
import { eventMessage } from './event-message.js';
import { createLog } from './log.js';
import { createPublisher } from './publisher.js';
import { shimService } from './shim-service.js';
import { taskServices } from './task-service.js';
import { createTasks } from './tasks.js';
import { version } from '../version.js';

/** How long the last events may take to be told. */
const farewellMs = 5000;

const { values } = parseArgs({
  options: {
    namespace: { type: 'string', default: '' },
    address: { type: 'string', default: '' },
    socket: { type: 'string', default: '' },
    reserve: { type: 'string', default: '' },
    debug: { type: 'boolean', default: false },
  },
});

const { namespace, socket } = values;
const log = createLog({ debug: values.debug });

const publisher = createPublisher({
  // containerd says where it wants its events; the socket beside its own is where it always has been.
  address: process.env['TTRPC_ADDRESS'] || `${values.address}.ttrpc`,
  namespace,
  onDrop: (topic, reason) => log.warn('an event was dropped', { topic, error: messageOf(reason) }),
});

const tasks = createTasks({
  namespace,
  onEvent(event, request) {
    log.debug('event', { container: request.id, ...event, exit: undefined }, request.bundle);
    publisher.publish(eventMessage(event, request));
  },
  onFault: (error, { id, bundle }) => log.error(messageOf(error), { container: id }, bundle),
  onEnd: () => void end(),
});

// Whoever would end it by a signal means containerd, which it outlives.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

becomeSubreaper();
tasks.reserve(values.reserve);
const listener = new OwnedFd(check(addon.fd_adopt(3), 'fcntl', 'take over the socket'), 'the ttrpc socket');
const server = serveTtrpc(listener, [...taskServices(tasks, version()), shimService(tasks)], {
  onFault: (fault, place) => log.error(messageOf(fault), { place }),
});

// A fault of one container is no reason to leave the others without their terminals.
process.on('uncaughtException', (error) => log.error('uncaught exception', { error: error.stack ?? messageOf(error) }));

/** The socket's file goes first, and in one go with the socket: whoever finds it not there makes a new one at once. */
async function end(): Promise<void> {
  rmSync(socket, { force: true });
  const closed = server.close();
  await publisher.close(farewellMs);
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, farewellMs))]);
  process.exit(0);
}
