/** Reads the error text of a runtime. No other file does. */
import { parseJson } from '../os/file/json.js';

const maxCharacters = 500;

/**
 * The last error of a runtime, on one line: from its JSON log, or its stderr if the log has none. Empty if it reported
 * none.
 *
 * runc begins its message with `runc create failed: `, which the caller says too; it is left out here.
 */
export function lastErrorWords(log: string, stderr: string): string {
  const words = lastLogged(log) ?? stderr;
  const line = words
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replace(/^(?:runc )?(?:create|run|exec|restore) failed: /, '');
  return line.length > maxCharacters ? `${line.slice(0, maxCharacters)}...` : line;
}

function lastLogged(log: string): string | undefined {
  let last: string | undefined;
  for (const entry of objectsIn(log)) last = errorOf(entry) ?? last;
  return last;
}

function errorOf({ level, msg }: { level?: unknown; msg?: unknown }): string | undefined {
  const isError = level === 'error' || level === 'fatal' || level === 'panic';
  return isError && typeof msg === 'string' && msg !== '' ? msg : undefined;
}

/** How many pieces of text that are not JSON are skipped. */
const maxFaults = 32;

/**
 * Yields the objects of a text that is a stream of JSON values, each on any number of lines. Other text is skipped, to
 * the end of its line: the runtime may have died while it wrote, and a program that it started may have written there
 * too.
 */
function* objectsIn(text: string): Generator<object> {
  let faults = 0;
  let at = text.indexOf('{');
  while (at >= 0 && faults < maxFaults) {
    const end = endOfObject(text, at);
    const value = end === undefined ? undefined : parseObject(text.slice(at, end));
    if (value === undefined) faults++;
    else yield value;
    const next = value === undefined ? text.indexOf('\n', at) : end;
    at = next === undefined || next < 0 ? -1 : text.indexOf('{', next);
  }
}

/** A brace, or a whole string, since a brace in a string opens or closes nothing. No string has a newline. */
const tokens = /[{}]|"(?:[^"\\\n]|\\.)*"/g;

/** The offset after the object that begins at `from`; undefined if the object does not end. */
function endOfObject(text: string, from: number): number | undefined {
  let depth = 0;
  tokens.lastIndex = from;
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    if (token[0] === '{') depth++;
    else if (token[0] === '}') depth--;
    if (depth === 0) return tokens.lastIndex;
  }
  return undefined;
}

function parseObject(text: string): object | undefined {
  try {
    return parseJson(text) as object;
  } catch {
    return undefined;
  }
}
