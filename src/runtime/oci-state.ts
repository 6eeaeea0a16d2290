/** The answer of an OCI runtime's `state` command. */
import { parseJson } from '../os/file/json.js';
import { isPid } from '../os/process/pid.js';

/** The status of a container, as its runtime reports it. */
export type OciStatus = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/** The answer of the command `state`. */
export interface OciState {
  ociVersion: string;
  id: string;
  status: OciStatus;
  /** 0 when the container has stopped. */
  pid: number;
  bundle: string;
  annotations: Record<string, string>;
}

const statuses: readonly string[] = ['creating', 'created', 'running', 'paused', 'stopped'] satisfies OciStatus[];

/** Reads the JSON of `state`. Undefined if it is not what the OCI specification says. */
export function parseState(text: string): OciState | undefined {
  let answer: Partial<Record<keyof OciState, unknown>>;
  try {
    answer = parseJson(text) as Partial<Record<keyof OciState, unknown>>;
  } catch {
    return undefined;
  }
  const { ociVersion, id, status, pid = 0, bundle, annotations } = answer ?? {};
  if (typeof ociVersion !== 'string' || typeof id !== 'string' || typeof bundle !== 'string') return undefined;
  if (typeof status !== 'string' || !statuses.includes(status)) return undefined;
  if (pid !== 0 && !isPid(pid)) return undefined;
  return {
    ociVersion,
    id,
    status: status as OciStatus,
    pid,
    bundle,
    annotations: (annotations ?? {}) as Record<string, string>,
  };
}
