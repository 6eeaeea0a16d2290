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
      new Option('-s, --signal <signal>', 'the signal: a name, with or without SIG, or a number')
        .argParser(parseSignal)
        .default(constants.signals.SIGTERM, 'TERM'),
    )
    .addOption(new Option('--all', 'send it to all processes in the container').conflicts('exec'))
    .addOption(execOption('send it to the process with this exec id'))
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(kill);
}

const example = `
Without --all and --exec, the first process of the container gets the signal. If
it is the first process of a pid namespace, it ignores all signals for which it
has no handler, except KILL and STOP.

Examples:
  $ termshim kill web
  $ termshim kill -s KILL --all web
  $ termshim kill -s WINCH --exec exec-3f2a web
`;

async function kill(id: string, { signal, all = false, exec, shim }: KillOptions): Promise<void> {
  using daemon = await connect({ shim });
  await daemon.task.kill({ ...(await resolveIds(daemon, id, exec)), signal, all });
}
