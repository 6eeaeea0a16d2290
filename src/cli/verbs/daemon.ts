/**
 * `termshim daemon`: runs the user's daemon in the foreground, or ends it. `termshim run` starts it in the background.
 */
import { Command, Option } from 'commander';
import { connectDaemon } from '../../client/daemon-connection.js';
import { claimDaemonSocket, daemonNamespace } from '../../client/start-daemon.js';
import { pathOfSocket, takeActivatedSocket } from '../../os/activated-socket.js';
import { errorLine } from '../../errors/error-line.js';
import { TermshimError } from '../../errors/errors.js';
import { writeToStderr } from '../../os/stderr.js';
import { type Daemon, serveDaemon } from '../../daemon/serve.js';
import { exitWithError, printJson } from '../output/exit.js';
import { parseDuration } from '../options/options.js';
import { onSignals } from '../../async/signals.js';

interface DaemonOptions {
  stop?: true;
  force?: true;
  idleExit?: number;
}

export function command(): Command {
  return new Command()
    .addOption(new Option('--stop', 'stop the running daemon; fails if it has containers').conflicts('idleExit'))
    .option('--force', 'with --stop: end and remove its containers first')
    .option(
      '--idle-exit <duration>',
      'stop after this time without containers and clients (default: never)',
      parseDuration,
    )
    .addHelpText('after', example)
    .action(daemon);
}

const example = `
Each user has one daemon, which has the containers of \`termshim run\`. The first
\`termshim run\` starts it in the background. That daemon stops 10 minutes after
it had its last container and client. The environment variable
TERMSHIM_IDLE_EXIT sets another time, such as 1h, or never.

This command runs the daemon in the foreground. When the daemon accepts calls,
it prints {"socket":PATH}. SIGTERM stops the daemon and its containers: each
gets SIGTERM, and SIGKILL 10 s later. After SIGINT (^C) the daemon stops when
its last container is removed. A second signal kills and removes all containers
at once. systemd may pass the daemon a socket (LISTEN_FDS).

Examples:
  $ termshim daemon --idle-exit 10m
  $ termshim daemon --stop
  $ termshim daemon --stop --force
`;

async function daemon({ stop, force, idleExit }: DaemonOptions, self: Command): Promise<void> {
  if (stop === true) return end(force === true);
  if (force === true) self.error('error: --force needs --stop');
  const activated = takeActivatedSocket();
  const listener = activated ?? (await claimDaemonSocket());
  const socket = pathOfSocket(listener.fd);
  const serving = serveDaemon({
    listener,
    socket: activated === undefined ? socket : undefined,
    namespace: daemonNamespace,
    address: undefined,
    isDebug: false,
    idleExitMs: idleExit,
    onEnd: () => process.exit(),
  });
  endBySignal(serving);
  try {
    printJson({ socket });
  } catch (error) {
    exitWithError(error);
    serving.endWhenEmpty();
  }
}

async function end(force: boolean): Promise<void> {
  using connection = await connectDaemon({ start: false });
  const { stopped, running, ids } = await connection.sessions.stop({ force });
  if (stopped) return await connection.closed;
  const reason = `the daemon has ${containers(running, ids)} and does not stop`;
  throw new TermshimError('ERR_DAEMON_BUSY', `${reason}; --stop --force ends and removes them first`);
}

/** As in `2 containers (a, b)`. A container that is being created has no id here yet. */
function containers(count: number, ids: readonly string[]): string {
  const what = count === 1 ? 'a container' : `${count} containers`;
  const rest = ids.length > 0 && ids.length < count ? ', ...' : '';
  return ids.length === 0 ? what : `${what} (${ids.join(', ')}${rest})`;
}

/**
 * SIGTERM comes from a service manager: it ends the containers too. The first SIGINT lets them run, because a ^C may be
 * a mistake. A second signal of either kind kills and removes them.
 */
function endBySignal(serving: Daemon): void {
  let isEnding = false;
  onSignals(['SIGTERM', 'SIGINT'], (name) => {
    if (isEnding) return void serving.endWithContainers('at once');
    isEnding = true;
    if (name === 'SIGTERM') return void serving.endWithContainers('by SIGTERM');
    serving.endWhenEmpty();
    warn(serving.tasks);
  });
  // The daemon's terminal may be closed: the containers have their own terminals.
  onSignals(['SIGHUP'], () => {});
}

function warn(tasks: Daemon['tasks']): void {
  if (tasks.count === 0) return;
  const ids = tasks.list().map(({ container }) => container.id);
  const reason = `the daemon has ${containers(tasks.count, ids)}`;
  const busy = new TermshimError(
    'ERR_DAEMON_BUSY',
    `${reason}; it stops when none is left, and a second signal removes them`,
  );
  writeToStderr(errorLine(busy));
}
