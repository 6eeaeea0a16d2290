/** Where `--log` has the output of a container kept. */
import { lstatSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { isOurs } from '../../os/file/trusted-directory.js';

/**
 * A URI as it is; the name of a format stands for a file of that format. It is named by the container and this moment: it
 * outlives the container, and the next of that name has another.
 */
export function logUri(text: string | undefined, id: string): string {
  if (text !== 'json-file' && text !== 'cri') return text ?? '';
  const moment = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  return `${text}://${join(stateDirectory(), `${id}-${moment}.log`).split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * $XDG_STATE_HOME/termshim, as the XDG base directory specification has it; for root it is in /var/lib. A variable that came
 * along with `su` names a place of somebody else, and counts as none.
 */
function stateDirectory(): string {
  const { XDG_STATE_HOME: home } = process.env;
  if (home?.startsWith('/') && isOwnDirectory(home)) return join(home, 'termshim');
  return process.getuid?.() === 0 ? '/var/lib/termshim' : join(homedir(), '.local/state/termshim');
}

/** By what is there of it. */
function isOwnDirectory(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined ? isOwnDirectory(dirname(path)) : isOurs(found);
}
