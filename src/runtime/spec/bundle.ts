/** An OCI bundle: a directory with a config.json. */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { TermshimError } from '../../errors/errors.js';
import { JsonBoundError, parseJson, readSmallFile } from '../../os/file/json.js';
import { locateJsonError } from './json-error.js';
import { type OciProcess, type OciSpec, processSchema, specSchema } from './oci-spec.js';
import { errnoOf, fileError, ifPresent } from '../../errors/file-error.js';

/** An OCI bundle that was read. */
export interface Bundle {
  /** The absolute path of the directory. */
  path: string;
  spec: OciSpec;
}

/**
 * Reads a bundle and checks the fields that termshim uses. Fails with ERR_BUNDLE_INVALID, with the path and the reason.
 */
export async function readBundle(directory: string): Promise<Bundle> {
  const path = resolve(directory);
  assertDirectory(path);
  return { path, spec: readJson(join(path, 'config.json'), specSchema) };
}

/** Reads a file with one OCI process, as for `exec --process`. Throws ERR_BUNDLE_INVALID. */
export async function readProcess(path: string): Promise<OciProcess> {
  return readJson(resolve(path), processSchema);
}

/** Throws ERR_BUNDLE_INVALID unless `process.terminal` of the bundle is `wanted`. */
export function assertTerminal(bundle: Bundle, wanted: boolean): void {
  const has = bundle.spec.process.terminal ?? false;
  if (has === wanted) return;
  const reason = wanted
    ? 'process.terminal is not true, but a terminal was requested'
    : 'process.terminal is true, but no terminal was requested';
  throw invalid(`${join(bundle.path, 'config.json')}: ${reason}`);
}

function assertDirectory(path: string): void {
  const stats = ifPresent(`read the bundle ${path}`, () => statSync(path));
  if (stats === undefined) throw invalid(`${path}: the bundle does not exist`);
  if (!stats.isDirectory()) throw invalid(`${path}: the bundle is not a directory`);
}

function readJson<T extends v.GenericSchema>(path: string, schema: T): v.InferOutput<T> {
  const text = readText(path);
  let content: unknown;
  try {
    content = parseJson(text);
  } catch (error) {
    if (error instanceof JsonBoundError) throw invalid(`${path}: ${error.message}`);
    const { line, column, reason } = locateJsonError(text, error);
    throw invalid(`${path}:${line}:${column}: not JSON: ${reason}`);
  }
  const result = v.safeParse(schema, content, { abortEarly: true });
  if (result.success) return result.output;
  throw invalid(`${path}: ${describe(result.issues[0])}`);
}

/** Synchronous: five round trips to the thread pool would take longer than the read of a few kilobytes. */
function readText(path: string): string {
  try {
    return readSmallFile(path);
  } catch (error) {
    if (error instanceof JsonBoundError) throw invalid(`${path}: ${error.message}`);
    if (errnoOf(error) === 'ENOENT') throw invalid(`${path}: the file does not exist`);
    throw fileError(error, `read ${path}`);
  }
}

const kinds: Readonly<Record<string, string>> = {
  Array: 'an array',
  Object: 'an object',
  boolean: 'true or false',
  number: 'a number',
  string: 'a string',
};

function describe(issue: v.BaseIssue<unknown>): string {
  const field = v.getDotPath(issue) ?? 'the content';
  if (issue.received === 'undefined') return `${field} is missing`;
  const kind = kinds[issue.expected ?? ''];
  return issue.kind === 'schema' && kind !== undefined ? `${field} must be ${kind}` : `${field} ${issue.message}`;
}

function invalid(message: string): TermshimError {
  return new TermshimError('ERR_BUNDLE_INVALID', message);
}
