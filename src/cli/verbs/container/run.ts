/**
 * `termshim run`: runs a container in the user's daemon, with this command's terminal. Exits with the status of the
 * process.
 */
import { randomBytes } from 'node:crypto';
import { Command, Option } from 'commander';
import { runInForeground } from '../../../client/foreground.js';
import { type WantedProcess, runInBackground } from '../../../client/wanted-process.js';
import { parseId } from '../../../runtime/spec/container-id.js';
import { findRuntime } from '../../../runtime/find-runtime.js';
import { CreateOptions } from '../../../ttrpc/gen/termshim/options.js';
import { packAny } from '../../../ttrpc/message.js';
import { exitAsProcess } from '../../catch-signals.js';
import { connectToRun } from '../../connect.js';
import { printLine } from '../../output/exit.js';
import { logUri } from '../../options/log-uri.js';
import { prepareBundle } from '../../run-bundle.js';
import {
  type RecordOptions,
  detachKeysOption,
  parseSizePolicy,
  readRecordOptions,
  recordInputOption,
  recordOption,
} from '../../options/session-options.js';
import { type ShimOption, shimOption } from '../../options/shim-option.js';

interface RunOptions extends RecordOptions, ShimOption {
  interactive?: true;
  tty?: true;
  detach?: true;
  detachKeys: Uint8Array;
  screen?: true;
  log?: string;
  size?: string;
  runtime?: string;
  bundle?: string;
  rootfs?: string;
  name?: string;
}

export function command(): Command {
  return new Command()
    .argument('[command...]', 'the command (default: sh, or $SHELL on this host); not with --bundle')
    .option('-i, --interactive', 'connect stdin to the process')
    .option('-t, --tty', 'give the process a terminal')
    .option('-d, --detach', 'print the id and exit; the container stays until `termshim delete`')
    .addOption(detachKeysOption())
    .addOption(
      new Option(
        '--size <policy>',
        "the terminal's size: a policy (see `termshim resize --help`), or a fixed size such as 80x24",
      ).argParser(parseSizePolicy),
    )
    .option('--screen', 'keep the screen of the terminal, and show it to each client that attaches')
    .option(
      '--log <uri>',
      'log the output: json-file or cri (`termshim inspect` shows the path), or a URI such as file:///tmp/out',
    )
    .option(
      '--runtime <runtime>',
      'runc, crun, the path of a runtime, or pty (runs the process on this host, without a container)',
    )
    .option('--bundle <dir>', 'run this OCI bundle')
    .option('--rootfs <dir>', 'run the command in this root filesystem')
    .option('--name <id>', 'the id of the container (default: a random id)')
    .addOption(recordOption())
    .addOption(recordInputOption())
    .addOption(shimOption())
    .addHelpText('after', example)
    .passThroughOptions()
    .action(run);
}

const example = `
With --bundle or --rootfs, the default runtime is runc, or crun if runc is not
installed. Without them, the command runs on this host under the pty runtime: it
is not in a container, and needs no root.

The exit status is the status of the process, or 128 + N if signal N ended it.
If the process could not be run, the exit status is 1. Without -d, the container
is removed when its process has ended.

With -it, if stdin and stdout are a terminal, ctrl-p ctrl-q detaches with status
0. The container runs on, and \`termshim attach\` returns to it. Closing the
window detaches too. If stdout is not a terminal, you cannot detach: the process
waits for a slow reader, and if the reader exits, the terminal hangs up.

Examples:
  $ termshim run -it -- bash
  $ termshim run -it --rootfs ./alpine -- sh
  $ termshim run -dt --name build --rootfs ./alpine -- make
  $ termshim run -d --name web --log json-file -- ./web
  $ termshim run -d --log 'json-file:///var/log/web?max-size=10m' -- ./web
  $ termshim run -t --runtime crun --bundle ./my-bundle
  $ termshim run -it --record demo.cast -- bash
`;

async function run(args: string[], options: RunOptions, self: Command): Promise<void> {
  checkUsage(args, options, self);
  const recording = readRecordOptions(options, { terminal: options.tty === true }, self);
  const id = parseId(options.name ?? `termshim-${randomBytes(6).toString('hex')}`);
  const program = runtimeOf(options);
  await exitAsProcess(async (signals) => {
    const { bundle, config, size } = await prepareBundle(args, options);
    using daemon = await connectToRun(id, options);
    const { detach = false, interactive = false, screen = false, tty: terminal = false, detachKeys } = options;
    const log = logUri(options.log, id);
    const created = packAny(CreateOptions, { ...program, config, remove: !detach, screen, log });
    const make: WantedProcess['make'] = (stdio) =>
      daemon.task.create({ id, bundle, options: created, ...stdio }, { signal: signals.aborted });
    const wanted = { daemon, id, execId: '', terminal, size, sizePolicy: options.size, recording, make };
    if (!detach) return await runInForeground({ ...wanted, isInteractive: interactive, detachKeys, signals });
    await runInBackground(wanted, signals.aborted);
    printLine(id);
    return 0;
  });
}

/** An external shim chooses a runtime itself if none is named. */
function runtimeOf({ runtime, shim, bundle, rootfs }: RunOptions): Partial<CreateOptions> {
  if (shim && runtime === undefined) return {};
  const found = findRuntime(runtime, { isBundleGiven: (bundle ?? rootfs) !== undefined });
  return { runtimeName: found.name, runtimeCommand: found.command };
}

function checkUsage(args: string[], { bundle, rootfs, runtime, shim }: RunOptions, self: Command): void {
  const refuse = (reason: string): never => self.error(`error: ${reason}`);
  if (bundle !== undefined && rootfs !== undefined) refuse('--bundle and --rootfs cannot be used together');
  if (bundle !== undefined && args.length > 0)
    refuse('a command cannot be used with --bundle: config.json has the command');
  if (shim && bundle === undefined && rootfs === undefined) refuse('--shim needs --bundle or --rootfs');
  if (shim && runtime === 'pty') refuse('--runtime pty cannot be used with --shim: the pty runtime has no containers');
  if (runtime === 'pty' && rootfs !== undefined)
    refuse('--runtime pty cannot be used with --rootfs: the pty runtime has no containers');
  if (runtime !== undefined && runtime !== 'pty' && bundle === undefined && rootfs === undefined) {
    refuse(`--runtime ${runtime} needs --bundle or --rootfs`);
  }
}
