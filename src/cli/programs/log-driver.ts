/**
 * termshim-log-driver: the log driver of a `binary://` URI. A shim starts it with the container's stdout at descriptor
 * 3, its stderr at 4, and at 5 a pipe by which the driver reports that it is ready. Its options are arguments, in pairs
 * of a name and a value, which containerd's shim passes in random order.
 *
 * containerd's shim never closes its ends of the pipes, but ends the driver with SIGTERM when the container has ended.
 * The pipes then contain the rest of the output.
 */
import { fstatSync, writeSync } from 'node:fs';
import { addon } from '../../native/addon.js';
import { copyToLog, type LogCopy } from '../../log/write/copy-to-log.js';
import { openLog } from '../../log/write/log.js';
import { readLogOptions } from '../../log/options.js';
import { errorLine } from '../../errors/error-line.js';
import { TermshimError, check } from '../../errors/errors.js';
import { beginProgram } from '../../os/process/node-program.js';

const help = `Usage: termshim-log-driver log-path FILE [NAME VALUE]...

Writes the output of a container to a log, in Docker's json-file format or in
the CRI format. A shim starts this program for a binary:// URI. It passes the
container's stdout as descriptor 3, its stderr as 4, and as 5 a pipe that the
program closes when the log is open.

Options, in any order:
  log-path FILE    the absolute path of the log; its directory is created
  max-size SIZE    the size at which the log is full and a new file begins:
                   10m is 10,000,000 bytes; -1: no limit (default: -1)
  max-file COUNT   the number of files; FILE.1 is the newest full file
                   (default: 1)
  compress BOOL    true: compress full files (default: false)
  format FORMAT    json-file, or cri, which kubelet reads (default: json-file)

SIGHUP makes the program open the log file again. SIGTERM makes it write the
remaining output and end.

Examples:
  $ DRIVER=binary:///usr/local/bin/termshim-log-driver
  $ ctr run -d --log-uri "$DRIVER?log-path=/var/log/c1.log&max-size=10m" \\
      docker.io/library/busybox:latest c1 top
  $ nerdctl run -d --log-driver "$DRIVER?log-path=/var/log/c1.log" busybox top
`;

beginProgram();
main().catch((error: unknown) => {
  complain(error);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  if (words[0] === '--help' || words[0] === '-h') return void writeSync(1, help);
  const options = readLogOptions(pairsOf(words), 'json-file');
  const [stdout, stderr, ready] = [take(3, 'stdout'), take(4, 'stderr'), take(5, 'the readiness')];
  const copies: LogCopy[] = [];
  const onRoom = (): void => copies.forEach((copy) => copy.resume());
  const log = await openLog(options, { onRoom, onError: complain });
  copies.push(
    copyToLog({ source: stdout, stream: 'stdout', log }),
    copyToLog({ source: stderr, stream: 'stderr', log }),
  );
  process.on('SIGTERM', () => copies.forEach((copy) => copy.drain()));
  process.on('SIGHUP', () => void log.reopen().catch(complain));
  sayReady(ready);
  try {
    await Promise.all(copies.map(({ done }) => done));
  } finally {
    await log.close();
  }
}

function pairsOf(words: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < words.length; at += 2) {
    const [name = '', value] = words.slice(at, at + 2);
    if (value === undefined)
      throw new TermshimError('ERR_LOG_OPTION', `the log option ${JSON.stringify(name)} has no value`);
    pairs.push([name, value]);
  }
  return pairs;
}

/** An inherited descriptor, made non-blocking. */
function take(fd: number, purpose: string): number {
  if (!isInherited(fd)) {
    const reason = `descriptor ${fd} is not open: a shim must start this program and pass ${purpose} there; see --help`;
    throw new TermshimError('ERR_LOG_FAILED', reason);
  }
  check(addon.fd_adopt(fd), 'fcntl', `take descriptor ${fd}`);
  check(addon.fd_set_nonblocking(fd, true), 'fcntl', `make descriptor ${fd} non-blocking`);
  return fd;
}

/** A descriptor that was not inherited may be one of Node's own, which is an anonymous file. */
function isInherited(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isFIFO() || stats.isSocket() || stats.isFile() || stats.isCharacterDevice();
  } catch {
    return false;
  }
}

/**
 * `binary` waits for a byte or the end. `binary-v2` waits for a byte: a driver that has died is not taken for ready.
 */
function sayReady(fd: number): void {
  addon.fd_write(fd, new Uint8Array(1));
  addon.fd_close(fd);
}

function complain(error: unknown): void {
  try {
    writeSync(2, errorLine(error));
  } catch {
    // The shim may have closed its end.
  }
}
