/**
 * `termshim resize`: sets the size of a terminal, or the policy that decides it.
 */
import { Command } from 'commander';
import type { Size } from '../../../os/console.js';
import { connect, resolveIds } from '../../connect.js';
import { execOption, parseSize } from '../../options/options.js';
import { parseSizePolicy } from '../../options/session-options.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';

interface ResizeOptions extends ShimOption {
  policy?: string;
  exec?: string;
}

export function command(): Command {
  return new Command()
    .argument('<id>', 'the container, or the beginning of its id')
    .argument('[columns-x-rows]', 'the new size, such as 100x30', parseSize)
    .option(
      '--policy <policy>',
      'the rule that chooses the size: latest, smallest, largest, or the number of a client',
      parseSizePolicy,
    )
    .addOption(execOption('the process with this exec id, as in `termshim ps`'))
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(resize);
}

const example = `
The policies:
  latest             the window of the client that typed last (the default)
  smallest, largest  the smallest or largest columns and rows of all windows
  the number N       the window of client N, as in \`termshim inspect\`
A size that you set, such as 100x30, stays until you set a policy.

Examples:
  $ termshim resize web 100x30
  $ termshim resize web --policy latest
  $ termshim resize web --policy 2
`;

async function resize(id: string, size: Size | undefined, options: ResizeOptions, self: Command): Promise<void> {
  const { policy, exec } = options;
  const fixed = size && `${size.columns}x${size.rows}`;
  const wanted = policy ?? fixed;
  if (wanted === undefined || (policy !== undefined && fixed !== undefined)) {
    return self.error('error: give either a size, such as 100x30, or --policy');
  }
  using daemon = await connect(options);
  await daemon.sessions.setSizePolicy({ ...(await resolveIds(daemon, id, exec)), policy: wanted });
}
