/**
 * `termshim reopen-logs`: opens a container's log again, after another program has rotated it.
 */
import { Command } from 'commander';
import { connect, resolveIds } from '../../connect.js';
import { printable } from '../../output/format.js';
import { print } from '../../output/print.js';

export function command(): Command {
  return new Command()
    .argument('<id>', 'the container, or the beginning of its id')
    .addHelpText('after', example)
    .action(reopen);
}

const example = `
Run it after another program has moved a log: the daemon continues in a new file
at the path of the log. Prints the path of each log that was opened.

It fails for a log driver (binary://), which opens its file itself. Send SIGHUP
to termshim-log-driver, and it opens its file again.

Example, for a postrotate script of logrotate:
  $ termshim reopen-logs web
`;

async function reopen(id: string): Promise<void> {
  using daemon = await connect();
  const ids = await resolveIds(daemon, id);
  const { paths } = await daemon.sessions.reopenLogs({ id: ids.id });
  await print(paths.map((path) => `${printable(path)}\n`).join(''));
}
