/**
 * The keys that leave a session, in Docker's words: a list such as `ctrl-p,ctrl-q` or `ctrl-],x`.
 */

export const defaultDetachKeys = 'ctrl-p,ctrl-q';

/**
 * The bytes that a terminal sends for the keys. A key is `ctrl-` and one of `a` to `z` and `@ [ \ ] ^ _`, or `DEL`, or a
 * single character of ASCII; a comma alone cannot be one. Undefined for what is no such list.
 */
export function parseDetachKeys(text: string): Uint8Array | undefined {
  const bytes = text.split(',').map(byteOf);
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : undefined;
}

function byteOf(key: string): number | undefined {
  if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
  if (key === 'DEL') return 0x7f;
  // The control key takes the upper three bits away.
  const letter = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
  return letter === undefined ? undefined : letter.toUpperCase().charCodeAt(0) & 0x1f;
}

export interface DetachMatcher {
  /** What is typed next. A beginning of the keys is held back until it is no beginning any more. */
  feed(typed: Uint8Array): DetachMatch;
  /** What is held back: it is delivered when nothing more will be typed. */
  readonly held: Uint8Array;
}

export interface DetachMatch {
  /** What the session is to get, in order. */
  deliver: Uint8Array;
  /** All of the keys were typed; what came after them is lost. */
  isComplete: boolean;
}

/** Finds the keys in what is typed, however it is cut into pieces (Knuth, Morris and Pratt). */
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

/** For each number of matched keys, how many are still matched if the next one does not fit, but a later start does. */
function fallbacksOf(keys: Uint8Array): number[] {
  const fallbacks = [0, 0];
  for (let length = 2; length <= keys.length; length++) {
    let shorter = fallbacks[length - 1] ?? 0;
    while (shorter > 0 && keys[shorter] !== keys[length - 1]) shorter = fallbacks[shorter] ?? 0;
    fallbacks[length] = keys[shorter] === keys[length - 1] ? shorter + 1 : 0;
  }
  return fallbacks;
}
