/** The log target that the option `--log` names. */
import { lstatSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { isOurs } from '../../os/file/open-directory.js';

/**
 * Returns a URI unchanged. The name of a format becomes the URI of a log file of that format. The file's name contains
 * the container's id and the time, because the file outlives the container and the next container of that name gets
 * another.
 */
export function logUri(text: string | undefined, id: string): string {
  if (text !== 'json-file' && text !== 'cri') return text ?? '';
  const moment = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  return `${text}://${join(stateDirectory(), `${id}-${moment}.log`).split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * $XDG_STATE_HOME/termshim, by the XDG base directory specification; for root it is in /var/lib. After `su`, the
 * variable may name a directory of another user. Then it is ignored.
 */
function stateDirectory(): string {
  const { XDG_STATE_HOME: home } = process.env;
  if (home?.startsWith('/') && isOwnDirectory(home)) return join(home, 'termshim');
  return process.getuid?.() === 0 ? '/var/lib/termshim' : join(homedir(), '.local/state/termshim');
}

/** Whether the directory belongs to this user or root. If it is missing, the nearest existing one above it counts. */
function isOwnDirectory(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined ? isOwnDirectory(dirname(path)) : isOurs(found);
}
