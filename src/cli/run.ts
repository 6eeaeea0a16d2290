/**
 * `termshim run`: create, copy, start, attach this terminal, wait, delete; and exit as the process did.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isatty } from 'node:tty';
import { Command } from 'commander';
import { attach } from '../attach/attach.js';
import type { Size } from '../os/console.js';
import { FifoReader, FifoWriter, createFifo } from '../os/fifo-stream.js';
import { hostSize, watchHostSize } from '../os/host-terminal.js';
import { createPrivateDirectory } from '../os/private-directory.js';
import { assertTerminal, readBundle } from '../runtime/bundle.js';
import { parseId } from '../runtime/container-id.js';
import { defaultSpec, writeBundle } from '../runtime/default-spec.js';
import { findRuntime } from '../runtime/find-runtime.js';
import { hostSpec } from '../runtime/host-spec.js';
import { ociRuntime } from '../runtime/oci-runtime.js';
import { type Container, type ContainerOptions, createContainer } from '../task/container.js';
import type { ProcessStdio } from '../task/process-io.js';
import { type CaughtSignals, catchSignals } from './catch-signals.js';
import { printError } from './exit.js';

interface RunOptions {
  interactive?: true;
  tty?: true;
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
    .option(
      '--runtime <name>',
      'runc, crun, pty (no container: the process runs on this host) or the path of a runtime',
    )
    .option('--bundle <dir>', 'an OCI bundle')
    .option('--rootfs <dir>', 'a root filesystem; the rest of the bundle is made for you')
    .option('--name <id>', 'the container id (default: a random one)')
    .addHelpText('after', example)
    .passThroughOptions()
    .action(run);
}

const example = `
Without --bundle, --rootfs and --runtime the command runs on this host, under the pty runtime: no container, no root.
Exits with the status of the process, 128 + N if signal N ended it; 1 if it could not be run.

Examples:
  $ termshim run -it -- bash
  $ termshim run -it --rootfs ./alpine -- sh
  $ termshim run -t --runtime crun --bundle ./my-bundle
`;

async function run(args: string[], options: RunOptions, self: Command): Promise<void> {
  checkUsage(args, options, self);
  const isBundleGiven = options.bundle !== undefined || options.rootfs !== undefined;
  const id = parseId(options.name ?? `termshim-${randomBytes(6).toString('hex')}`);
  const runtime = ociRuntime(findRuntime(options.runtime, { isBundleGiven }));
  const signals = catchSignals();
  const directory = createPrivateDirectory('run');
  try {
    const { bundle, size } = await prepareBundle(join(directory.path, 'bundle'), args, options);
    // Whoever reads our stdout may take their time: when they leave, the copy ends by itself.
    const limits = { connectTimeoutMs: 10_000, drainTimeoutMs: 0, signal: signals.aborted };
    const pidFile = join(directory.path, 'pid');
    const common = { id, runtime, bundle, pidFile, sharesPids: false, onEvent() {}, onFault: printError, ...limits };
    process.exitCode = options.tty
      ? await runWithTerminal(common, signals, directory.path, size, options.interactive === true)
      : await runPlain(common, signals, options.interactive === true);
  } catch (error) {
    if (signals.status === undefined) throw error;
    process.exitCode = signals.status;
  } finally {
    directory.remove();
    signals.stop();
  }
}

function checkUsage(args: string[], { bundle, rootfs, runtime }: RunOptions, self: Command): void {
  const refuse = (reason: string): never => self.error(`error: ${reason}`);
  if (bundle !== undefined && rootfs !== undefined) refuse('--bundle and --rootfs exclude each other');
  if (bundle !== undefined && args.length > 0) refuse('with --bundle the command is the one in its config.json');
  if (runtime === 'pty' && rootfs !== undefined)
    refuse('the pty runtime runs on this host and has no use for --rootfs');
  if (runtime !== undefined && runtime !== 'pty' && bundle === undefined && rootfs === undefined) {
    refuse(`--runtime ${runtime} needs --bundle or --rootfs`);
  }
}

interface Prepared {
  bundle: string;
  /** Undefined without a terminal. */
  size: Size | undefined;
}

/** The terminal has the size of ours; without one here, what the bundle says; else what terminals have always had. */
async function prepareBundle(path: string, args: string[], options: RunOptions): Promise<Prepared> {
  const terminal = options.tty === true;
  const host = hostSize();
  if (options.bundle !== undefined) {
    const bundle = await readBundle(options.bundle);
    assertTerminal(bundle, terminal);
    const { consoleSize } = bundle.spec.process;
    const wanted = consoleSize ? { columns: consoleSize.width, rows: consoleSize.height } : defaultSize;
    return { bundle: bundle.path, size: host ?? wanted };
  }
  const size = terminal ? (host ?? defaultSize) : undefined;
  const { rootfs } = options;
  const argv = args.length > 0 ? args : [(rootfs === undefined && process.env['SHELL']) || 'sh'];
  const rootless = process.getuid?.() !== 0;
  const spec =
    rootfs === undefined
      ? hostSpec({ args: argv, size })
      : defaultSpec({ rootfs, args: argv, terminal, size, rootless });
  await writeBundle(path, spec);
  return { bundle: path, size };
}

const defaultSize: Size = { columns: 80, rows: 24 };

type Common = Omit<ContainerOptions, 'stdio'>;

/**
 * The copy and the attached terminal meet at two FIFOs, as they do when they are two processes. What ends the one ends
 * the other: our stdin's end is the session's, and a reader of ours that leaves hangs up the terminal.
 */
async function runWithTerminal(
  common: Common,
  signals: CaughtSignals,
  directory: string,
  size: Size | undefined,
  isInteractive: boolean,
): Promise<number> {
  const stdin = isInteractive ? join(directory, 'stdin') : undefined;
  const stdout = join(directory, 'stdout');
  for (const path of [stdin, stdout]) if (path !== undefined) createFifo(path);
  const output = FifoReader.open(stdout);
  try {
    const stdio: ProcessStdio = {
      kind: 'terminal',
      stdin,
      holdStdin: false,
      stdout,
      size,
      noReader: 'hangup',
      stdinEnd: isatty(0) ? 'hangup' : 'veof',
    };
    const container = await createContainer({ ...common, stdio });
    return await supervise(container, signals, async () => {
      const input = stdin === undefined ? undefined : await FifoWriter.open(stdin, { timeoutMs: 1000 });
      const attached = attach({ input, output });
      const stopResizing = watchHostSize((newSize) => container.init.resize(newSize));
      try {
        // Whoever stopped reading keeps the copy waiting; closing our end of the FIFO is what ends it.
        void signals.insisted.then(() => attached.close());
        await container.start('');
        const { status } = await container.init.exited;
        await Promise.race([attached.done, signals.insisted]);
        return status;
      } finally {
        stopResizing();
        attached.close();
      }
    });
  } finally {
    output.close();
  }
}

async function runPlain(common: Common, signals: CaughtSignals, isInteractive: boolean): Promise<number> {
  const stdio: ProcessStdio = {
    kind: 'inherited',
    streams: [isInteractive ? 'inherit' : 'ignore', 'inherit', 'inherit'],
  };
  const container = await createContainer({ ...common, stdio });
  return supervise(container, signals, async () => {
    await container.start('');
    const { status } = await container.init.exited;
    return status;
  });
}

/** Passes signals on to the process for as long as it runs, and removes the container whatever happens. */
async function supervise(container: Container, signals: CaughtSignals, work: () => Promise<number>): Promise<number> {
  try {
    signals.forwardTo(container.init);
    return await work();
  } finally {
    await container.destroy();
  }
}
