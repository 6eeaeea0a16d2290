/** Reads the stdin, stdout and stderr of the requests Create and Exec. */
import { type LogSettings, readLogOptions } from '../../log/options.js';
import type { TermshimError } from '../../errors/errors.js';
import { stdinEndPolicies } from '../../stdio/copy/console-input.js';
import { onDeathPolicies, type OutputTarget, type LogTarget } from '../../stdio/log-target/output-target.js';
import { noReaderPolicies } from '../../stdio/copy/sink.js';
import type { ProcessStdio } from '../../task/io/process-io.js';
import { invalidStdio, parseStdioUri, type Setting, type StdioUri } from './stdio-uri.js';

/** As in the requests Create and Exec. An empty path means: none. */
export interface StdioRequest {
  terminal: boolean;
  stdin: string;
  stdout: string;
  stderr: string;
}

/** The process that the stdio belongs to. */
export interface StdioContext {
  namespace: string;
  /** The id of the container, or of the exec. */
  id: string;
  owner: { uid: number; gid: number } | undefined;
}

/**
 * Throws ERR_STDIO_INVALID, and ERR_LOG_OPTION for a setting of a log. With a terminal, stderr is ignored.
 *
 * @param logUri a log target that gets all output in addition to the targets of the request; empty for none
 */
export function readStdio(request: StdioRequest, context: StdioContext, logUri = ''): ProcessStdio {
  const { stdin, stdout } = request;
  const source = parseStdioUri(stdin);
  if (source !== undefined && source.scheme !== 'fifo') throw invalidStdio(stdin, 'stdin must be a FIFO or empty');
  const { hold, end } = readSettings(source, { hold: ['yes', 'no'], end: stdinEndPolicies });
  const output = parseStdioUri(stdout);
  const log = logTargetOf(logUri, context);
  const policies = log === undefined ? noReaderPolicies : (['skip', ...noReaderPolicies] as const);
  const { 'no-reader': noReader } = readSettings(ifFifo(output), { 'no-reader': policies });
  const common = { stdin: source?.path, holdStdin: hold === 'yes', noReader };
  const target = log !== undefined && stdout === logUri ? log : output && targetOf(output, context);
  if (request.terminal) {
    return { kind: 'terminal', ...common, ...orLog({ stdout: target }, log), stdinEnd: end };
  }
  const targets = { stdout: target, stderr: stderrOf(request, target, context) };
  return { kind: 'pipes', ...common, ...orLog(targets, log), owner: context.owner };
}

/** Output without another target goes to the log. If any stream has another target, the log gets a copy of both. */
function orLog<T extends Record<string, OutputTarget | undefined>>(
  targets: T,
  log: LogTarget | undefined,
): { [stream in keyof T]: OutputTarget | undefined } & { log: LogTarget | undefined } {
  const filled = Object.entries(targets).map(([stream, target]) => [stream, target ?? log] as const);
  const isBeside = filled.some(([, target]) => target !== log);
  return { ...(Object.fromEntries(filled) as T), log: isBeside ? log : undefined };
}

function logTargetOf(text: string, context: StdioContext): LogTarget | undefined {
  const uri = parseStdioUri(text);
  const target = uri && targetOf(uri, context);
  if (target?.kind === 'fifo') throw invalidStdio(text, 'a FIFO cannot be a log');
  return target;
}

/** A file or a log driver gets both streams, as in containerd. A log gets both unless stderr has another target. */
function stderrOf(
  { stdout: other, stderr: text }: StdioRequest,
  stdout: OutputTarget | undefined,
  context: StdioContext,
): OutputTarget | undefined {
  const isForBoth = stdout !== undefined && stdout.kind !== 'fifo';
  if (isForBoth && (stdout.kind !== 'log' || text === '' || text === other)) return stdout;
  const uri = parseStdioUri(text);
  // The setting `no-reader` of stdout is for both streams.
  readSettings(ifFifo(uri), {});
  return uri && targetOf(uri, context);
}

function targetOf(uri: StdioUri, context: StdioContext): OutputTarget {
  const { scheme, path } = uri;
  switch (scheme) {
    case 'fifo':
      return { kind: 'fifo', path };
    case 'file':
      readSettings(uri, {});
      return { kind: 'file', path };
    case 'json-file':
    case 'cri':
      return { kind: 'log', options: logOptions(uri, scheme) };
    case 'binary':
    case 'binary-v2':
      return driverOf(uri, context);
  }
}

function logOptions({ text, path, settings }: StdioUri, format: 'json-file' | 'cri'): LogSettings {
  const said = settings.find(([name]) => name === 'log-path' || name === 'format');
  if (said !== undefined)
    throw invalidStdio(text, `the setting ${said[0]} is not allowed: the scheme and the path set it`);
  return readLogOptions([['log-path', path], ...settings], format);
}

/** The driver gets the query as arguments, in pairs, as from containerd's shim, but in the order written. */
function driverOf(uri: StdioUri, { namespace, id }: StdioContext): LogTarget {
  const { 'on-exit': onDeath } = readSettings(uri, { 'on-exit': onDeathPolicies }, uri.fragment);
  return {
    kind: 'driver',
    program: uri.path,
    args: uri.settings.flat(),
    env: { CONTAINER_ID: id, CONTAINER_NAMESPACE: namespace },
    readySign: uri.scheme === 'binary-v2' ? 'byte' : 'close',
    onDeath,
  };
}

function ifFifo(uri: StdioUri | undefined): StdioUri | undefined {
  return uri?.scheme === 'fifo' ? uri : undefined;
}

type Choices = Readonly<Record<string, readonly [string, ...string[]]>>;
type Chosen<C extends Choices> = { [name in keyof C]: C[name][number] };

/** The first choice of each setting is the default: it is what containerd's shim does. */
function readSettings<const C extends Choices>(
  uri: StdioUri | undefined,
  choices: C,
  settings: readonly Setting[] = uri?.settings ?? [],
): Chosen<C> {
  const refuse = (reason: string): TermshimError => invalidStdio(uri?.text ?? '', reason);
  const chosen = Object.fromEntries(Object.entries(choices).map(([name, [first]]) => [name, first]));
  const given = new Set<string>();
  for (const [name, value] of settings) {
    const allowed = Object.hasOwn(choices, name) ? choices[name] : undefined;
    if (allowed === undefined) throw refuse(`unknown setting ${name}`);
    if (!allowed.includes(value)) throw refuse(`${name} must be one of ${allowed.join(', ')}`);
    if (given.has(name)) throw refuse(`${name} is set twice`);
    given.add(name);
    chosen[name] = value;
  }
  return chosen as Chosen<C>;
}
