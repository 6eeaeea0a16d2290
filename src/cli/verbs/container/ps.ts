/**
 * `termshim ps`: lists processes, with their number of clients and the time for which their output waits.
 */
import { Command } from 'commander';
import type { Session } from '../../../ttrpc/gen/termshim/sessions.js';
import { connectIfAny } from '../../connect.js';
import { formatBytes, formatCommand, formatDuration, none, printable, shorten, table } from '../../output/format.js';
import { jsonLine, timeOf } from '../../output/json.js';
import { type Format, formatOption } from '../../options/options.js';
import { print } from '../../output/print.js';
import { sessionJson } from '../../output/session-json.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';

interface PsOptions extends ShimOption {
  format: Format;
  watch?: true;
}

export function command(): Command {
  return new Command()
    .option('-a, --all', 'no effect: stopped containers are always listed')
    .option('-w, --watch', 'refresh the table each second, until you press q')
    .addOption(formatOption())
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(ps);
}

const example = `
IN counts the bytes that were typed into a terminal, OUT those that it has
shown. WAITING is the time since the reader of the output FIFO stopped reading:
if the process writes more, it waits. An attached client that does not read
makes the process wait for at most 100 ms, and then misses output.

With --shim, ps lists the processes that this user has started with that shim
and has not deleted. IN and OUT are not shown, because a shim counts no bytes.

Examples:
  $ termshim ps
  $ termshim ps --watch
  $ termshim ps --format json |
      jq -r '.[] | select(.state == "running") | .id'
`;

async function ps({ format, watch, shim }: PsOptions): Promise<void> {
  const render = format === 'json' ? psJson : psTable;
  if (!watch) return print(render(await listSessions({ shim }), Date.now()));
  const { repeat } = await import('../../output/watch.js');
  await repeat(async () => render(await listSessions({ shim }), Date.now()), { onScreen: format === 'table' });
}

async function listSessions(options: ShimOption): Promise<Session[]> {
  using daemon = await connectIfAny(options);
  return daemon === undefined ? [] : (await daemon.sessions.list({})).sessions;
}

function psJson(sessions: readonly Session[]): string {
  return jsonLine(sessions.map(sessionJson));
}

/** @param now in milliseconds since the epoch */
export function psTable(sessions: readonly Session[], now: number): string {
  return table([header, ...sessions.map((session) => row(session, now))]);
}

const header = [
  'ID',
  'EXEC',
  'STATE',
  'PID',
  'TTY',
  'SIZE',
  'CLIENTS',
  'IN',
  'OUT',
  'WAITING',
  'AGE',
  'COMMAND',
] as const;

function row(session: Session, now: number): string[] {
  const { id, execId, state, pid, terminal, tty, columns, rows, sizePolicy, clients, stdinBytes, stdoutBytes } =
    session;
  const { waitingSince, createdAt, exitedAt, exitStatus, command: words } = session;
  const hasEnded = exitedAt !== undefined;
  const since = (time: Session['createdAt']): string =>
    time === undefined ? none : formatDuration(now - timeOf(time));
  // An external shim has terminals, but no sessions.
  const ofSession = (cell: string): string => (terminal && sizePolicy !== '' ? cell : none);
  return [
    printable(id),
    printable(execId) || none,
    hasEnded ? `${state}(${exitStatus})` : state,
    pid === 0 || hasEnded ? none : `${pid}`,
    printable(tty) || none,
    ofSession(columns > 0 && rows > 0 ? `${columns}x${rows}` : none),
    ofSession(`${clients}`),
    ofSession(formatBytes(stdinBytes)),
    ofSession(formatBytes(stdoutBytes)),
    since(waitingSince),
    since(createdAt),
    shorten(formatCommand(words), maxCommand),
  ];
}

/** `inspect` shows all of it. */
const maxCommand = 40;
