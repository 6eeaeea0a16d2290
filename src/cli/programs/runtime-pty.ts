/**
 * The command line of the embedded pty runtime, which is that of an OCI runtime such as runc.
 *
 * Each verb starts Node, so it loads only its own module, and only `create` and `exec` load node-pty and the schemas.
 * An error is one line on stderr, one line in the log that the caller named, and exit status 1.
 */
import { resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { errorWords } from '../../errors/error-line.js';
import { beginProgram } from '../../os/process/node-program.js';
import { placeOfUser } from '../../os/file/runtime-directory.js';
import { version } from '../../package.js';
import { printAtOnce } from '../output/print-at-once.js';

const noSandbox = `
This runtime is NOT A SANDBOX. It has the command line of an OCI runtime, but it
runs the bundle's process as an ordinary process of this host: with the host's
files, network and processes, and without namespaces, cgroups, capabilities and
seccomp. Use it for tests, and if you want a terminal but no container.

It uses these fields of config.json: process.terminal, consoleSize, args, env,
cwd (a directory of this host), user.uid, user.gid, and annotations. All other
fields have no effect, including root, mounts, rlimits, user.additionalGids and
hooks. If the caller is not root, the user and group 0 mean the caller.

kill --all and delete find processes by their session and their parent. A
process that creates a session and loses its parent is not found.`;

const example = `
Example: run a shell, and use its terminal in another window
  $ mkdir /tmp/bundle && cd /tmp/bundle
  $ echo '{"ociVersion": "1.0.2", "process": {"terminal": true, "args": ["sh"],
      "env": ["PATH=/usr/bin:/bin", "TERM=xterm"], "cwd": "/"}}' > config.json
  $ termshim recvtty /tmp/console.sock            # in the other window
  $ termshim-runtime-pty create --console-socket /tmp/console.sock shell
  $ termshim-runtime-pty start shell
  $ termshim-runtime-pty delete --force shell`;

interface GlobalOptions {
  root: string;
  log?: string;
  logFormat: 'json' | 'text';
}

interface ProcessOptions {
  consoleSocket?: string;
  pidFile?: string;
}

const program = new Command('termshim-runtime-pty')
  .description('An OCI runtime without containers: it runs a process on this host under a pty.')
  .version(`termshim-runtime-pty version ${version()}\nspec: 1.0.2`, '-v, --version')
  .option('--root <dir>', 'the directory for the state of containers', placeOfUser('termshim-runtime-pty'))
  .option('--log <file>', 'append errors to this file')
  .addOption(
    new Option('--log-format <format>', 'the format of the log file').choices(['text', 'json']).default('text'),
  )
  .option('--systemd-cgroup', 'no effect: there are no cgroups')
  .addHelpText('after', `${noSandbox}\n${example}`)
  .enablePositionalOptions()
  .configureOutput({ writeOut: printAtOnce, outputError: () => undefined })
  .exitOverride();

verb('create <id>', 'create a container: its process exists and waits for start')
  .option('-b, --bundle <dir>', 'the directory with config.json', '.')
  .option('--console-socket <path>', 'send the pty master to this socket')
  .option('--pid-file <file>', 'write the pid to this file')
  .option('--no-pivot', 'no effect')
  .action(async (id: string, options: ProcessOptions & { bundle: string }) => {
    const { create } = await import('../../runtime/pty/create.js');
    await create(root(), id, options);
  });

verb('start <id>', 'start the process of a created container').action(async (id: string) => {
  const { start } = await import('../../runtime/pty/start.js');
  await start(root(), id);
});

verb('state <id>', 'print the state of a container as JSON').action(async (id: string) => {
  const { state } = await import('../../runtime/pty/state.js');
  print(JSON.stringify(state(root(), id), undefined, 2));
});

verb('kill <id> [signal]', 'send a signal to the process (default: TERM)')
  .option('-a, --all', 'send it to all processes of the container', false)
  .action(async (id: string, signal: string | undefined, { all }: { all: boolean }) => {
    const { kill } = await import('../../runtime/pty/kill.js');
    kill(root(), id, signal ?? 'TERM', all);
  });

verb('delete <id>', 'remove a container that is not running')
  .option('-f, --force', 'kill it first if it is running', false)
  .action(async (id: string, { force }: { force: boolean }) => {
    const { deleteContainer } = await import('../../runtime/pty/delete.js');
    await deleteContainer(root(), id, force);
  });

verb('exec <id> [args...]', 'run another process, and exit with its status')
  .option('-p, --process <file>', 'a file with the OCI process as JSON, instead of args')
  .option('-t, --tty', 'give the process a pty, and send the master to the console socket', false)
  .option('-d, --detach', 'do not wait for the process', false)
  .option('--console-socket <path>', 'send the pty master to this socket')
  .option('--pid-file <file>', 'write the pid to this file')
  .passThroughOptions()
  .action(async (id: string, args: string[], options: ProcessOptions & ExecFlags) => {
    const { exec } = await import('../../runtime/pty/exec.js');
    const { process: processFile, tty: isTerminal, ...rest } = options;
    process.exitCode = await exec(root(), id, { ...rest, args, processFile, isTerminal });
  });

interface ExecFlags {
  process?: string;
  tty: boolean;
  detach: boolean;
}

verb('ps <id>', 'print the processes of a container')
  .addOption(new Option('-f, --format <format>', 'pids or a table').choices(['json', 'table']).default('table'))
  .action(async (id: string, { format }: { format: 'json' | 'table' }) => {
    const { ps } = await import('../../runtime/pty/ps.js');
    print(ps(root(), id, format));
  });

verb('pause <id>', 'stop the processes of a container with SIGSTOP').action(async (id: string) => {
  const { pause } = await import('../../runtime/pty/pause.js');
  pause(root(), id);
});

verb('resume <id>', 'resume a paused container').action(async (id: string) => {
  const { resume } = await import('../../runtime/pty/pause.js');
  resume(root(), id);
});

beginProgram();
void main();

async function main(): Promise<never> {
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : await reportFailure(error);
  }
  // node-pty waits for its child in a thread that would keep this program until the container ends.
  process.exit();
}

function verb(usage: string, description: string): Command {
  return program.command(usage).description(description);
}

function root(): string {
  return resolve(program.opts<GlobalOptions>().root);
}

function print(text: string): void {
  printAtOnce(`${text}\n`);
}

async function reportFailure(error: unknown): Promise<number> {
  // Without a verb the help on stderr is the message.
  if (error instanceof CommanderError && error.code === 'commander.help') return 1;
  const message = errorWords(error).replace(/^error: /, '');
  const { log, logFormat } = program.opts<GlobalOptions>();
  if (log !== undefined) {
    const { logFailure } = await import('../../runtime/pty/failure-log.js');
    logFailure(log, logFormat, message);
  }
  process.stderr.write(`${message}\n`);
  return 1;
}
