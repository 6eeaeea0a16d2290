/**
 * The keys that detach from a session, in Docker's notation: a list such as `ctrl-p,ctrl-q` or `ctrl-],x`.
 */

export const defaultDetachKeys = 'ctrl-p,ctrl-q';

/**
 * The bytes that a terminal sends for the keys. A key is `ctrl-` and one of `a` to `z` and `@ [ \ ] ^ _`, or `DEL`, or
 * a single character of ASCII other than a comma. Undefined if `text` is not such a list.
 */
export function parseDetachKeys(text: string): Uint8Array | undefined {
  const bytes = text.split(',').map(byteOf);
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : undefined;
}

function byteOf(key: string): number | undefined {
  if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
  if (key === 'DEL') return 0x7f;
  // The control key clears the upper three bits.
  const letter = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
  return letter === undefined ? undefined : letter.toUpperCase().charCodeAt(0) & 0x1f;
}

export interface DetachMatcher {
  /** Takes the next input. Bytes that may be the beginning of the keys are held back until that is decided. */
  feed(typed: Uint8Array): DetachMatch;
  /** The bytes that are held back. Deliver them when the input has ended. */
  readonly held: Uint8Array;
}

export interface DetachMatch {
  /** The bytes for the session, in order. */
  deliver: Uint8Array;
  /** Whether all of the keys were typed; bytes after them are dropped. */
  isComplete: boolean;
}

/** Finds the keys in the input, however it is split into pieces (Knuth, Morris and Pratt). */
export function createDetachMatcher(keys: Uint8Array): DetachMatcher {
  const fallbacks = fallbacksOf(keys);
  let matched = 0;
  return {
    get held() {
      return keys.slice(0, matched);
    },
    feed(typed) {
      const deliver: number[] = [];
      for (const byte of typed) {
        while (matched > 0 && keys[matched] !== byte) {
          const shorter = fallbacks[matched] ?? 0;
          deliver.push(...keys.subarray(0, matched - shorter));
          matched = shorter;
        }
        if (keys[matched] === byte) matched++;
        else deliver.push(byte);
        if (matched === keys.length) return { deliver: Uint8Array.from(deliver), isComplete: true };
      }
      return { deliver: Uint8Array.from(deliver), isComplete: false };
    },
  };
}

/** For each number of matched keys, how many still match, with a later start, if the next byte does not match. */
function fallbacksOf(keys: Uint8Array): number[] {
  const fallbacks = [0, 0];
  for (let length = 2; length <= keys.length; length++) {
    let shorter = fallbacks[length - 1] ?? 0;
    while (shorter > 0 && keys[shorter] !== keys[length - 1]) shorter = fallbacks[shorter] ?? 0;
    fallbacks[length] = keys[shorter] === keys[length - 1] ? shorter + 1 : 0;
  }
  return fallbacks;
}
