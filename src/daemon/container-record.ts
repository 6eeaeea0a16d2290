/**
 * The record in the bundle says how to end the container, so that `delete` can do it without a daemon. The daemon
 * writes it before it creates anything of the container, and removes it when nothing of that is left. If there is no
 * record, the launcher (native/launcher/delete.c) answers `delete` by itself.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parseJson, readSmallFile } from '../os/file/json.js';
import { errnoOf, fileError } from '../errors/file-error.js';
import { isPid } from '../os/process/pid.js';
import { replaceFile } from '../os/file/atomic-file.js';

const schema = v.object({
  /** The name by which the OCI runtime was found. */
  name: v.optional(v.string()),
  /** The program and its leading arguments. */
  runtime: v.pipe(v.array(v.string()), v.nonEmpty()),
  /** The runtime's `--root`, which ends with containerd's namespace. */
  root: v.string(),
  systemdCgroup: v.boolean(),
  /** Whether the daemon has mounted something at the bundle's rootfs. */
  mounted: v.boolean(),
  /** The directories of the container's control group, once it exists. */
  cgroup: v.optional(v.array(v.string())),
});

export type ContainerRecord = v.InferOutput<typeof schema>;

/** Writes the file atomically: a daemon that is killed meanwhile leaves no partial record. */
export function writeContainerRecord(bundle: string, record: ContainerRecord): void {
  replaceFile(pathIn(bundle), JSON.stringify(record));
}

/** Never throws: if the record stays, `delete` only takes longer. */
export function removeContainerRecord(bundle: string): void {
  try {
    rmSync(pathIn(bundle), { force: true });
  } catch {
    // The record stays.
  }
}

/** Undefined if there is no record: no daemon of termshim has created the container, or one has deleted it. */
export function readContainerRecord(bundle: string): ContainerRecord | undefined {
  try {
    return v.parse(schema, parseJson(readSmallFile(pathIn(bundle))));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError(error, `read ${pathIn(bundle)}`);
  }
}

/** The pid of the init, from the file that the runtime wrote to the bundle; 0 if there is no valid one. */
export function readInitPid(bundle: string): number {
  try {
    const pid = Number(readSmallFile(join(bundle, 'init.pid')));
    return isPid(pid) ? pid : 0;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw fileError(error, `read ${join(bundle, 'init.pid')}`);
  }
}

function pathIn(bundle: string): string {
  return join(bundle, 'termshim.json');
}
