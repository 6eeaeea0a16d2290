/** What containerd's three stdio paths mean. */
import { TermshimError } from '../os/errors.js';
import { stdinEndPolicies } from '../stdio/console-input.js';
import { noReaderPolicies } from '../stdio/sink.js';
import type { ProcessStdio } from '../task/process-io.js';

/** As in the requests Create and Exec. An empty path means: none. */
export interface StdioRequest {
  terminal: boolean;
  stdin: string;
  stdout: string;
  stderr: string;
}

/** Throws ERR_STDIO_UNSUPPORTED for anything but FIFOs, ERR_FIFO_INVALID for a broken URI. A terminal has no stderr. */
export function readStdio(request: StdioRequest, owner?: { uid: number; gid: number }): ProcessStdio {
  const stdin = readUri(request.stdin);
  const stdout = readUri(request.stdout);
  const common = {
    stdin: stdin?.path,
    holdStdin: setting(stdin, 'hold', ['yes', 'no']) === 'yes',
    stdout: stdout?.path,
    noReader: setting(stdout, 'no-reader', noReaderPolicies),
  };
  if (!request.terminal) return { kind: 'pipes', ...common, stderr: readUri(request.stderr)?.path, owner };
  return { kind: 'terminal', ...common, stdinEnd: setting(stdin, 'end', stdinEndPolicies), size: undefined };
}

/** As the process was asked for. */
export function stdioFields(stdio: ProcessStdio): StdioRequest {
  const { kind } = stdio;
  if (kind === 'inherited') return { terminal: false, stdin: '', stdout: '', stderr: '' };
  const stderr = kind === 'pipes' ? stdio.stderr : undefined;
  return { terminal: kind === 'terminal', stdin: stdio.stdin ?? '', stdout: stdio.stdout ?? '', stderr: stderr ?? '' };
}

interface FifoUri {
  text: string;
  path: string;
  settings: URLSearchParams;
}

/** A path, or a URI with the scheme `fifo`, which may have settings: `fifo:///run/in?hold=no&end=veof`. */
function readUri(text: string): FifoUri | undefined {
  if (text === '') return undefined;
  const [, scheme, path = '', query] = /^([a-z][a-z0-9+.-]*):\/\/([^?]*)(?:\?(.*))?$/.exec(text) ?? [];
  if (scheme === undefined) return { text, path: text, settings: new URLSearchParams() };
  if (scheme === 'fifo') return { text, path: decodePath(path, text), settings: new URLSearchParams(query) };
  throw unsupported(text, `by ${scheme}://`);
}

/** The first choice is what containerd means. */
function setting<T extends string>(uri: FifoUri | undefined, name: string, choices: readonly [T, ...T[]]): T {
  const value = uri?.settings.get(name) ?? choices[0];
  const choice = choices.find((it) => it === value);
  if (choice !== undefined) return choice;
  throw unsupported(uri?.text ?? '', `with ${name}=${value}`);
}

function unsupported(text: string, how: string): TermshimError {
  return new TermshimError('ERR_STDIO_UNSUPPORTED', `stdio ${how} is not supported: ${text}`);
}

function decodePath(path: string, uri: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new TermshimError('ERR_FIFO_INVALID', `${uri} is no URI of a FIFO`);
  }
}
