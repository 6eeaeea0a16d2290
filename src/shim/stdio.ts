/** What containerd's three stdio paths mean. */
import { TermshimError } from '../os/errors.js';
import type { ProcessStdio } from '../task/process-io.js';

/** As in the requests Create and Exec. An empty path means: none. */
export interface StdioRequest {
  terminal: boolean;
  stdin: string;
  stdout: string;
  stderr: string;
}

/** Throws ERR_STDIO_UNSUPPORTED for anything but FIFOs. A terminal has no stderr. */
export function readStdio(request: StdioRequest, owner?: { uid: number; gid: number }): ProcessStdio {
  const stdin = fifoPath(request.stdin);
  const stdout = fifoPath(request.stdout);
  const common = { stdin, holdStdin: true, stdout, noReader: 'block' } as const;
  if (request.terminal) return { kind: 'terminal', ...common, stdinEnd: 'hangup', size: undefined };
  return { kind: 'pipes', ...common, stderr: fifoPath(request.stderr), owner };
}

/** As the process was asked for. */
export function stdioFields(stdio: ProcessStdio): StdioRequest {
  const { kind } = stdio;
  if (kind === 'inherited') return { terminal: false, stdin: '', stdout: '', stderr: '' };
  const stderr = kind === 'pipes' ? stdio.stderr : undefined;
  return { terminal: kind === 'terminal', stdin: stdio.stdin ?? '', stdout: stdio.stdout ?? '', stderr: stderr ?? '' };
}

/** A path, or a URI with the scheme `fifo`. */
function fifoPath(text: string): string | undefined {
  if (text === '') return undefined;
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//.exec(text)?.[1];
  if (scheme === undefined) return text;
  if (scheme === 'fifo') return decodeURIComponent(text.slice('fifo://'.length));
  throw new TermshimError('ERR_STDIO_UNSUPPORTED', `stdio by ${scheme}:// is not supported: ${text}`);
}
