/** The product: its own console, FIFO and copy modules. */
import { constants } from 'node:fs';
import { Console } from '../../src/os/console.js';
import { FifoReader } from '../../src/os/fifo.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { copyConsole } from '../../src/stdio/copy/copy-console.js';
import { plainSink } from '../../src/stdio/copy/sink.js';
import { serve } from './serve.js';

const { O_RDWR, O_NONBLOCK } = constants;

serve(async ({ master, stdinPath, stdoutPath }) => {
  const stdin = FifoReader.open(stdinPath);
  stdin.hold();
  await copyConsole({
    console: Console.adopt(master),
    stdin,
    /* Not a FifoWriter: it waits for a reader, and here opening is no part of what is measured. */
    stdout: plainSink(OwnedFd.open(stdoutPath, O_RDWR | O_NONBLOCK, 'the stdout FIFO')),
    stdinEnd: 'ignore',
    endsOnHangup: true,
    drainTimeoutMs: 10_000,
  }).done;
});
