/**
 * `termshim events`: prints the events of containers and their terminals as they happen.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Event } from '../../../ttrpc/gen/termshim/sessions.js';
import { connect } from '../../connect.js';
import { printable } from '../../output/format.js';
import { jsonLine, timeOf } from '../../output/json.js';
import type { Format } from '../../options/options.js';
import { print } from '../../output/print.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';

interface EventsOptions extends ShimOption {
  since?: bigint;
  format: Format;
}

export function command(): Command {
  return new Command()
    .option(
      '--since <number>',
      'start after the event with this number; 0: print all events that the daemon has kept',
      parseNumber,
    )
    .addOption(new Option('--format <format>', 'lines of text, or JSON').choices(['text', 'json']).default('text'))
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(events);
}

const example = `
Prints one line for each event: its number, its time, its kind, the container,
and details. It runs until ^C, or until the daemon ends. Each daemon counts its
events from 1.

Examples:
  $ termshim events
  $ termshim events --since 0 --format json | jq -c 'select(.kind == "exit")'
`;

/** How long the daemon waits for an event before it answers. Then it is asked again. */
const waitMs = 30_000;

async function events({ since, format, shim }: EventsOptions): Promise<void> {
  using daemon = await connect({ shim });
  let after = since ?? (await lastNumber());
  for (;;) {
    const { events: news } = await daemon.sessions.events({ after, waitMs });
    for (const event of news) after = event.number > after ? event.number : after;
    await print(news.map((event) => (format === 'json' ? jsonLine(event) : eventLine(event))).join(''));
  }

  async function lastNumber(): Promise<bigint> {
    const { events: known } = await daemon.sessions.events({ after: 0n, waitMs: 0 });
    return known.at(-1)?.number ?? 0n;
  }
}

export function eventLine({ number, timestamp, id, execId, kind, pid, exitStatus, client }: Event): string {
  const time = timestamp === undefined ? '-' : new Date(timeOf(timestamp)).toISOString();
  const facts = [
    pid === 0 ? '' : ` pid=${pid}`,
    kind === 'exit' || kind === 'delete' ? ` status=${exitStatus}` : '',
    client === 0 ? '' : ` client=${client}`,
  ];
  const whom = execId === '' ? id : `${id}/${execId}`;
  return `${number} ${time} ${kind} ${printable(whom)}${facts.join('')}\n`;
}

function parseNumber(text: string): bigint {
  if (/^\d{1,19}$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError('The number of an event is the first word of its line.');
}
