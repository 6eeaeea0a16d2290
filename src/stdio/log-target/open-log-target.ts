/** Opens the log target of a process. */
import { openLog } from '../../log/write/log.js';
import { openPlainLog } from '../../log/write/plain-file.js';
import { openDriverTarget } from './driver-target.js';
import { openPlainFileTarget } from './plain-file-target.js';
import { openLogFileTarget } from './log-file-target.js';
import type { LogTarget } from './output-target.js';
import type { OpenLogTarget, LogTargetOptions } from './log-target.js';

/**
 * Opens a log target. Settles when it can take the first byte.
 *
 * @param isInherited whether a process inherits the ends and nothing else writes to them
 */
export function openLogTarget(
  target: LogTarget,
  isInherited: boolean,
  options: LogTargetOptions,
): Promise<OpenLogTarget> {
  switch (target.kind) {
    case 'driver':
      return openDriverTarget(target, options);
    case 'log':
      return openLogFileTarget((events) => openLog(target.options, events), options);
    case 'file':
      // A copy in this process must not wait for a disk.
      return isInherited
        ? openPlainFileTarget(target)
        : openLogFileTarget((events) => openPlainLog(target.path, events), options);
  }
}
