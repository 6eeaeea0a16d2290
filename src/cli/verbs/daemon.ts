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
  idleExit?: number;
}

export function command(): Command {
  return new Command()
    .addOption(new Option('--stop', 'stop the running daemon; fails if it has containers').conflicts('idleExit'))
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
\`termshim run\` starts it in the background. For that daemon, the environment
variable TERMSHIM_IDLE_EXIT=10m has the effect of --idle-exit 10m.

This command runs the daemon in the foreground. When the daemon accepts calls,
it prints {"socket":PATH}. SIGTERM or SIGINT stops the daemon. If it has
containers, it stops when the last of them is removed, and a second signal
removes all of them. systemd may pass it a socket (LISTEN_FDS).

Examples:
  $ termshim daemon --idle-exit 10m
  $ termshim daemon --stop
`;

async function daemon({ stop, idleExit }: DaemonOptions): Promise<void> {
  if (stop === true) return end();
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

async function end(): Promise<void> {
  using connection = await connectDaemon({ start: false });
  const { stopped, running } = await connection.sessions.stop({});
  if (stopped) return await connection.closed;
  const what = running === 1 ? 'a container' : `${running} containers`;
  throw new TermshimError('ERR_DAEMON_BUSY', `the daemon has ${what} and does not stop; see \`termshim ps\``);
}

/** The first signal lets the containers run, because a ^C may be a mistake. The second one ends them too. */
function endBySignal(serving: Daemon): void {
  const { tasks } = serving;
  let isWarned = false;
  const handle = (): void => {
    if (isWarned) return void destroyAll(tasks);
    isWarned = true;
    serving.endWhenEmpty();
    if (tasks.count === 0) return;
    const what = tasks.count === 1 ? 'a container' : `${tasks.count} containers`;
    const busy = new TermshimError(
      'ERR_DAEMON_BUSY',
      `the daemon has ${what}; it stops when none is left, and a second signal removes them`,
    );
    writeToStderr(errorLine(busy));
  };
  onSignals(['SIGTERM', 'SIGINT'], handle);
  // The daemon's terminal may be closed: the containers have their own terminals.
  onSignals(['SIGHUP'], () => {});
}

async function destroyAll(tasks: Daemon['tasks']): Promise<void> {
  await Promise.all(
    tasks.list().map(async (task) => {
      await task.container.destroy();
      await tasks.remove(task);
    }),
  );
}
