/** Where and why a text is not JSON. */

export interface JsonError {
  line: number;
  column: number;
  reason: string;
}

/** Locates the first error of a text that JSON.parse refuses with `error`. Lines and columns count from 1. */
export function locateJsonError(text: string, error: unknown): JsonError {
  if (text.length > maxLocated) return { line: 1, column: 1, reason: reasonOf(error) };
  const before = text.slice(0, firstErrorOffset(text)).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1, reason: reasonOf(error) };
}

/** In a longer text the error is not searched for. */
const maxLocated = 256 * 1024;

/**
 * The offset of the character that does not fit: the length of the longest beginning that could still become JSON. V8
 * names the offset for some errors only, so it is searched for.
 */
function firstErrorOffset(text: string): number {
  let viable = 0;
  let broken = text.length + 1;
  while (broken - viable > 1) {
    const middle = (viable + broken) >>> 1;
    if (couldBecomeJson(text.slice(0, middle))) viable = middle;
    else broken = middle;
  }
  return viable;
}

function couldBecomeJson(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const message = String(error);
    const offset = /at position (\d+)/.exec(message)?.[1];
    return /end of JSON|Unterminated/.test(message) || Number(offset ?? -1) >= beginning.length;
  }
}

/** V8's message without the offset and without the piece of the text that some versions add. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/(?: in JSON)?(?: at position .*)?(?:, (?:\.\.\.)?".*)?$/s, '');
}
