/** Options of the commands that attach a terminal. What their parsers refuse is a usage error. */
import { InvalidArgumentError, Option } from 'commander';
import { defaultDetachKeys, parseDetachKeys } from '../attach/detach-keys.js';

export function detachKeysOption(): Option {
  return new Option('--detach-keys <keys>', 'what to type to leave, while it goes on')
    .argParser(parseKeys)
    .default(parseKeys(defaultDetachKeys), defaultDetachKeys);
}

/** As docs/sessions.md has it; a client's number counts from 1. */
export function parseSizePolicy(text: string): string {
  if (/^(latest|smallest|largest|[1-9]\d{0,8}|[1-9]\d{0,4}x[1-9]\d{0,4})$/.test(text)) return text;
  throw new InvalidArgumentError('It is latest, smallest, largest, the number of a client, or a size such as 80x24.');
}

function parseKeys(text: string): Uint8Array {
  const keys = parseDetachKeys(text);
  if (keys !== undefined) return keys;
  throw new InvalidArgumentError(
    'Keys are a list such as ctrl-p,ctrl-q: ctrl- and one of a-z @ [ \\ ] ^ _, or one character.',
  );
}
