/**
 * `termshim kill`: sends a signal to a container's processes.
 */
import { constants } from 'node:os';
import { Command, Option } from 'commander';
import { connect, resolveIds } from '../../connect.js';
import { execOption, parseSignal } from '../../options/options.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';

interface KillOptions extends ShimOption {
  signal: number;
  all?: boolean;
  exec?: string;
}

export function command(): Command {
  return new Command()
    .argument('<id>', 'the container, or the beginning of its id')
    .addOption(
      new Option('-s, --signal <signal>', 'by name, with or without SIG, or by number')
        .argParser(parseSignal)
        .default(constants.signals.SIGTERM, 'TERM'),
    )
    .addOption(new Option('--all', 'to every process in the container, not its first alone').conflicts('exec'))
    .addOption(execOption('to a process that `termshim exec` started in it'))
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(kill);
}

const example = `
The first process of a pid namespace ignores the signals that it does not handle, KILL excepted.

Examples:
  $ termshim kill web
  $ termshim kill -s KILL --all web
  $ termshim kill -s WINCH --exec shell web
`;

async function kill(id: string, { signal, all = false, exec, shim }: KillOptions): Promise<void> {
  using daemon = await connect({ shim });
  await daemon.task.kill({ ...(await resolveIds(daemon, id, exec)), signal, all });
}
