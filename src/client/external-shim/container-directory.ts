/**
 * The directories of the containers of external shims. A shim has no call that lists its containers, so there is a
 * directory for each container. It is also the shim's bundle. `exec/` in it has a directory for each exec.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { TermshimError } from '../../errors/errors.js';
import { createPrivateDirectory } from '../../os/file/private-directory.js';
import { replaceFile } from '../../os/file/atomic-file.js';
import { runtimeDirectory } from '../../os/file/runtime-directory.js';
import { type ProcessIds } from '../connection.js';
import { errnoOf, fileError, ifPresent } from '../../errors/file-error.js';
import { parseJson, readSmallFile } from '../../os/file/json.js';

const schema = v.object({
  /** The path of the shim's program. */
  shim: v.string(),
  /** The path of the shim's socket; undefined until the shim has answered `start`. */
  socket: v.optional(v.string()),
  /** The full name of its Task service, which contains the version. */
  service: v.optional(v.string()),
  /** The pid of the shim; 0 if the shim did not report it. */
  pid: v.optional(v.number()),
  /** Whether the shim has died or hangs, and its `delete` has ended the container. */
  isCleanedUp: v.optional(v.boolean()),
});

export type ContainerRecord = v.InferOutput<typeof schema>;

export function shimsDirectory(): string {
  return join(runtimeDirectory(), 'shims');
}

export function directoryOf({ id, execId }: ProcessIds): string {
  const bundle = join(shimsDirectory(), id);
  return execId === '' ? bundle : join(bundle, 'exec', execId);
}

/**
 * The socket to which a container's shim sends events. Its name has a fixed length: the path must be short (unix(7)).
 */
export function eventsSocket(id: string): string {
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 12);
  return join(runtimeDirectory(), `events-${hash}.sock`);
}

/** Makes the directory with the configuration, and returns its path. Throws ERR_ID_IN_USE. */
export function makeBundle(id: string, config: string, record: ContainerRecord): string {
  const bundle = directoryOf({ id, execId: '' });
  const draft = createPrivateDirectory('bundle');
  try {
    write(join(draft.path, 'config.json'), config);
    // containerd has a FIFO here, and reads it. No command runs all the time, so this is a file, which keeps the lines.
    write(join(draft.path, 'log'), '');
    write(join(draft.path, recordName), JSON.stringify(record));
    take(draft.path, bundle, `another shim already has a container ${id}`);
  } finally {
    // This does nothing if the directory was renamed.
    draft.remove();
  }
  return bundle;
}

/**
 * The rename takes the id together with all of its files, so a command that is killed leaves no incomplete directory.
 */
function take(draft: string, path: string, whenInUse: string): void {
  try {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    renameSync(draft, path);
  } catch (error) {
    const isInUse = errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST';
    throw isInUse ? new TermshimError('ERR_ID_IN_USE', whenInUse) : fileError(error, `make the directory ${path}`);
  }
}

/** Makes the directory of an exec. Throws ERR_ID_IN_USE. */
export function makeExecDirectory(ids: ProcessIds): void {
  makeDirectory(directoryOf(ids), `the container ${ids.id} already has a process ${ids.execId}`);
}

/** Making the directory takes the id: only one of two commands can do it. */
function makeDirectory(path: string, whenInUse: string): void {
  try {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw new TermshimError('ERR_ID_IN_USE', whenInUse);
    throw fileError(error, `make the directory ${path}`);
  }
}

/** Also removes the directory above if it is empty then. */
export function removeDirectory(ids: ProcessIds): void {
  const path = directoryOf(ids);
  rmSync(path, { recursive: true, force: true });
  try {
    rmdirSync(join(path, '..'));
  } catch {
    // There are others.
  }
}

/** Writes the file atomically. */
export function writeRecord(id: string, record: ContainerRecord): void {
  replaceFile(recordOf(id), JSON.stringify(record));
}

/** Undefined if there is no such container. */
export function readRecord(id: string): ContainerRecord | undefined {
  const path = recordOf(id);
  return ifPresent(`read ${path}`, () => v.parse(schema, parseJson(readSmallFile(path))));
}

/** When the container was made, in milliseconds since the epoch. */
export function madeAt(id: string): number {
  return statSync(join(directoryOf({ id, execId: '' }), 'config.json')).mtimeMs;
}

/** The ids of all containers of a shim. */
export function containersOf(shim: string): string[] {
  return entries(shimsDirectory()).filter((id) => readRecord(id)?.shim === shim);
}

/** The ids of the execs of a container. */
export function execsOf(id: string): string[] {
  return entries(join(directoryOf({ id, execId: '' }), 'exec'));
}

const recordName = 'shim.json';

function recordOf(id: string): string {
  return join(directoryOf({ id, execId: '' }), recordName);
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw fileError(error, `write ${path}`);
  }
}

function entries(directory: string): string[] {
  return ifPresent(`list ${directory}`, () => readdirSync(directory)) ?? [];
}
