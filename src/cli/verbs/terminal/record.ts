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
    .argument('[file]', 'the file to create, in the asciicast v2 format', absolute)
    .option('--input', 'record the input too, including passwords')
    .option('--stop', 'end the recording')
    .addOption(execOption('the process with this exec id, as in `termshim ps`'))
    .addHelpText('after', example)
    .action(record);
}

const example = `
The recording begins with the current screen, and ends with the process, or with
--stop. It continues if all clients detach. Only you can read the file. An
existing file is not overwritten. To record from the first byte on, use
\`termshim run --record\`.

Examples:
  $ termshim record build build.cast
  $ termshim record --stop build && asciinema play build.cast
`;

async function record(id: string, path: string | undefined, options: RecordOptions, self: Command): Promise<void> {
  const { input = false, stop = false, exec } = options;
  if (stop && (path !== undefined || input))
    return self.error('error: --stop cannot be used with a file or with --input');
  if (!stop && path === undefined) return self.error('error: give a file to record to, or --stop');
  using daemon = await connect();
  const ids = await resolveIds(daemon, id, exec);
  if (path === undefined) await daemon.sessions.endRecording(ids);
  else await daemon.sessions.record({ ...ids, path, input });
}
