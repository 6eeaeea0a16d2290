/**
 * The termshim command: matches a verb and runs it. An error is one line on stderr that ends with its code, and exit
 * status 1; a wrong command line is status 2.
 */
import { Command, CommanderError } from 'commander';
import { version } from '../version.js';
import { exitWithError } from './exit.js';

/** In the order of the help. Only the verb that is asked for is loaded: a copier should not wait for a runtime's code. */
const verbs: Readonly<Record<string, () => Promise<{ command(): Command }>>> = {
  run: () => import('./run.js'),
  copy: () => import('./copy.js'),
  recvtty: () => import('./recvtty.js'),
};

const program = new Command('termshim')
  .description('gives OCI containers their terminal: runs -it containers, and copies consoles')
  .version(version())
  .enablePositionalOptions()
  .addHelpText('after', example())
  .exitOverride();

try {
  const wanted = verbs[process.argv[2] ?? ''];
  const loaded = await Promise.all((wanted === undefined ? Object.values(verbs) : [wanted]).map((load) => load()));
  for (const verb of loaded) program.addCommand(verb.command().copyInheritedSettings(program));
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else exitWithError(error);
}

function example(): string {
  return `
Examples:
  $ termshim run -it -- bash
  $ termshim run -it --rootfs ./alpine -- sh
  $ termshim copy --console-socket /run/c.sock --stdin in --stdout out
`;
}
