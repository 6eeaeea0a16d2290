/**
 * The termshim command: matches a verb and runs it. An error is one line on stderr that ends with its code, and exit
 * status 1; a wrong command line is status 2.
 */
import { Command, CommanderError } from 'commander';
import { version } from '../package.js';
import { exitWithError } from './output/exit.js';
import { beginProgram } from '../os/process/node-program.js';
import { printable } from '../errors/printable.js';
import { printAtOnce } from './output/print-at-once.js';
import { globalShimOption, passShimOn } from './options/shim-option.js';
import { loadVerb } from './verb.js';
import { verbStub, verbs } from './verbs.js';

beginProgram();

const program = new Command('termshim')
  .description('run OCI containers with a terminal, attach to them, and copy their consoles')
  .version(version())
  .addOption(globalShimOption())
  .hook('preAction', passShimOn)
  .enablePositionalOptions()
  .configureOutput({
    writeOut: printAtOnce,
    outputError: (text, write) => write(usageError(text)),
  })
  .addHelpText('after', example())
  .exitOverride();

main().catch((error: unknown) => {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else exitWithError(error);
});

async function main(): Promise<void> {
  const wanted = process.argv.slice(2).find((word) => verbs.has(word));
  for (const [name, verb] of verbs) {
    const command = name === wanted ? await loadVerb(name, verbs) : verbStub(name, verb);
    program.addCommand(command.copyInheritedSettings(program));
  }
  await program.parseAsync();
}

/** Makes the words of the command line printable. A suggestion of commander stays on its own line. */
function usageError(text: string): string {
  const [, error = '', suggestion = ''] = /^(.*?)(\n\(Did you mean [\w, -]+\?\))?\n?$/s.exec(text) ?? [];
  return `${printable(error)}${suggestion}\n`;
}

function example(): string {
  return `
Examples:
  $ termshim run -it -- bash
  $ termshim run -it --rootfs ./alpine -- sh
  $ termshim copy --console-socket /run/c.sock --stdin in --stdout out
`;
}
