/** Drops output that has lost its reader. */
import { constants } from 'node:fs';
import { addon } from '../../native/addon.js';
import { check } from '../../errors/errors.js';
import type { FifoReader } from '../../os/fifo.js';
import { OwnedFd } from '../../os/owned-fd.js';
import { copyStream } from '../../stdio/copy/copy-stream.js';

/** Reads and drops the output until it ends. Takes over the FIFO. */
export function dropOutput(from: FifoReader): Disposable {
  const flags = constants.O_WRONLY | constants.O_NONBLOCK;
  const nowhere = new OwnedFd(check(addon.fd_open('/dev/null', flags, 0), 'open', 'open /dev/null'), '/dev/null');
  const close = (): void => {
    copying.close();
    from.close();
    nowhere.close();
  };
  const copying = copyStream({ source: from.fd, sink: nowhere.fd, onEnd: close });
  return { [Symbol.dispose]: close };
}
