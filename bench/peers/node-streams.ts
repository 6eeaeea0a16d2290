/** What Node has built in: tty.ReadStream for the console, net.Socket for the FIFOs, and pipe(). */
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { ReadStream } from 'node:tty';
import { serve } from './serve.js';

const openFifo = (path: string): number => openSync(path, constants.O_RDWR | constants.O_NONBLOCK);

serve(
  ({ master, stdinPath, stdoutPath }) =>
    new Promise((resolve) => {
      const console = new ReadStream(master);
      const stdin = new Socket({ fd: openFifo(stdinPath), readable: true, writable: false });
      const stdout = new Socket({ fd: openFifo(stdoutPath), readable: false, writable: true });
      stdin.pipe(console);
      console.pipe(stdout);
      /* EIO is how the console ends when libuv does not take the hang-up for an end of file. */
      console.on('error', () => undefined);
      console.once('close', () => {
        stdin.destroy();
        stdout.end(() => stdout.destroy());
      });
      stdout.once('close', () => resolve());
    }),
);
