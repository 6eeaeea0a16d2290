/** Output that nobody reads any more. */
import { constants } from 'node:fs';
import { addon } from '../../native/addon.js';
import { check } from '../../errors/errors.js';
import type { FifoReader } from '../../os/fifo.js';
import { OwnedFd } from '../../os/owned-fd.js';
import { copyStream } from '../../stdio/copy/copy-stream.js';

/** Reads it and drops it, until it ends. Takes the FIFO over. */
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
