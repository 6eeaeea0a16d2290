/**
 * `termshim wait`: waits until a process has ended, and prints its exit status.
 */
import { Command } from 'commander';
import { connect, resolveIds } from '../../connect.js';
import { execOption } from '../../options/options.js';
import { print } from '../../output/print.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';

export function command(): Command {
  return new Command()
    .argument('<id>', 'the container, or the beginning of its id')
    .addOption(execOption('the process with this exec id, as in `termshim ps`'))
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(wait);
}

const example = `
Prints the exit status of the process, or 128 + N if signal N ended it. The
command itself then exits with status 0, like \`docker wait\`.

Example:
  $ status=$(termshim wait web) && termshim delete web
`;

async function wait(id: string, { exec, shim }: ShimOption & { exec?: string }): Promise<void> {
  using daemon = await connect({ shim });
  const { exitStatus } = await daemon.task.wait(await resolveIds(daemon, id, exec));
  await print(`${exitStatus}\n`);
}
