/**
 * The parts of the OCI runtime specification that termshim reads, as schemas. Everything else in a config.json passes
 * through unchecked: it is the runtime's business.
 *
 * A runtime written in Go takes `null` for a field that is absent, so `null` is taken here too.
 */
import * as v from 'valibot';

const count = v.pipe(v.number(), v.safeInteger('must be an integer'), v.minValue(0, 'must not be negative'));
const text = v.pipe(v.string(), v.nonEmpty('must not be empty'));
const absolutePath = v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'));

export const processSchema = v.looseObject({
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

export const specSchema = v.looseObject({
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

export type OciProcess = v.InferOutput<typeof processSchema>;
export type OciSpec = v.InferOutput<typeof specSchema>;

/** Whether the container's pids are in a namespace of its own, so that the kernel ends all of them with its init. */
export function hasOwnPids({ linux }: OciSpec): boolean {
  const namespace = linux?.namespaces?.find(({ type }) => type === 'pid');
  return namespace !== undefined && !namespace.path;
}
