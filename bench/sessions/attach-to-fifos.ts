/**
 * What `termshim attach` does, without a daemon: joins its terminal to the FIFOs of a process, `argv` being that of stdin and
 * that of stdout. `make bench` bundles it as the commands are.
 */
import { attach } from '../../src/terminal/attach.js';
import { parseDetachKeys } from '../../src/terminal/detach-keys.js';
import { FifoReader, FifoWriter } from '../../src/os/fifo.js';

const [, , stdin = '', stdout = ''] = process.argv;

void main();

async function main(): Promise<void> {
  const from = FifoReader.open(stdout);
  const sink = await FifoWriter.open(stdin, { timeoutMs: 1000 });
  const input = { sink, detachKeys: parseDetachKeys('ctrl-p,ctrl-q'), atEnd: 'type-eof' } as const;
  await attach({ input, isRaw: true, outputs: [{ from, to: 1 }] }).done;
}
