/**
 * The log that a container's config.json asks for. Whoever may set annotations need not be trusted with this host: a pod's
 * author, for one, where containerd passes `pod_annotations` on. So containerd's environment says what they may name.
 */
import { normalize } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import type { OciSpec } from '../../runtime/spec/oci-spec.js';
import { logAnnotation } from '../../sessions/containers.js';
import { parseStdioUri } from './stdio-uri.js';

/**
 * `any`: every log, drivers too, which run as we do. An absolute directory: files below it, and no driver. Unset: none. A
 * container cannot reach it, since it is a variable of whoever has started us.
 */
const variable = 'TERMSHIM_LOG_ANNOTATION';

/**
 * The URI; undefined if there is no such annotation. Throws ERR_ANNOTATION_REFUSED, and ERR_STDIO_INVALID for what is no URI.
 *
 * @param isTrusted whether config.json is of the user whose daemon this is, who may run hooks by it too
 */
export function annotatedLog({ annotations }: Pick<OciSpec, 'annotations'>, isTrusted: boolean): string | undefined {
  const text = annotations?.[logAnnotation];
  if (text === undefined || text === '' || isTrusted) return text;
  const allowed = process.env[variable] ?? '';
  if (allowed === 'any') return text;
  const uri = parseStdioUri(text);
  if (allowed === '') throw refused(text, `logs by annotation are off: ${variable} is not set`);
  if (!allowed.startsWith('/')) throw refused(text, `${variable} is neither a directory nor any`);
  if (uri?.scheme.startsWith('binary')) throw refused(text, `${variable} allows files below ${allowed}, and no driver`);
  const path = uri?.path ?? '';
  if (normalize(path) === path && path.startsWith(`${allowed.replace(/\/+$/, '')}/`)) return text;
  throw refused(text, `${variable} allows files below ${allowed} alone`);
}

function refused(text: string, reason: string): TermshimError {
  const message = `the annotation ${logAnnotation} is ${JSON.stringify(text)}, but ${reason}`;
  return new TermshimError('ERR_ANNOTATION_REFUSED', message);
}
