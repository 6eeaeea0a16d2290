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
They notice nothing of it. What is typed meanwhile waits for them.

Example:
  $ termshim pause web && sleep 10 && termshim resume web
`;

async function pause(id: string, options: ShimOption): Promise<void> {
  using daemon = await connect(options);
  const { id: found } = await resolveIds(daemon, id);
  await daemon.task.pause({ id: found });
}
