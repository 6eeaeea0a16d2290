/**
 * What the daemon of a user writes into the directory of each of its containers, for the case that it is killed: the next
 * one ends what is left. For containerd's there is another record, and a `delete`.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { parseJson, readSmallFile } from '../../os/file/json.js';
import { errnoOf, fileError } from '../../errors/file-error.js';
import { replaceFile } from '../../os/file/atomic-file.js';

const schema = v.object({
  id: v.string(),
  bundle: v.string(),
  /** What the OCI runtime was found by. */
  name: v.optional(v.string()),
  /** The program and its leading arguments. */
  runtime: v.pipe(v.array(v.string()), v.nonEmpty()),
  /** The directories of its cgroup, once it is there. */
  cgroup: v.optional(v.array(v.string())),
});

export type UserDaemonRecord = v.InferOutput<typeof schema>;

/** Whole or not at all. It goes with the directory. */
export function writeUserDaemonRecord(directory: string, record: UserDaemonRecord): void {
  replaceFile(pathIn(directory), JSON.stringify(record));
}

/** Undefined where there is none. */
export function readUserDaemonRecord(directory: string): UserDaemonRecord | undefined {
  try {
    return v.parse(schema, parseJson(readSmallFile(pathIn(directory))));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError(error, `read ${pathIn(directory)}`);
  }
}

function pathIn(directory: string): string {
  return join(directory, 'record.json');
}
