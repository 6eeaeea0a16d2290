/** Escapes text from an untrusted source, so that it can be printed on the user's terminal. */

/**
 * Escapes the characters that could move the cursor, break the line or change the direction of the text: control
 * characters of ASCII and Latin-1, line and paragraph separators, Unicode's format characters, lone surrogates.
 * Idempotent.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => short.get(character) ?? codesOf(character),
  );
}

/** As `printable`, for the output of JSON.stringify, which has escaped other control characters and lone surrogates. */
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

/** Cuts a text that is longer than `maxLength` UTF-16 units, and ends it with an ellipsis within that length. */
export function shorten(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, Math.max(0, maxLength - 1))}…`;
}
