/** The only place that reads a runtime's error text. */

const maxCharacters = 500;

/**
 * What a runtime said last, on one line: the last error in its JSON log, or its stderr when the log has none. Empty if
 * it said nothing.
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
  const errors = log.split('\n').flatMap(errorOfLine);
  return errors.at(-1);
}

function errorOfLine(line: string): string[] {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    // The runtime may have died in the middle of a line.
    return [];
  }
  if (typeof entry !== 'object' || entry === null) return [];
  const { level, msg } = entry as { level?: unknown; msg?: unknown };
  const isError = level === 'error' || level === 'fatal' || level === 'panic';
  return isError && typeof msg === 'string' && msg !== '' ? [msg] : [];
}
