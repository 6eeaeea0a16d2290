/**
 * The record that the user's daemon writes into the directory of each container. If the daemon is killed, the next one
 * reads the record and ends the container. A daemon of containerd writes another record (container-record.ts), which
 * `delete` reads.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { replaceFile } from '../../os/file/atomic-file.js';
import { ifPresent } from '../../errors/file-error.js';
import { parseJson, readSmallFile } from '../../os/file/json.js';

const schema = v.object({
  id: v.string(),
  bundle: v.string(),
  /** The name by which the OCI runtime was found. */
  name: v.optional(v.string()),
  /** The program and its leading arguments. */
  runtime: v.pipe(v.array(v.string()), v.nonEmpty()),
  /** The directories of the container's control group, once it exists. */
  cgroup: v.optional(v.array(v.string())),
});

export type UserDaemonRecord = v.InferOutput<typeof schema>;

/** Writes the file atomically. It is removed with the directory. */
export function writeUserDaemonRecord(directory: string, record: UserDaemonRecord): void {
  replaceFile(pathIn(directory), JSON.stringify(record));
}

/** Undefined if there is no record. */
export function readUserDaemonRecord(directory: string): UserDaemonRecord | undefined {
  const path = pathIn(directory);
  return ifPresent(`read ${path}`, () => v.parse(schema, parseJson(readSmallFile(path))));
}

function pathIn(directory: string): string {
  return join(directory, 'record.json');
}
