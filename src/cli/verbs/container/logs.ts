/**
 * `termshim logs`: prints a container's log, entries of stdout to stdout and entries of stderr to stderr.
 */
import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { readLog } from '../../../log/read/read-log.js';
import { parseSince } from '../../options/since.js';
import type { LogEntry } from '../../../log/read/wanted.js';
import { TermshimError } from '../../../errors/errors.js';
import { printable, shorten } from '../../../errors/printable.js';
import { connect, resolveIds } from '../../connect.js';
import { endWithReader, print } from '../../output/print.js';

interface LogsOptions {
  follow?: true;
  tail?: number | 'all';
  since?: bigint;
  timestamps?: true;
}

export function command(): Command {
  return new Command()
    .argument('<id|file>', 'the container, or the beginning of its id; or the path of a log')
    .option('-f, --follow', 'print new lines too, until the container has ended')
    .addOption(new Option('--tail <lines>', 'start with the last N lines, or all (default)').argParser(parseTail))
    .addOption(new Option('--since <time>', 'start at a time: 10m (ago), or 2026-01-31T12:00:00Z').argParser(parseTime))
    .option('--timestamps', 'print the time before each line')
    .addHelpText('after', example)
    .action(logs);
}

const example = `
Reads logs in Docker's json-file format and in the CRI format, including the
rotated files of a log. If the argument contains a slash, or is the name of an
existing file, it is a path. To read a path, no daemon is needed; with -f, it is
followed until ^C.

Examples:
  $ termshim logs --tail 100 web
  $ termshim logs -f web | grep -m1 'ready'
  $ termshim logs --since 10m --timestamps /var/log/containers/web.log
`;

async function logs(source: string, options: LogsOptions): Promise<void> {
  if (source.includes('/') || existsSync(source)) {
    return show(source, options, options.follow && new AbortController().signal);
  }
  using daemon = await connect();
  const ids = await resolveIds(daemon, source);
  const { session } = await daemon.sessions.inspect(ids);
  const path = session?.log ?? '';
  if (path === '') {
    throw new TermshimError('ERR_LOG_NOT_FOUND', `the container ${ids.id} has no log: it was started without --log`);
  }
  if (!options.follow) return show(path, options);
  const ended = new AbortController();
  // The daemon writes all output to the log before it answers Wait.
  const exit = daemon.task.wait(ids).finally(() => ended.abort());
  exit.catch(() => {});
  await show(path, options, ended.signal);
  await exit;
}

/** @param follow ends the command; without it, only the entries that exist now are shown */
async function show(path: string, { tail, since, timestamps }: LogsOptions, follow?: AbortSignal): Promise<void> {
  using _ = follow && endWithReader();
  let brokenLines = 0;
  let isLog = since !== undefined || tail === 0;
  const lines = tail === 'all' ? undefined : tail;
  const onGap = (): void =>
    void print(`termshim: rotated files of ${printable(path)} were removed before they were read\n`, 'stderr');
  const entries = readLog(path, { tail: lines, since, follow, onGap, onBroken: (count) => (brokenLines = count) });
  for await (const some of entries) {
    isLog ||= some.length > 0;
    for (const { stream, bytes } of runsOf(some, timestamps ?? false)) await print(bytes, stream);
  }
  if (brokenLines > 0 && !isLog) {
    throw new TermshimError('ERR_LOG_NOT_FOUND', `${path} is not a log but a plain file: use \`cat\` or \`tail -f\``);
  }
  if (brokenLines > 0) {
    await print(`termshim: left out lines of ${printable(path)} that are not log entries: ${brokenLines}\n`, 'stderr');
  }
}

/** The longest time that is shown. RFC 3339 is shorter, but a log may have any text there. */
const maxTime = 64;

/** Joins entries for few writes, but keeps the order of the log: stdout and stderr may be the same terminal. */
function* runsOf(entries: readonly LogEntry[], timestamps: boolean): Generator<Pick<LogEntry, 'stream' | 'bytes'>> {
  for (let start = 0, end = 0; start < entries.length; start = end) {
    const { stream } = entries[start] as LogEntry;
    while (entries[end]?.stream === stream) end++;
    const pieces = entries.slice(start, end).flatMap(({ bytes, beginsLine, time }) => {
      return timestamps && beginsLine ? [Buffer.from(`${shorten(printable(time), maxTime)} `), bytes] : [bytes];
    });
    yield { stream, bytes: Buffer.concat(pieces) };
  }
}

function parseTail(text: string): number | 'all' {
  if (text === 'all') return text;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('The value is a number of lines, or all.');
}

function parseTime(text: string): bigint {
  const since = parseSince(text, Date.now());
  if (since !== undefined) return since;
  throw new InvalidArgumentError(
    'A time is a duration before now, such as 10m, a time in RFC 3339, or seconds since 1970.',
  );
}
