/** Parses a stream of containerd's requests: a path, or a URI such as `binary:///bin/logger?key=value`. */
import { TermshimError } from '../../errors/errors.js';

export interface StdioUri {
  /** The text of the request. */
  text: string;
  scheme: StdioScheme;
  /** Absolute. */
  path: string;
  /** The settings in the query, in the order written. A name may occur more than once. */
  settings: readonly Setting[];
  /** The settings in the fragment. Only the URI of a log driver may have one, because its query is for the driver. */
  fragment: readonly Setting[];
}

export type StdioScheme = (typeof schemes)[number];

export type Setting = readonly [name: string, value: string];

const schemes = ['fifo', 'file', 'binary', 'binary-v2', 'json-file', 'cri'] as const;

/**
 * A text without a scheme is the path of a FIFO, without escapes. Undefined if it is empty. Throws ERR_STDIO_INVALID.
 */
export function parseStdioUri(text: string): StdioUri | undefined {
  if (text === '') return undefined;
  const [, name, path = '', query = '', fragment = ''] =
    /^([a-z][a-z0-9+.-]*):\/\/([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is.exec(text) ?? [];
  if (name === undefined) return checked({ text, scheme: 'fifo', path: text, settings: [], fragment: [] });
  const scheme = schemes.find((it) => it === name.toLowerCase());
  if (scheme === undefined) throw invalidStdio(text, `unknown scheme ${name}; the schemes are ${schemes.join(', ')}`);
  try {
    const settings = parseSettings(query);
    return checked({ text, scheme, path: decodeURIComponent(path), settings, fragment: parseSettings(fragment) });
  } catch (error) {
    throw error instanceof URIError ? invalidStdio(text, 'it has a broken escape (%XX)') : error;
  }
}

/** The error for a text that cannot be used. `reason` says what is wrong with it. */
export function invalidStdio(text: string, reason: string): TermshimError {
  return new TermshimError('ERR_STDIO_INVALID', `${JSON.stringify(text)} is not valid as stdio: ${reason}`);
}

function checked(uri: StdioUri): StdioUri {
  if (!uri.path.startsWith('/')) throw invalidStdio(uri.text, 'its path is not absolute');
  if (uri.fragment.length > 0 && !uri.scheme.startsWith('binary'))
    throw invalidStdio(uri.text, 'it must not have a fragment');
  const parts = [uri.path, ...uri.settings.flat(), ...uri.fragment.flat()];
  if (parts.some((part) => part.includes('\0'))) throw invalidStdio(uri.text, 'it contains a zero byte');
  return uri;
}

/** Parses a query as Go's net/url does, but keeps the order, and throws a URIError for a broken escape. */
function parseSettings(text: string): Setting[] {
  const decode = (part: string): string => decodeURIComponent(part.replaceAll('+', ' '));
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s, 2);
      return [decode(name), decode(value)];
    });
}
