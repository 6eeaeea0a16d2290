/**
 * What we remember of the containers of other shims, since a shim tells nobody which it has: a directory for each, which
 * is the shim's bundle too. `exec/` in it has a directory for each process that was added.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { TermshimError } from '../../errors/errors.js';
import { errnoOf, fileError } from '../../errors/file-error.js';
import { createPrivateDirectory } from '../../os/file/private-directory.js';
import { replaceFile } from '../../os/file/atomic-file.js';
import { runtimeDirectory } from '../../os/file/runtime-directory.js';

const schema = v.object({
  /** The program. */
  shim: v.string(),
  /** Where it listens. Undefined until it has answered `start`. */
  socket: v.optional(v.string()),
  /** The full name of its Task service, which has the version. */
  service: v.optional(v.string()),
  /** Its process. 0 if it would not say. */
  pid: v.optional(v.number()),
  /** It has died, and its `delete` has ended what it had. */
  isCleanedUp: v.optional(v.boolean()),
});

export type ContainerRecord = v.InferOutput<typeof schema>;

export interface ProcessIds {
  id: string;
  /** Empty for the container's init. */
  execId: string;
}

export function shimsDirectory(): string {
  return join(runtimeDirectory(), 'shims');
}

export function directoryOf({ id, execId }: ProcessIds): string {
  const bundle = join(shimsDirectory(), id);
  return execId === '' ? bundle : join(bundle, 'exec', execId);
}

/** Where the shim of a container tells of events. The name has a fixed length: a socket's path must be short (unix(7)). */
export function eventsSocket(id: string): string {
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 12);
  return join(runtimeDirectory(), `events-${hash}.sock`);
}

/** Returns the directory, with the configuration in it. Throws ERR_ID_IN_USE. */
export function makeBundle(id: string, config: string, record: ContainerRecord): string {
  const bundle = directoryOf({ id, execId: '' });
  const draft = createPrivateDirectory('bundle');
  try {
    write(join(draft.path, 'config.json'), config);
    // containerd has a FIFO here, and reads it. We come and go, and a file keeps what was said in between.
    write(join(draft.path, 'log'), '');
    write(join(draft.path, recordName), JSON.stringify(record));
    take(draft.path, bundle, `there is a container ${id} of another shim already`);
  } finally {
    // Nothing is there any more if it was taken.
    draft.remove();
  }
  return bundle;
}

/** Whoever takes the id has it, and with it all that belongs to it: a command that is killed leaves no part. */
function take(draft: string, path: string, whenInUse: string): void {
  try {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    renameSync(draft, path);
  } catch (error) {
    const isInUse = errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST';
    throw isInUse ? new TermshimError('ERR_ID_IN_USE', whenInUse) : fileError(error, `make the directory ${path}`);
  }
}

/** For a process that is added. Throws ERR_ID_IN_USE. */
export function makeExecDirectory(ids: ProcessIds): void {
  makeDirectory(directoryOf(ids), `the container ${ids.id} has a process ${ids.execId} already`);
}

/** Whoever makes it has the id: two commands at a time cannot both. */
function makeDirectory(path: string, whenInUse: string): void {
  try {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw new TermshimError('ERR_ID_IN_USE', whenInUse);
    throw fileError(error, `make the directory ${path}`);
  }
}

/** The last takes the directory of all with it. */
export function removeDirectory(ids: ProcessIds): void {
  const path = directoryOf(ids);
  rmSync(path, { recursive: true, force: true });
  try {
    rmdirSync(join(path, '..'));
  } catch {
    // There are others.
  }
}

/** Whole or not at all. */
export function writeRecord(id: string, record: ContainerRecord): void {
  replaceFile(recordOf(id), JSON.stringify(record));
}

/** Undefined if there is no such container. */
export function readRecord(id: string): ContainerRecord | undefined {
  try {
    return v.parse(schema, JSON.parse(readFileSync(recordOf(id), 'utf8')));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError(error, `read ${recordOf(id)}`);
  }
}

/** When the container was made, in milliseconds since the epoch. */
export function madeAt(id: string): number {
  return statSync(join(directoryOf({ id, execId: '' }), 'config.json')).mtimeMs;
}

/** All containers that a shim has. */
export function containersOf(shim: string): string[] {
  return entries(shimsDirectory()).filter((id) => readRecord(id)?.shim === shim);
}

/** The processes that were added to a container. */
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
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw fileError(error, `list ${directory}`);
  }
}
