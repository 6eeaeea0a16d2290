/** Text that others wrote, for a terminal that is not theirs. */

/**
 * Whatever could move the cursor, make a line of two, or turn the order of what is read is shown as its code: control
 * characters of ASCII and of Latin-1, separators of lines, what Unicode calls formats, halves of characters. Idempotent.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => short.get(character) ?? codesOf(character),
  );
}

/** JSON, in which control characters of ASCII are codes already: what else could do harm is too. */
export function printableJson(json: string): string {
  return json.replaceAll(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, codesOf);
}

function codesOf(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

const short: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\u001b', '\\e'],
]);

/** With an ellipsis if it had to be cut. */
export function shorten(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, Math.max(0, maxLength - 1))}…`;
}
