/**
 * `termshim resume`: continues a paused container.
 */
import { Command } from 'commander';
import { connect, resolveIds } from '../../connect.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';

export function command(): Command {
  return new Command()
    .argument('<id>', 'the container, or the beginning of its id')
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(resume);
}

const example = `
Example:
  $ termshim resume web
`;

async function resume(id: string, options: ShimOption): Promise<void> {
  using daemon = await connect(options);
  const { id: found } = await resolveIds(daemon, id);
  await daemon.task.resume({ id: found });
}
