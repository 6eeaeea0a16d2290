/**
 * `termshim recvtty`: a replacement for runc's `recvtty`, with the same options and arguments.
 */
import { constants } from 'node:fs';
import { Command, Option } from 'commander';
import type { Console } from '../../../os/console.js';
import { ConsoleSocket } from '../../../os/console-socket.js';
import { openHostStream } from '../../../os/host-terminal.js';
import { OwnedFd } from '../../../os/owned-fd.js';
import { writePidFile } from '../../../os/file/atomic-file.js';
import { copyConsole } from '../../../stdio/copy/copy-console.js';
import { plainSink } from '../../../stdio/copy/sink.js';
import { printError, onEndSignal } from '../../output/exit.js';

interface RecvttyOptions {
  mode: 'single' | 'null';
  pidFile?: string;
  stdin: boolean;
}

export function command(): Command {
  return new Command()
    .argument('<socket>', 'the socket to listen on')
    .addOption(
      new Option(
        '-m, --mode <mode>',
        'single: copy one console to stdout; null: read any number of consoles and drop their output',
      )
        .choices(['single', 'null'])
        .default('single'),
    )
    .option('--pid-file <file>', 'write the pid of this command to this file')
    .option('--no-stdin', 'do not copy stdin to the console (in single mode)')
    .addHelpText('after', example)
    .action(recvtty);
}

const example = `
Example:
  $ termshim recvtty /tmp/console.sock &
  $ runc run --detach --console-socket /tmp/console.sock my-container
`;

async function recvtty(path: string, options: RecvttyOptions): Promise<void> {
  if (options.pidFile !== undefined) await writePidFile(options.pidFile, `${process.pid}\n`);
  const ending = new AbortController();
  const removeHandlers = onEndSignal(() => ending.abort());
  const socket = ConsoleSocket.listen(path);
  try {
    if (options.mode === 'single') await receiveOne(socket, options.stdin, ending.signal);
    else await receiveAll(socket, ending.signal);
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    socket.close();
    removeHandlers();
  }
}

/** The socket is closed as soon as the console is here, so that another instance can listen at the same path. */
async function receiveOne(socket: ConsoleSocket, wantsStdin: boolean, signal: AbortSignal): Promise<void> {
  const console = await socket.receive({ timeoutMs: 0, signal });
  socket.close();
  console.clearOnlcr();
  const copying = copyConsole({
    console,
    stdin: wantsStdin ? openHostStream(0) : undefined,
    stdout: plainSink(openHostStream(1)),
    stdinEnd: 'ignore',
  });
  signal.addEventListener('abort', () => copying.shutdown());
  await copying.done;
}

async function receiveAll(socket: ConsoleSocket, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      discard(await socket.receive({ timeoutMs: 0, signal }), signal);
    } catch (error) {
      signal.throwIfAborted();
      printError(error);
    }
  }
}

function discard(console: Console, signal: AbortSignal): void {
  const copying = copyConsole({
    console,
    stdout: plainSink(OwnedFd.open('/dev/null', constants.O_WRONLY, '/dev/null')),
    stdinEnd: 'ignore',
  });
  const shutdown = (): void => copying.shutdown();
  signal.addEventListener('abort', shutdown);
  copying.done.catch(printError).finally(() => signal.removeEventListener('abort', shutdown));
}
