/**
 * The daemon as a program. It serves the socket that it inherits as descriptor 3. `start` starts it for containerd
 * (spawn-daemon.ts), and a command starts it for a user (src/client/start-daemon.ts).
 */
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { addon } from '../native/addon.js';
import { errorLine } from '../errors/error-line.js';
import { check } from '../errors/errors.js';
import { beginProgram } from '../os/process/node-program.js';
import { OwnedFd } from '../os/owned-fd.js';
import { type Daemon, serveDaemon } from '../daemon/serve.js';
import { onSignals } from '../async/signals.js';

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

// Such a signal is meant for containerd or a command that uses the daemon. The daemon outlives both.
onSignals(['SIGINT', 'SIGHUP'], () => {});
let daemon: Daemon | undefined;
onSignals(['SIGTERM'], () => {
  // The containers of containerd are containerd's to end.
  if (values.address === undefined) void daemon?.endWithContainers('by SIGTERM');
});

try {
  daemon = serveDaemon({
    listener: new OwnedFd(check(addon.fd_adopt(3), 'fcntl', 'use the inherited socket'), 'the ttrpc socket'),
    socket: values.socket,
    log: values.log,
    namespace: values.namespace,
    address: values.address,
    isDebug: values.debug,
    idleExitMs: values['idle-exit'] === undefined ? undefined : Number(values['idle-exit']) * 1000,
    onEnd: () => process.exit(0),
  });
  if (values.reserve !== undefined) daemon.tasks.reserve(values.reserve);
} catch (error) {
  writeSync(2, errorLine(error));
  process.exit(1);
}
