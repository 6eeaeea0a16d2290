/**
 * `termshim inspect`: shows all that is known of a process and of the clients that are attached to it.
 */
import { Command } from 'commander';
import type { ClientInfo, InspectResponse, Session } from '../../../ttrpc/gen/termshim/sessions.js';
import { connect, resolveIds } from '../../connect.js';
import { formatBytes, formatCommand, formatDuration, none, printable, table } from '../../output/format.js';
import { jsonLine, timeOf } from '../../output/json.js';
import { type Format, execOption, formatOption } from '../../options/options.js';
import { print } from '../../output/print.js';
import { sessionJson } from '../../output/session-json.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';

interface InspectOptions extends ShimOption {
  exec?: string;
  format: Format;
}

export function command(): Command {
  return new Command()
    .argument('<id>', 'the container, or the beginning of its id')
    .addOption(execOption('the process with this exec id, as in `termshim ps`'))
    .addOption(formatOption())
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(inspect);
}

const example = `
The columns of the clients:
  TYPED    bytes that were typed into it
  SEEN     bytes of output that it has read
  BEHIND   bytes of output that it has not read yet
  SKIPPED  bytes of output that it has missed, because it was too slow

Examples:
  $ termshim inspect web
  $ termshim inspect web --format json | jq .session.tty
`;

async function inspect(id: string, { exec, format, shim }: InspectOptions): Promise<void> {
  using daemon = await connect({ shim });
  const answer = await daemon.sessions.inspect(await resolveIds(daemon, id, exec));
  await print(format === 'json' ? inspectJson(answer) : inspectText(answer, Date.now()));
}

function inspectJson({ session, clients }: InspectResponse): string {
  return jsonLine({ session: session === undefined ? null : sessionJson(session), clients });
}

/** @param now in milliseconds since the epoch */
export function inspectText({ session, clients }: InspectResponse, now: number): string {
  const facts = session === undefined ? [] : factsOf(session);
  const rows = clients.map((client) => clientRow(client, now));
  const who = rows.length === 0 ? '' : `\n${table([clientHeader, ...rows])}`;
  return `${table(facts.map(([name, value]) => [name, value === '' ? none : printable(value)]))}${who}`;
}

function factsOf(session: Session): [name: string, value: string][] {
  const { id, execId, state, pid, terminal, tty, columns, rows, sizePolicy, screen, screenFailure } = session;
  const { recording, recordingFailure } = session;
  const { waitingSince, createdAt, exitedAt, exitStatus, stdinBytes, stdoutBytes } = session;
  const time = (stamp: Session['createdAt']): string =>
    stamp === undefined ? '' : new Date(timeOf(stamp)).toISOString();
  const ofTerminal: [string, string][] = [
    ['terminal', tty],
    ['size', `${columns}x${rows}, by ${sizePolicy}`],
    ['screen', screen ? 'kept' : screenFailure === '' ? 'not kept' : `no longer kept: ${screenFailure}`],
    ['recording', recordingFailure === '' ? recording : `ended: ${recordingFailure}`],
    ['typed', formatBytes(stdinBytes)],
    ['shown', formatBytes(stdoutBytes)],
    ['waiting since', time(waitingSince)],
  ];
  return [
    ['id', id],
    ['exec', execId],
    ['state', state],
    ['pid', `${pid}`],
    ['command', formatCommand(session.command)],
    // An external shim has terminals, but no sessions.
    ...(terminal && sizePolicy !== '' ? ofTerminal : [['terminal', terminal ? 'yes' : ''] as [string, string]]),
    ['log', session.log],
    ['created', time(createdAt)],
    ['ended', exitedAt === undefined ? '' : `${time(exitedAt)}, status ${exitStatus}`],
    ['runtime', session.runtime],
    ['bundle', session.bundle],
  ];
}

const clientHeader = ['CLIENT', 'SINCE', 'WINDOW', 'TYPED', 'SEEN', 'BEHIND', 'SKIPPED', 'LABEL'];

function clientRow(client: ClientInfo, now: number): string[] {
  const { since, readOnly, columns, rows, typedBytes, seenBytes, behindBytes, skippedBytes, label } = client;
  return [
    `${client.client}`,
    since === undefined ? none : formatDuration(now - timeOf(since)),
    columns > 0 && rows > 0 ? `${columns}x${rows}` : none,
    readOnly ? 'read-only' : formatBytes(typedBytes),
    formatBytes(seenBytes),
    formatBytes(behindBytes),
    formatBytes(skippedBytes),
    printable(label) || none,
  ];
}
