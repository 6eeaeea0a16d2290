/** Options of the commands that attach a terminal. A value that their parsers refuse is a usage error. */
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { WantedRecording } from '../../client/wanted-process.js';
import { defaultDetachKeys, parseDetachKeys } from '../../terminal/detach-keys.js';

export function detachKeysOption(): Option {
  return new Option('--detach-keys <keys>', 'the key sequence for detaching')
    .argParser(parseKeys)
    .default(parseKeys(defaultDetachKeys), defaultDetachKeys);
}

/** docs/sessions.md describes the policies. The numbers of clients count from 1. */
export function parseSizePolicy(text: string): string {
  if (/^(latest|smallest|largest|[1-9]\d{0,8}|[1-9]\d{0,4}x[1-9]\d{0,4})$/.test(text)) return text;
  throw new InvalidArgumentError(
    'A size policy is latest, smallest, largest, the number of a client, or a size such as 80x24.',
  );
}

export interface RecordOptions {
  record?: string;
  recordInput?: true;
}

export function recordOption(): Option {
  return new Option('--record <file>', 'record the terminal to a new file, for `asciinema play`; needs -t').argParser(
    absolute,
  );
}

export function recordInputOption(): Option {
  return new Option('--record-input', 'record the input too, including passwords');
}

/** Undefined if nothing is to be recorded. A recording that is not possible is a usage error. */
export function readRecordOptions(
  { record: path, recordInput }: RecordOptions,
  { terminal }: { terminal: boolean },
  self: Command,
): WantedRecording | undefined {
  const input = recordInput === true;
  if (path !== undefined && !terminal) self.error('error: --record needs -t: only a terminal can be recorded');
  if (path === undefined && input) self.error('error: --record-input needs --record');
  return path === undefined ? undefined : { path, input };
}

/** The daemon has another working directory than the command. */
export function absolute(path: string): string {
  return resolve(path);
}

function parseKeys(text: string): Uint8Array {
  const keys = parseDetachKeys(text);
  if (keys !== undefined) return keys;
  throw new InvalidArgumentError(
    'A key sequence is a list such as ctrl-p,ctrl-q: ctrl- and one of a-z @ [ \\ ] ^ _, or one character.',
  );
}
