/**
 * `termshim record`: starts or ends a recording of a terminal.
 */
import { Command } from 'commander';
import { connect, resolveIds } from '../../connect.js';
import { execOption } from '../../options/options.js';
import { absolute } from '../../options/session-options.js';

interface RecordOptions {
  input?: true;
  stop?: true;
  exec?: string;
}

export function command(): Command {
  return new Command()
    .argument('<id>', 'the container, or the beginning of its id')
    .argument('[file]', 'a new file, in the format asciicast v2', absolute)
    .option('--input', 'record what is typed too, and passwords with it')
    .option('--stop', 'end the recording')
    .addOption(execOption('the terminal of a process that `termshim exec` started in it'))
    .addHelpText('after', example)
    .action(record);
}

const example = `
It begins with what is on the screen, and goes on until the process has ended, whoever is attached. The file is for you
alone; one that is there already is not touched. \`termshim run --record\` records from the first byte.

Examples:
  $ termshim record build build.cast
  $ termshim record --stop build && asciinema play build.cast
`;

async function record(id: string, path: string | undefined, options: RecordOptions, self: Command): Promise<void> {
  const { input = false, stop = false, exec } = options;
  if (stop && (path !== undefined || input)) return self.error('error: --stop takes neither a file nor --input');
  if (!stop && path === undefined) return self.error('error: a file to record to, or --stop');
  using daemon = await connect();
  const ids = await resolveIds(daemon, id, exec);
  if (path === undefined) await daemon.sessions.endRecording(ids);
  else await daemon.sessions.record({ ...ids, path, input });
}
