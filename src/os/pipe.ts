/**
 * A pipe between this process and another one; see pipe(7).
 */
import { fchownSync } from 'node:fs';
import { addon } from '../native/addon.js';
import { check } from '../errors/errors.js';
import { fileError } from '../errors/file-error.js';
import { OwnedFd } from './owned-fd.js';

export interface Pipe {
  /** The end of this process, non-blocking. */
  readonly ours: OwnedFd;
  /** The end of the other process: blocking, as programs expect it. Close it once that process has inherited it. */
  readonly theirs: OwnedFd;
}

/** The user and group that own a pipe. */
export interface PipeOwner {
  uid: number;
  gid: number;
}

export interface PipeOptions {
  /** Which end this process keeps. */
  ours: 'reader' | 'writer';
  /** What goes through it, for messages. */
  name: string;
  /** The user and group that may open the pipe again, as `/dev/stdout`. The default is the owner of this process. */
  owner?: PipeOwner | undefined;
}

export function createPipe({ ours, name, owner }: PipeOptions): Pipe {
  const { reader, writer } = createPipeEnds(name, owner);
  const pipe = ours === 'reader' ? { ours: reader, theirs: writer } : { ours: writer, theirs: reader };
  try {
    check(addon.fd_set_nonblocking(pipe.ours.fd, true), 'fcntl', `make the pipe for ${name} non-blocking`);
    return pipe;
  } catch (error) {
    reader.close();
    writer.close();
    throw error;
  }
}

export interface PipeEnds {
  readonly reader: OwnedFd;
  readonly writer: OwnedFd;
}

/** A pipe with two blocking ends: for two other processes, or if it is not known yet which end this process keeps. */
export function createPipeEnds(name: string, owner?: PipeOwner): PipeEnds {
  const ends = new Int32Array(2);
  check(addon.pipe_create(ends), 'pipe2', `create a pipe for ${name}`);
  const reader = new OwnedFd(ends[0] as number, `the reading end of ${name}`);
  const writer = new OwnedFd(ends[1] as number, `the writing end of ${name}`);
  try {
    if (owner !== undefined) give(reader, owner, name);
    return { reader, writer };
  } catch (error) {
    reader.close();
    writer.close();
    throw error;
  }
}

function give(end: OwnedFd, { uid, gid }: PipeOwner, name: string): void {
  try {
    fchownSync(end.fd, uid, gid);
  } catch (error) {
    throw fileError(error, `change the owner of the pipe for ${name} to ${uid}:${gid}`);
  }
}
