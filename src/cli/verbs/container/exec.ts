/**
 * `termshim exec`: runs one more process in a running container. Exits with the status of the process.
 */
import { randomBytes } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import { runInForeground } from '../../../client/foreground.js';
import { type WantedProcess, runInBackground } from '../../../client/wanted-process.js';
import { hostSize } from '../../../os/host-terminal.js';
import { readBundle } from '../../../runtime/spec/bundle.js';
import { execProcess } from '../../../runtime/spec/exec-process.js';
import { ExecOptions as ExecSpec } from '../../../ttrpc/gen/termshim/options.js';
import { packAny } from '../../../ttrpc/message.js';
import { exitAsProcess } from '../../catch-signals.js';
import { connect, resolveIds } from '../../connect.js';
import { printLine } from '../../output/exit.js';
import { defaultSize } from '../../run-bundle.js';
import {
  type RecordOptions,
  detachKeysOption,
  readRecordOptions,
  recordInputOption,
  recordOption,
} from '../../options/session-options.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';

interface ExecOptions extends RecordOptions, ShimOption {
  interactive?: true;
  tty?: true;
  detach?: true;
  detachKeys: Uint8Array;
  env?: string[];
  workdir?: string;
  user?: { uid: number; gid: number };
}

export function command(): Command {
  return new Command()
    .argument('<id>', 'the container, or the beginning of its id')
    .argument('<command...>', 'the command to run')
    .option('-i, --interactive', 'connect stdin to the process')
    .option('-t, --tty', 'give the process a terminal')
    .option('-d, --detach', 'print the exec id and exit')
    .addOption(detachKeysOption())
    .option(
      '-e, --env <name=value>',
      'set an environment variable; NAME alone: to its value in this command',
      addVariable,
    )
    .option('-w, --workdir <dir>', 'the working directory, a path in the container', parseDirectory)
    .option('-u, --user <uid[:gid]>', 'the user id, and the group id (default: 0)', parseUser)
    .addOption(recordOption())
    .addOption(recordInputOption())
    .addOption(shimOption())
    .addHelpText('after', example)
    .passThroughOptions()
    .action(exec);
}

const example = `
Without an option, a setting is that of the container's first process.

The exit status is the status of the process, or 128 + N if signal N ended it.
If the process could not be run, the exit status is 1. With -it, ctrl-p ctrl-q
detaches with status 0, and the process runs on.

Examples:
  $ termshim exec -it build -- sh
  $ termshim exec build -- ps aux
  $ tar c src | termshim exec -i -w /work build -- tar x
`;

async function exec(name: string, words: string[], options: ExecOptions, self: Command): Promise<void> {
  const recording = readRecordOptions(options, { terminal: options.tty === true }, self);
  // commander passes on all words after the id, also a `--` that ends the options.
  const args = words[0] === '--' ? words.slice(1) : words;
  await exitAsProcess(async (signals) => {
    using daemon = await connect(options);
    const { id } = await resolveIds(daemon, name);
    const { interactive = false, tty: terminal = false, detachKeys, env = [], workdir: cwd, user } = options;
    const { bundle } = await daemon.task.state({ id });
    const { spec } = await readBundle(bundle);
    const process = Buffer.from(JSON.stringify(execProcess(spec.process, { args, terminal, env, cwd, user })));
    const added = packAny(ExecSpec, { process, remove: true });
    const execId = `exec-${randomBytes(6).toString('hex')}`;
    const make: WantedProcess['make'] = (stdio) => daemon.task.exec({ id, execId, spec: added, ...stdio });
    const size = terminal ? (hostSize() ?? defaultSize) : undefined;
    const wanted = { daemon, id, execId, terminal, size, sizePolicy: undefined, recording, make };
    if (options.detach !== true) {
      return await runInForeground({ ...wanted, isInteractive: interactive, detachKeys, signals });
    }
    await runInBackground(wanted, signals.aborted);
    printLine(execId);
    return 0;
  });
}

function addVariable(text: string, before: readonly string[] = []): string[] {
  const [name = '', value] = text.split(/=(.*)/s, 2);
  if (name === '')
    throw new InvalidArgumentError('A variable looks like NAME=value, or NAME for its value in this command.');
  const ours = process.env[name];
  return value !== undefined ? [...before, text] : ours === undefined ? [...before] : [...before, `${name}=${ours}`];
}

function parseDirectory(text: string): string {
  if (text.startsWith('/')) return text;
  throw new InvalidArgumentError('The path of a directory in the container begins with a slash.');
}

function parseUser(text: string): { uid: number; gid: number } {
  const [, uid, gid = '0'] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  if (uid === undefined || Math.max(Number(uid), Number(gid)) > greatestId) {
    throw new InvalidArgumentError('A user is a number, or two numbers such as 1000:1000. Names are not supported.');
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** -1 is no user; see setuid(2). */
const greatestId = 2 ** 32 - 2;
