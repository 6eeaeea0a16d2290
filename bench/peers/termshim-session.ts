/** The product's sessions: nobody reads stdout, and one client is attached, by a FIFO for each direction. */
import { constants } from 'node:fs';
import { Console } from '../../src/os/console.js';
import { FifoReader } from '../../src/os/fifo.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { copyConsole } from '../../src/stdio/copy/copy-console.js';
import { plainSink } from '../../src/stdio/copy/sink.js';
import { serve } from './serve.js';

const { O_RDWR, O_WRONLY, O_NONBLOCK } = constants;

serve(async ({ master, stdinPath, stdoutPath }) => {
  const stdin = FifoReader.open(stdinPath);
  stdin.hold();
  const copy = copyConsole({
    console: Console.adopt(master),
    stdout: plainSink(OwnedFd.open('/dev/null', O_WRONLY, '/dev/null')),
    stdinEnd: 'ignore',
    endsOnHangup: true,
    drainTimeoutMs: 10_000,
  });
  const input = copy.addInput({ fd: stdin.fd, onTyped() {}, onEnd() {} });
  const left = new Promise<void>((resolve) => {
    copy.broadcast.follow({
      sink: OwnedFd.open(stdoutPath, O_RDWR | O_NONBLOCK, 'the stdout FIFO of the client'),
      firstBytes: { bytes: new Uint8Array() },
      replayBytes: 0,
      onSkipped: () => ({ bytes: new Uint8Array() }),
      onEnd: () => resolve(),
    });
  });
  await Promise.all([copy.done, left]);
  input.close();
  stdin.close();
});
