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
    .argument('[command...]', 'what to run (not with --bundle)')
    .option('-i, --interactive', 'connect our stdin')
    .option('-t, --tty', 'give it a terminal')
    .option('-d, --detach', 'leave it at once, and print its id; it stays until `termshim delete`')
    .addOption(detachKeysOption())
    .addOption(
      new Option('--size <policy>', 'whose window decides: latest, smallest, largest, a client, or 80x24').argParser(
        parseSizePolicy,
      ),
    )
    .option('--screen', 'keep its screen, and show whoever attaches the screen as it is')
    .option(
      '--log <uri>',
      'keep its output: json-file or cri (inspect names the file), or a URI such as file:///tmp/out',
    )
    .option(
      '--runtime <runtime>',
      'runc, crun, pty (no container: the process runs on this host) or the path of a runtime',
    )
    .option('--bundle <dir>', 'an OCI bundle')
    .option('--rootfs <dir>', 'a root filesystem; the rest of the bundle is made for you')
    .option('--name <id>', 'the container id (default: a random one)')
    .addOption(recordOption())
    .addOption(recordInputOption())
    .addOption(shimOption())
    .addHelpText('after', example)
    .passThroughOptions()
    .action(run);
}

const example = `
Without --bundle, --rootfs and --runtime the command runs on this host, under the pty runtime: no container, no root.
Exits with the status of the process, 128 + N if signal N ended it; 1 if it could not be run. Without -d the container is
removed when it has ended.

With -t and a terminal here, ctrl-p ctrl-q leaves it without a word, with status 0; it goes on, and \`termshim attach\`
comes back. It goes on too when the window is closed. Where stdout is no terminal the keys mean nothing, a reader that is
slow is waited for, and one that leaves hangs up.

Examples:
  $ termshim run -it -- bash
  $ termshim run -it --rootfs ./alpine -- sh
  $ termshim run -dt --name build --rootfs ./alpine -- make
  $ termshim run -d --name web --log 'json-file:///var/log/web?max-size=10m&max-file=3' -- ./web
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
  if (bundle !== undefined && rootfs !== undefined) refuse('--bundle and --rootfs exclude each other');
  if (bundle !== undefined && args.length > 0) refuse('with --bundle the command is the one in its config.json');
  if (shim && bundle === undefined && rootfs === undefined) refuse('--shim needs --bundle or --rootfs');
  if (shim && runtime === 'pty') refuse('the pty runtime makes no containers, which a shim is for');
  if (runtime === 'pty' && rootfs !== undefined)
    refuse('the pty runtime runs on this host and has no use for --rootfs');
  if (runtime !== undefined && runtime !== 'pty' && bundle === undefined && rootfs === undefined) {
    refuse(`--runtime ${runtime} needs --bundle or --rootfs`);
  }
}
