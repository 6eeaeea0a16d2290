/**
 * Reads JSON and small files from other programs, with limits, because the thread that reads them serves all clients.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** The limit of a ttrpc message. */
export const maxJsonBytes = 4 * 1024 * 1024;
/** V8 parses any depth, but a recursive walk through the values could overflow the stack. */
export const maxJsonDepth = 200;

/** As `JSON.parse`. Throws a JsonBoundError if the text is too long or nested too deep. */
export function parseJson(text: string): unknown {
  if (text.length > maxJsonBytes) throw new JsonBoundError(`it is longer than ${maxJsonBytes} bytes`);
  if (depthOf(text) > maxJsonDepth) throw new JsonBoundError(`it is nested more than ${maxJsonDepth} deep`);
  return JSON.parse(text);
}

/** The greatest depth of a JSON text. */
function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  for (const [token] of text.matchAll(/[[{}\]]|"(?:[^"\\]|\\.)*"?/gs)) {
    if (token === '{' || token === '[') most = Math.max(most, ++depth);
    else if (token === '}' || token === ']') depth--;
  }
  return most;
}

/**
 * Reads a regular file as text. Throws what node:fs throws, and a JsonBoundError if the file is longer than
 * `maxJsonBytes`, or is a FIFO, a socket or a device, whose read could block.
 */
export function readSmallFile(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() && !stats.isDirectory()) throw new JsonBoundError('it is not a regular file');
    if (stats.size > maxJsonBytes) throw new JsonBoundError(`it is longer than ${maxJsonBytes} bytes`);
    const bytes = Buffer.alloc(stats.size + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < bytes.length; length += got)
      got = readSync(fd, bytes, length, bytes.length - length, null);
    return bytes.toString('utf8', 0, Math.min(length, stats.size));
  } finally {
    closeSync(fd);
  }
}

/** The text or file is not read; the message says why. */
export class JsonBoundError extends Error {}
