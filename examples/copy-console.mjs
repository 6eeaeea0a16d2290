/**
 * Copies the console of any OCI runtime between two FIFOs, as `termshim copy` does:
 *
 *     mkfifo in out
 *     node examples/copy-console.mjs console.sock in out &
 *     cat out & exec 3>in
 *     runc run --detach --console-socket console.sock ID
 *     echo hello >&3
 *
 * Prints what was copied when the process has hung up.
 */
import { ConsoleSocket, copyConsole, FifoReader, fifoSink, FifoWriter } from 'termshim';

const [socketPath, stdinPath, stdoutPath] = process.argv.slice(2);
if (socketPath === undefined || stdinPath === undefined || stdoutPath === undefined) {
  throw new Error('usage: copy-console.mjs SOCKET STDIN STDOUT');
}

const socket = ConsoleSocket.listen(socketPath);
const stdin = FifoReader.open(stdinPath);
try {
  // Whoever types may leave, and others may come.
  stdin.hold();
  const console = await socket.receive({ timeoutMs: 60_000 });
  const stdout = fifoSink(await FifoWriter.open(stdoutPath));
  const copy = copyConsole({ console, stdin, stdout, stdinEnd: 'ignore' });
  process.on('SIGTERM', () => copy.shutdown());
  process.stdout.write(`${JSON.stringify(await copy.done)}\n`);
} finally {
  stdin.close();
  socket.close();
}
