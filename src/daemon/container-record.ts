/**
 * The record in the bundle says how to end the container, so that `delete` can do it without a daemon. The daemon
 * writes it before it creates anything of the container, and removes it when nothing of that is left. If there is no
 * record, the launcher (native/launcher/delete.c) answers `delete` by itself.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { isPid } from '../os/process/pid.js';
import { replaceFile } from '../os/file/atomic-file.js';
import { ifPresent } from '../errors/file-error.js';
import { parseJson, readSmallFile } from '../os/file/json.js';

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
  const path = pathIn(bundle);
  return ifPresent(`read ${path}`, () => v.parse(schema, parseJson(readSmallFile(path))));
}

/** The pid of the init, from the file that the runtime wrote to the bundle; 0 if there is no valid one. */
export function readInitPid(bundle: string): number {
  const path = join(bundle, 'init.pid');
  const pid = ifPresent(`read ${path}`, () => Number(readSmallFile(path))) ?? 0;
  return isPid(pid) ? pid : 0;
}

function pathIn(bundle: string): string {
  return join(bundle, 'termshim.json');
}
