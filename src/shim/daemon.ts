/**
 * The daemon as a program: it serves the socket that it inherits as descriptor 3, for as long as there is a container.
 * `start` makes it for containerd (start.ts), the commands for a user (src/attach).
 */
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { addon } from '../native/addon.js';
import { errorLine } from '../errors/error-line.js';
import { check } from '../errors/errors.js';
import { beginProgram } from '../os/process/node-program.js';
import { OwnedFd } from '../os/owned-fd.js';
import { serveDaemon } from '../daemon/serve.js';

beginProgram();

const { values } = parseArgs({
  options: {
    namespace: { type: 'string', default: '' },
    address: { type: 'string' },
    socket: { type: 'string' },
    log: { type: 'string' },
    reserve: { type: 'string' },
    'idle-exit': { type: 'string' },
    debug: { type: 'boolean', default: false },
  },
});

// Whoever would end it by a signal means those who use it, and it outlives them.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

try {
  const { tasks } = serveDaemon({
    listener: new OwnedFd(check(addon.fd_adopt(3), 'fcntl', 'take over the socket'), 'the ttrpc socket'),
    socket: values.socket,
    log: values.log,
    namespace: values.namespace,
    address: values.address,
    isDebug: values.debug,
    idleExitMs: values['idle-exit'] === undefined ? undefined : Number(values['idle-exit']) * 1000,
    onEnd: () => process.exit(0),
  });
  if (values.reserve !== undefined) tasks.reserve(values.reserve);
} catch (error) {
  writeSync(2, errorLine(error));
  process.exit(1);
}
