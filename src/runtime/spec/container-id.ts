/** The names that a container may have. */
import { TermshimError } from '../../errors/errors.js';

/** A runtime keeps its state in a directory named by the id, and a file name has at most 255 bytes. */
const maxLength = 255;

/**
 * Returns the id if every runtime takes it: letters, digits and `_ + - .`, but not `.` or `..`. Throws ERR_ID_INVALID.
 */
export function parseId(id: string): string {
  if (id === '') throw invalid('a container id must not be empty');
  if (id.length > maxLength)
    throw invalid(`a container id has at most ${maxLength} characters, but this one has ${id.length}`);
  if (!/^[A-Za-z0-9_+.-]+$/.test(id)) {
    throw invalid(`the container id ${JSON.stringify(id)} has characters other than letters, digits and _ + - .`);
  }
  if (id === '.' || id === '..') throw invalid(`a container id must not be "${id}"`);
  return id;
}

function invalid(message: string): TermshimError {
  return new TermshimError('ERR_ID_INVALID', message);
}
