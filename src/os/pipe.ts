/**
 * A pipe between us and a process; see pipe(7).
 */
import { fchownSync } from 'node:fs';
import { addon } from '../native/addon.js';
import { check } from './errors.js';
import { fileError } from './file-error.js';
import { OwnedFd } from './owned-fd.js';

export interface Pipe {
  /** Non-blocking. */
  readonly ours: OwnedFd;
  /** For the process: blocking, as programs expect it. To be closed when the process has inherited it. */
  readonly theirs: OwnedFd;
}

export interface PipeOwner {
  uid: number;
  gid: number;
}

export interface PipeOptions {
  /** Which end is ours. */
  ours: 'reader' | 'writer';
  /** What goes through it, for messages. */
  name: string;
  /** Who may open the pipe anew, as `/dev/stdout` does. Ourselves, unless it is said. */
  owner?: PipeOwner | undefined;
}

export function createPipe({ ours, name, owner }: PipeOptions): Pipe {
  const ends = new Int32Array(2);
  check(addon.pipe_create(ends), 'pipe2', `create a pipe for ${name}`);
  const reader = new OwnedFd(ends[0] as number, `the reading end of ${name}`);
  const writer = new OwnedFd(ends[1] as number, `the writing end of ${name}`);
  const pipe = ours === 'reader' ? { ours: reader, theirs: writer } : { ours: writer, theirs: reader };
  try {
    check(addon.fd_set_nonblocking(pipe.ours.fd, true), 'fcntl', `make the pipe for ${name} non-blocking`);
    if (owner !== undefined) give(pipe, owner, name);
    return pipe;
  } catch (error) {
    reader.close();
    writer.close();
    throw error;
  }
}

function give(pipe: Pipe, { uid, gid }: PipeOwner, name: string): void {
  try {
    fchownSync(pipe.ours.fd, uid, gid);
  } catch (error) {
    throw fileError(error, `give the pipe for ${name} to ${uid}:${gid}`);
  }
}
