/**
 * `termshim copy`: copies one console, for any OCI runtime that gets the path of its console socket.
 */
import { Command, Option } from 'commander';
import type { Console } from '../../../os/console.js';
import { ConsoleSocket } from '../../../os/console-socket.js';
import { FifoReader, FifoWriter } from '../../../os/fifo.js';
import { writePidFile } from '../../../os/file/atomic-file.js';
import { type ProcessWatch, watchProcess } from '../../../os/process/process-watch.js';
import { type StdinEnd, stdinEndPolicies } from '../../../stdio/copy/console-input.js';
import type { ConsoleCopy, CopyResult } from '../../../stdio/copy/copy-api.js';
import { copyConsole } from '../../../stdio/copy/copy-console.js';
import { type NoReader, fifoSink, noReaderPolicies } from '../../../stdio/copy/sink.js';
import { onEndSignal, printJson } from '../../output/exit.js';
import { parseDuration, parsePid } from '../../options/options.js';
import { acquireBoth } from '../../../async/acquire-both.js';

interface CopyOptions {
  consoleSocket?: string;
  stdin: string;
  stdout: string;
  connectTimeout: number;
  /** The value of `--no-reader`: commander takes `no-` for a negation, and leaves it out of the name. */
  reader: NoReader;
  stdinEof: StdinEnd;
  pid?: number;
  pidFile?: string;
}

export function command(): Command {
  return new Command()
    .option('--console-socket <path>', 'the socket to listen on (default: a temporary socket)')
    .requiredOption('--stdin <fifo>', 'the FIFO to read input from')
    .requiredOption('--stdout <fifo>', 'the FIFO to write output to')
    .addOption(
      new Option(
        '--connect-timeout <duration>',
        'how long to wait for the console, and for a reader of stdout; 0: no limit',
      )
        .argParser(parseDuration)
        .default(10_000, '10s'),
    )
    .addOption(
      new Option('--no-reader <policy>', 'if nobody reads stdout: let the process wait, drop output, or hang up')
        .choices(noReaderPolicies)
        .default('block'),
    )
    .addOption(
      new Option('--stdin-eof <policy>', 'at the end of stdin: hang up, type ^D, or wait for the next writer')
        .choices(stdinEndPolicies)
        .default('hangup'),
    )
    .option(
      '--pid <pid>',
      'end when this process has ended and its output is copied (default: when the terminal hangs up)',
      parsePid,
    )
    .option('--pid-file <file>', 'write the pid of this command to this file')
    .addHelpText('after', example)
    .action(copy);
}

const example = `
When it listens, it prints {"consoleSocket":PATH}. When the copy has ended, it
prints one line of JSON: why it ended, and how many bytes it copied.

Example:
  $ mkfifo in out
  $ termshim copy --console-socket /run/c.sock --stdin in --stdout out &
  $ cat out & exec 3>in
  $ runc run --detach --console-socket /run/c.sock my-container
  $ echo ls >&3
`;

async function copy(options: CopyOptions): Promise<void> {
  const ending = new AbortController();
  const watchedProcess = options.pid === undefined ? undefined : watchProcess(options.pid);
  const removeHandlers = onEndSignal(() => ending.abort());
  try {
    const stdin = FifoReader.open(options.stdin);
    try {
      if (options.stdinEof === 'ignore') stdin.hold();
      const { console, stdout } = await connect(options, ending.signal);
      const copying = copyConsole({
        console,
        stdin,
        stdout: fifoSink(stdout, options.reader),
        stdinEnd: options.stdinEof,
        endsOnHangup: watchedProcess === undefined,
      });
      ending.signal.addEventListener('abort', () => copying.shutdown());
      if (watchedProcess !== undefined) void endWith(watchedProcess, copying);
      printJson(await copying.done);
    } finally {
      stdin.close();
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    printJson(nothingCopied);
  } finally {
    removeHandlers();
    watchedProcess?.close();
  }
}

/** Other processes may hold the terminal without end, so the copy does not wait for them. */
async function endWith({ exited }: ProcessWatch, copying: ConsoleCopy): Promise<void> {
  await exited;
  copying.processEnded();
  await copying.drained;
  copying.shutdown();
}

const nothingCopied: CopyResult = {
  reason: 'shutdown',
  stdinBytes: 0,
  stdoutBytes: 0,
  discardedBytes: 0,
  undeliveredBytes: 0,
};

async function connect(options: CopyOptions, signal: AbortSignal): Promise<{ console: Console; stdout: FifoWriter }> {
  const timeoutMs = options.connectTimeout;
  using socket = ConsoleSocket.listen(options.consoleSocket);
  if (options.pidFile !== undefined) await writePidFile(options.pidFile, `${process.pid}\n`);
  printJson({ consoleSocket: socket.path });
  const [console, stdout] = await acquireBoth(
    signal,
    (either) => socket.receive({ timeoutMs, signal: either }),
    (either) => FifoWriter.open(options.stdout, { timeoutMs, signal: either }),
  );
  return { console, stdout };
}
