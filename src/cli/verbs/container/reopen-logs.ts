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
For whoever moves a log away: the daemon goes on in a new file at its path. Prints the path of each that was opened. A log
driver (binary://) has its file to itself, and opens it anew when it gets SIGHUP.

Example, for a postrotate script of logrotate:
  $ termshim reopen-logs web
`;

async function reopen(id: string): Promise<void> {
  using daemon = await connect();
  const ids = await resolveIds(daemon, id);
  const { paths } = await daemon.sessions.reopenLogs({ id: ids.id });
  await print(paths.map((path) => `${printable(path)}\n`).join(''));
}
