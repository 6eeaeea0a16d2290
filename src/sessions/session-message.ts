/** Describes a process in a message of the Sessions service. */
import { pathOfLogTarget } from '../stdio/log-target/output-target.js';
import type { ProcessStdio } from '../task/io/process-io.js';
import type { TaskProcess } from '../task/process.js';
import type { Session as SessionMessage } from '../ttrpc/gen/termshim/sessions.js';
import { timestampOf } from '../ttrpc/message.js';
import { type SessionContainer, processOf } from './containers.js';
import type { Session } from './session.js';
import { formatSizePolicy } from './size.js';

/**
 * @param execId empty for the init
 * @param session undefined if the process has none yet
 */
export function sessionMessage(
  { container, spec }: SessionContainer,
  execId: string,
  session: Session | undefined,
): SessionMessage {
  const process = container.process(execId);
  const { terminal, exit, options, createdAt } = process;
  const { columns, rows } = session?.size ?? terminal?.size ?? process.size ?? { columns: 0, rows: 0 };
  const readerAwayMs = terminal?.readerAwayMs;
  const { args } = processOf({ container, spec }, execId);
  const recording = session?.recordings.last;
  return {
    id: container.id,
    execId,
    state: stateOf(process, container.init),
    pid: process.pid,
    terminal: options.stdio.kind === 'terminal',
    tty: terminal?.ttyName ?? '',
    columns,
    rows,
    sizePolicy: formatSizePolicy(session?.policy ?? 'latest'),
    clients: session?.clients.size ?? 0,
    stdinBytes: BigInt(terminal?.stdinBytes ?? 0),
    stdoutBytes: BigInt(terminal?.stdoutBytes ?? 0),
    waitingSince: readerAwayMs === undefined ? undefined : timestampOf(Date.now() - readerAwayMs),
    createdAt: timestampOf(createdAt.getTime()),
    exitStatus: exit?.status ?? 0,
    exitedAt: exit === undefined ? undefined : timestampOf(exit.at.getTime()),
    command: args,
    bundle: container.options.bundle,
    runtime: container.options.runtime.name,
    screen: session?.hasScreen ?? false,
    log: logOf(options.stdio) ?? '',
    recording: recording?.isGoingOn === true ? recording.path : '',
    recordingFailure: recording?.failure?.message ?? '',
    screenFailure: session?.screenFailure ?? '',
  };
}

function logOf(stdio: ProcessStdio): string | undefined {
  if (stdio.kind === 'inherited') return undefined;
  return pathOfLogTarget(stdio.log) ?? pathOfLogTarget(stdio.stdout);
}

/** An exec process is paused while its container is. */
function stateOf({ state }: TaskProcess, init: TaskProcess): string {
  return state === 'running' && init.state === 'paused' ? 'paused' : state;
}
