/** Finds a container or a process by its id or the beginning of its id. */
import { TermshimError } from '../errors/errors.js';
import type { Session } from '../ttrpc/gen/termshim/sessions.js';
import { printable } from './output/format.js';

/** Throws ERR_PROCESS_NOT_FOUND, ERR_ID_AMBIGUOUS. */
export function findContainer(sessions: readonly Session[], id: string): string {
  return find(
    id,
    sessions.map((it) => it.id),
    'container',
  );
}

/** A process that was started by `exec`. Throws as `findContainer` does. */
export function findExec(sessions: readonly Session[], id: string, execId: string): string {
  const execs = sessions.filter((it) => it.id === id && it.execId !== '');
  return find(
    execId,
    execs.map((it) => it.execId),
    `process in ${id}`,
  );
}

/** A complete id counts even if others begin with it. An empty text finds nothing: `"$ID"` may be an unset variable. */
function find(text: string, ids: readonly string[], what: string): string {
  if (ids.includes(text)) return text;
  const known = [...new Set(ids)].toSorted();
  const meant = text === '' ? [] : known.filter((it) => it.startsWith(text));
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only;
  const name = text === '' ? 'the empty id' : printable(text);
  if (only !== undefined) {
    throw new TermshimError(
      'ERR_ID_AMBIGUOUS',
      `more than one ${what} has an id that begins with ${name}: ${listed(meant)}`,
    );
  }
  const others = known.length === 0 ? 'there is none' : `there are: ${listed(known)}`;
  throw new TermshimError('ERR_PROCESS_NOT_FOUND', `no such ${what}: ${name}; ${others}`);
}

/** About so many fit on a line of a terminal. */
const maxListed = 8;

function listed(ids: readonly string[]): string {
  const more = ids.length - maxListed;
  return `${ids.slice(0, maxListed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
