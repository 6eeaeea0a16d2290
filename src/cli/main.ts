/**
 * The termshim command: matches a verb and runs it. An error is one line on stderr that ends with its code, and exit
 * status 1; a wrong command line is status 2.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { copyCommand } from './copy.js';
import { exitWithError } from './exit.js';
import { recvttyCommand } from './recvtty.js';
import { runCommand } from './run.js';

const program = new Command('termshim')
  .description('gives OCI containers their terminal: runs -it containers, and copies consoles')
  .version(version())
  .enablePositionalOptions()
  .exitOverride();

for (const command of [runCommand(), copyCommand(), recvttyCommand()]) {
  program.addCommand(command.copyInheritedSettings(program));
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else exitWithError(error);
}

function version(): string {
  const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
