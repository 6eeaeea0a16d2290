/**
 * The state that the pty runtime keeps of a container: the directory ROOT/ID (mode 0700, or 0711 for another user) with
 *
 * - `state.json`: the record, replaced as a whole;
 * - `exec.fifo`: there from `create` to `start`, the first process waits on it;
 * - `exec-PID.fifo`: the same for a process of `exec`, with the pid of that command;
 * - `exec-PID-STARTTIME`: one empty file for each process that `exec` made.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TermshimError } from '../../errors/errors.js';
import { parseId } from '../spec/container-id.js';
import { assertTrusted } from '../../os/file/directory-trust.js';
import { replaceFile } from '../../os/file/atomic-file.js';
import type { OciStatus } from '../oci-state.js';
import { findLive, type ProcessIdentity } from '../../os/process/process-table.js';
import { errnoOf, fileError, ifPresent } from '../../errors/file-error.js';
import { readSmallFile } from '../../os/file/json.js';

export const startFifo = 'exec.fifo';

export interface ContainerRecord {
  ociVersion: string;
  id: string;
  bundle: string;
  annotations: Record<string, string>;
  /** When `create` began, in ISO 8601. */
  created: string;
  /** Whether `create` has forked the first process and sent its console. */
  isCreated: boolean;
  /** The first process; absent until it was forked. */
  init?: ProcessIdentity;
}

export interface Container {
  directory: string;
  record: ContainerRecord;
}

/** Makes the container's directory and its first record. Fails if the id is in use. */
export function claimContainer(root: string, record: ContainerRecord): Container {
  const directory = containerDirectory(root, record.id);
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    assertTrusted(root, 'ours');
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (error instanceof TermshimError) throw error;
    if (errnoOf(error) === 'EEXIST') throw failure(`container with given ID already exists: ${record.id}`);
    throw fileError(error, `make the state directory ${directory}`);
  }
  const container = { directory, record };
  writeRecord(container);
  return container;
}

/** Fails if there is no such container. */
export function findContainer(root: string, id: string): Container {
  const directory = containerDirectory(root, id);
  const text = ifPresent(`read the state of container ${id}`, () => readSmallFile(join(directory, 'state.json')));
  if (text === undefined) throw failure(`container does not exist: ${id}`);
  return { directory, record: JSON.parse(text) as ContainerRecord };
}

export function writeRecord({ directory, record }: Container): void {
  replaceFile(join(directory, 'state.json'), JSON.stringify(record));
}

/** Removes the state of a container. Idempotent. */
export function removeContainer(root: string, id: string): void {
  rmSync(containerDirectory(root, id), { recursive: true, force: true });
}

export function statusOf({ directory, record }: Container): OciStatus {
  if (record.init === undefined) return 'creating';
  const entry = findLive(record.init);
  if (entry === undefined) return 'stopped';
  if (!record.isCreated) return 'creating';
  if (entry.state === 'T') return 'paused';
  return existsSync(join(directory, startFifo)) ? 'created' : 'running';
}

/** Records a process that `exec` made, so that `ps`, `kill --all`, `pause` and `delete` reach it. */
export function addExec({ directory }: Container, process: ProcessIdentity): void {
  writeFileSync(join(directory, execName(process)), '', { mode: 0o600 });
}

export function removeExec({ directory }: Container, process: ProcessIdentity): void {
  rmSync(join(directory, execName(process)), { force: true });
}

export function listExecs({ directory }: Container): ProcessIdentity[] {
  return readdirSync(directory).flatMap((name) => {
    const [, pid, startTime] = /^exec-(\d+)-(\d+)$/.exec(name) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), startTime: Number(startTime) }];
  });
}

/** An error of the runtime's user, such as a command that does not fit the container's state. */
export function failure(message: string): TermshimError {
  return new TermshimError('ERR_RUNTIME_FAILED', message);
}

function execName({ pid, startTime }: ProcessIdentity): string {
  return `exec-${pid}-${startTime}`;
}

/** The default root may be in /tmp, where another user may have created it first, with records of processes to kill. */
function containerDirectory(root: string, id: string): string {
  assertTrusted(root, 'ours');
  return join(root, parseId(id));
}
