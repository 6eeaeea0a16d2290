/**
 * Writes what a command prints to a log as Docker's json-file driver does, rotated at 10 MB, and prints the log back:
 *
 *     node examples/write-log.mjs FILE COMMAND [ARGUMENT...]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openLog, readLog } from 'termshim/log';

const [path, command, ...args] = process.argv.slice(2);
if (path === undefined || command === undefined) throw new Error('usage: write-log.mjs FILE COMMAND [ARGUMENT...]');

/** @type {Set<import('node:stream').Readable>} */
const waiting = new Set();
const resume = () => {
  for (const source of waiting) source.resume();
  waiting.clear();
};
const log = await openLog({ path, maxBytes: 10_000_000, maxFiles: 3, compress: true }, { onRoom: resume });
// The command comes last: Node drops what it prints before there is a listener.
const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
  const source = child[stream];
  source.on('data', (bytes) => {
    if (log.write(stream, bytes)) return;
    // A slow disk makes the command wait.
    waiting.add(source.pause());
  });
}
await once(child, 'close');
await log.close();

for await (const entries of readLog(path)) {
  for (const { time, stream, bytes } of entries) process.stdout.write(`${time} ${stream}: ${bytes.toString()}`);
}
