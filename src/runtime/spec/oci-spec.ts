/**
 * The parts of the OCI runtime specification that termshim reads, as schemas. Everything else in a config.json passes
 * through unchecked: the runtime checks it.
 *
 * A runtime written in Go takes `null` for a field that is absent, so `null` is taken here too.
 */
import * as v from 'valibot';

/** The object `process` of a config.json, or the file of `exec --process`. Fields that termshim does not read are kept. */
export interface OciProcess {
  terminal?: boolean | null | undefined;
  /** In character cells. */
  consoleSize?: { height: number; width: number } | null | undefined;
  user?: OciUser | null | undefined;
  args: string[];
  /** Each as `NAME=value`. */
  env?: string[] | null | undefined;
  /** Absolute, in the container. */
  cwd: string;
  rlimits?: { type: string; soft: number; hard: number }[] | null | undefined;
  [field: string]: unknown;
}

/** The user that a process runs as; 0 for what is absent. */
export interface OciUser {
  uid?: number | null | undefined;
  gid?: number | null | undefined;
  additionalGids?: number[] | null | undefined;
}

/** A config.json, as the OCI runtime specification has it. Fields that termshim does not read are kept. */
export interface OciSpec {
  ociVersion: string;
  process: OciProcess;
  /** The root filesystem: a path, relative to the bundle. */
  root?: { path: string; readonly?: boolean | null | undefined } | null | undefined;
  hostname?: string | null | undefined;
  annotations?: Record<string, string> | null | undefined;
  linux?: OciLinux | null | undefined;
  [field: string]: unknown;
}

/** The object `linux` of a config.json. */
export interface OciLinux {
  namespaces?: { type: string; path?: string | null | undefined }[] | null | undefined;
  cgroupsPath?: string | null | undefined;
  [field: string]: unknown;
}

const count = v.pipe(v.number(), v.safeInteger('must be an integer'), v.minValue(0, 'must not be negative'));
const text = v.pipe(v.string(), v.nonEmpty('must not be empty'));
const absolutePath = v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'));

export const processSchema: v.GenericSchema<unknown, OciProcess> = v.looseObject({
  terminal: v.nullish(v.boolean()),
  consoleSize: v.nullish(v.looseObject({ height: count, width: count })),
  user: v.nullish(
    v.looseObject({ uid: v.nullish(count), gid: v.nullish(count), additionalGids: v.nullish(v.array(count)) }),
  ),
  args: v.pipe(v.array(v.string()), v.nonEmpty('must not be empty')),
  env: v.nullish(v.array(v.string())),
  cwd: absolutePath,
  rlimits: v.nullish(v.array(v.looseObject({ type: text, soft: v.number(), hard: v.number() }))),
});

export const specSchema: v.GenericSchema<unknown, OciSpec> = v.looseObject({
  ociVersion: text,
  process: processSchema,
  root: v.nullish(v.looseObject({ path: text, readonly: v.nullish(v.boolean()) })),
  hostname: v.nullish(v.string()),
  annotations: v.nullish(v.record(v.string(), v.string())),
  linux: v.nullish(
    v.looseObject({
      namespaces: v.nullish(v.array(v.looseObject({ type: text, path: v.nullish(v.string()) }))),
      cgroupsPath: v.nullish(v.string()),
    }),
  ),
});

/** Whether the container's pids are in a namespace of its own, so that the kernel ends all of them with its init. */
export function hasOwnPids({ linux }: OciSpec): boolean {
  const namespace = linux?.namespaces?.find(({ type }) => type === 'pid');
  return namespace !== undefined && !namespace.path;
}
