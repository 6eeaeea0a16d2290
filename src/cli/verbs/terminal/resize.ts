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
    .argument('[columns-x-rows]', 'the size from now on, such as 100x30', parseSize)
    .option(
      '--policy <policy>',
      'whose window decides: latest, smallest, largest, or the number of a client',
      parseSizePolicy,
    )
    .addOption(execOption('the terminal of a process that `termshim exec` started in it'))
    .addOption(shimOption())
    .addHelpText('after', example)
    .action(resize);
}

const example = `
A size that is given here stays, whatever window the clients have, until a policy is given. The policy \`latest\`, with
which every session begins, follows the client that typed last.

Examples:
  $ termshim resize web 100x30
  $ termshim resize web --policy latest
  $ termshim resize web --policy 2      # as client 2 of \`termshim inspect web\`
`;

async function resize(id: string, size: Size | undefined, options: ResizeOptions, self: Command): Promise<void> {
  const { policy, exec } = options;
  const fixed = size && `${size.columns}x${size.rows}`;
  const wanted = policy ?? fixed;
  if (wanted === undefined || (policy !== undefined && fixed !== undefined)) {
    return self.error('error: either a size, such as 100x30, or --policy');
  }
  using daemon = await connect(options);
  await daemon.sessions.setSizePolicy({ ...(await resolveIds(daemon, id, exec)), policy: wanted });
}
