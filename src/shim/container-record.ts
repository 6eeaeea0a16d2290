/**
 * What the daemon writes into the bundle when it creates a container, so that `delete` can undo it with no daemon.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { errnoOf, fileError } from '../os/file-error.js';

const schema = v.object({
  /** The OCI runtime: the program and its leading arguments. */
  runtime: v.pipe(v.array(v.string()), v.nonEmpty()),
  /** Its `--root`, whole. */
  root: v.string(),
  systemdCgroup: v.boolean(),
  /** Whether the daemon has mounted something at the bundle's rootfs. */
  mounted: v.boolean(),
});

export type ContainerRecord = v.InferOutput<typeof schema>;

/** Whole or not at all: a daemon that is killed here leaves no half of it. */
export function writeContainerRecord(bundle: string, record: ContainerRecord): void {
  const temporary = join(bundle, '.termshim.json');
  try {
    writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
    renameSync(temporary, pathIn(bundle));
  } catch (error) {
    throw fileError(error, `write ${pathIn(bundle)}`);
  }
}

/** Undefined if the container was never created by a daemon of ours. */
export function readContainerRecord(bundle: string): ContainerRecord | undefined {
  try {
    return v.parse(schema, JSON.parse(readFileSync(pathIn(bundle), 'utf8')));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError(error, `read ${pathIn(bundle)}`);
  }
}

/** The pid of the container's first process, as the runtime wrote it to the bundle; 0 if it never did. */
export function readInitPid(bundle: string): number {
  try {
    const pid = Number(readFileSync(join(bundle, 'init.pid'), 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : 0;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw fileError(error, `read ${join(bundle, 'init.pid')}`);
  }
}

function pathIn(bundle: string): string {
  return join(bundle, 'termshim.json');
}
