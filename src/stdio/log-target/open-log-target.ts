/** Opens what keeps the output of a process. */
import { openLog } from '../../log/write/log.js';
import { openPlainLog } from '../../log/write/plain-file.js';
import { openDriverOutlet } from './driver-target.js';
import { openGivenFile } from './plain-file-target.js';
import { openLogOutlet } from './log-file-target.js';
import type { RecordTarget } from './output-target.js';
import type { Outlet, OutletOptions } from './log-target.js';

/**
 * Settles when it can take the first byte.
 *
 * @param isGiven whether it is for nobody but a process that gets the ends as they are
 */
export function openOutlet(target: RecordTarget, isGiven: boolean, options: OutletOptions): Promise<Outlet> {
  switch (target.kind) {
    case 'driver':
      return openDriverOutlet(target, options);
    case 'log':
      return openLogOutlet((events) => openLog(target.options, events), options);
    case 'file':
      // Our own copy waits for no disk.
      return isGiven ? openGivenFile(target) : openLogOutlet((events) => openPlainLog(target.path, events), options);
  }
}
