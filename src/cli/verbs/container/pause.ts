/**
 * `termshim pause`: stops the processes of a container until `resume`.
 */
import { Command } from 'commander';
import { connect, resolveIds } from '../../connect.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';

export function command(): Command {
  return new Command()
    .argument('<id>', 'the container, or the beginning of its id')
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(pause);
}

const example = `
The processes of the container do not run until \`termshim resume\`. Input that is
typed in the meantime is kept for them.

Example:
  $ termshim pause web && sleep 10 && termshim resume web
`;

async function pause(id: string, options: ShimOption): Promise<void> {
  using daemon = await connect(options);
  const { id: found } = await resolveIds(daemon, id);
  await daemon.task.pause({ id: found });
}
