/**
 * The log that an annotation in config.json asks for. The author of annotations may be untrusted: the author of a pod,
 * if containerd is configured with `pod_annotations`. So a variable of containerd's environment limits the value.
 */
import { normalize } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import type { OciSpec } from '../../runtime/spec/oci-spec.js';
import { logAnnotation } from '../../sessions/containers.js';
import { parseStdioUri } from './stdio-uri.js';

/**
 * The logs that an annotation may name. `any`: every log, and log drivers, which run as the daemon's user. An absolute
 * directory: files below it, and no log driver. Unset: none. The daemon inherits the variable from containerd, so a
 * container cannot change it.
 */
const variable = 'TERMSHIM_LOG_ANNOTATION';

/**
 * The URI; undefined if there is no such annotation. Throws ERR_ANNOTATION_REFUSED, and ERR_STDIO_INVALID for a bad
 * URI.
 *
 * @param isTrusted whether this daemon belongs to the user who wrote config.json, whose hooks run as that user too
 */
export function annotatedLog({ annotations }: Pick<OciSpec, 'annotations'>, isTrusted: boolean): string | undefined {
  const text = annotations?.[logAnnotation];
  if (text === undefined || text === '' || isTrusted) return text;
  const allowed = process.env[variable] ?? '';
  if (allowed === 'any') return text;
  const uri = parseStdioUri(text);
  if (allowed === '') throw refused(text, `${variable} is not set, so no annotation may name a log`);
  if (!allowed.startsWith('/')) throw refused(text, `${variable} is neither an absolute directory nor the word any`);
  if (uri?.scheme.startsWith('binary'))
    throw refused(text, `${variable} allows only files below ${allowed}, and no log driver`);
  const path = uri?.path ?? '';
  if (normalize(path) === path && path.startsWith(`${allowed.replace(/\/+$/, '')}/`)) return text;
  throw refused(text, `${variable} allows only files below ${allowed}`);
}

function refused(text: string, reason: string): TermshimError {
  const message = `the annotation ${logAnnotation} is ${JSON.stringify(text)}, but ${reason}`;
  return new TermshimError('ERR_ANNOTATION_REFUSED', message);
}
