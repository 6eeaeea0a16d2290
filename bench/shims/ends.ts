/** The FIFOs of one process, and a client's ends of them. */
import { constants } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../src/native/addon.js';
import { createFifo } from '../../src/os/fifo.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { type Reader, readFrom } from '../../test/helpers/copy/reader.js';

export interface Ends {
  /** Paths, for the shim. */
  readonly stdin: string;
  readonly stdout: string;
  readonly output: Reader;
  type(text: string): void;
  /** Idempotent. */
  close(): void;
}

/** Both are open before the shim looks, so that it waits for nobody. stdin is open for reading too, which never waits. */
export function makeEnds(directory: string, name: string): Ends {
  const [stdin, stdout] = [join(directory, `${name}.in`), join(directory, `${name}.out`)];
  for (const path of [stdin, stdout]) createFifo(path);
  const sink = OwnedFd.open(stdin, constants.O_RDWR | constants.O_NONBLOCK, stdin);
  const source = OwnedFd.open(stdout, constants.O_RDONLY | constants.O_NONBLOCK, stdout);
  const output = readFrom(source.fd);
  return {
    stdin,
    stdout,
    output,
    type: (text) => void addon.fd_write(sink.fd, Buffer.from(text)),
    close() {
      output.close();
      for (const end of [sink, source]) end.close();
    },
  };
}
