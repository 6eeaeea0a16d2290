/**
 * The record in the bundle says that there is something to undo, and how, so that `delete` can do it with no daemon. The
 * daemon writes it before it makes anything of a container, and removes it when all of that is gone. Where there is none,
 * the launcher (native/launcher/delete.c) answers `delete` by itself.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parseJson, readSmallFile } from '../os/file/json.js';
import { errnoOf, fileError } from '../errors/file-error.js';
import { isPid } from '../os/process/pid.js';
import { replaceFile } from '../os/file/atomic-file.js';

const schema = v.object({
  /** What the OCI runtime was found by. */
  name: v.optional(v.string()),
  /** The program and its leading arguments. */
  runtime: v.pipe(v.array(v.string()), v.nonEmpty()),
  /** Its `--root`, whole. */
  root: v.string(),
  systemdCgroup: v.boolean(),
  /** Whether the daemon has mounted something at the bundle's rootfs. */
  mounted: v.boolean(),
  /** The directories of its cgroup, once it is there. */
  cgroup: v.optional(v.array(v.string())),
});

export type ContainerRecord = v.InferOutput<typeof schema>;

/** Whole or not at all: a daemon that is killed here leaves no half of it. */
export function writeContainerRecord(bundle: string, record: ContainerRecord): void {
  replaceFile(pathIn(bundle), JSON.stringify(record));
}

/** Does not throw: a record that stays costs `delete` some time, and nothing else. */
export function removeContainerRecord(bundle: string): void {
  try {
    rmSync(pathIn(bundle), { force: true });
  } catch {
    // As said.
  }
}

/** Undefined if no daemon of ours has created the container, or one has deleted it. */
export function readContainerRecord(bundle: string): ContainerRecord | undefined {
  try {
    return v.parse(schema, parseJson(readSmallFile(pathIn(bundle))));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError(error, `read ${pathIn(bundle)}`);
  }
}

/** The pid of the container's first process, as the runtime wrote it to the bundle; 0 if it never did. */
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
