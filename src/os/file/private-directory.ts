/**
 * Short-lived directories that only this user can enter, for sockets, FIFOs, pid files and bundles.
 *
 * All of a process lie in one directory of its own, its *place*, below the runtime directory. It is locked for as long as it
 * is there, and the kernel lets the lock go when the process ends, however it ends: a place that can be locked has no owner
 * any more. A pid would say less, since another process may have it, or another pid namespace.
 */
import { constants, fstatSync, lstatSync, mkdtempSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../native/addon.js';
import { atExit } from '../../async/at-exit.js';
import { check } from '../../errors/errors.js';
import { fileError } from '../../errors/file-error.js';
import { OwnedFd } from '../owned-fd.js';
import { makeRuntimeDirectory } from './runtime-directory.js';

export interface PrivateDirectory {
  readonly path: string;
  /** Removes it and what is in it. Idempotent. Where that fails it is tried again at the exit. */
  remove(): void;
}

/**
 * Creates `<runtime directory>/of-<pid>-XXXXXX/<prefix>-XXXXXX` with mode 0700. It is also removed when the process exits
 * early, or, if it was killed, by the next daemon of this user. Throws ERR_SYSTEM, ERR_DIRECTORY_UNSAFE.
 */
export function createPrivateDirectory(prefix: string): PrivateDirectory {
  const parent = enterProcessDirectory(makeRuntimeDirectory());
  let path: string;
  try {
    path = orSay(`make a directory in ${parent.path}`, () => mkdtempSync(join(parent.path, `${prefix}-`)));
  } catch (error) {
    parent.leave();
    throw error;
  }
  const remove = (): void => orSay(`remove ${path}`, () => rmSync(path, { recursive: true, force: true }));
  let isThere = true;
  const leave = (): void => {
    if (isThere) parent.leave();
    isThere = false;
  };
  const forget = atExit(() => {
    remove();
    leave();
  });
  return {
    path,
    remove() {
      try {
        remove();
        forget();
      } finally {
        // To remove takes descriptors, which there may be none of: the place and its lock do not wait for that.
        leave();
      }
    },
  };
}

/** The place of a process that was killed. */
export interface AbandonedDirectory {
  /** The private directories in it. */
  readonly directories: readonly string[];
  /** Removes it and what is in it. */
  remove(): void;
  /** Nobody else sweeps it before. Idempotent. */
  close(): void;
}

/** Those of this user that no process has, and nobody else is sweeping. Each is the caller's to close. */
export function takeAbandonedDirectories(): AbandonedDirectory[] {
  const base = makeRuntimeDirectory();
  const names = orSay(`list ${base}`, () => readdirSync(base)).filter((name) => name.startsWith(processPrefix));
  return names.flatMap((name) => takeAbandoned(join(base, name)) ?? []);
}

const processPrefix = 'of-';

interface ProcessDirectory {
  path: string;
  lock: OwnedFd;
  /** How many directories are in it, and being made. */
  count: number;
  leave(): void;
}

/** By the runtime directory, which tests change. */
const processDirectories = new Map<string, ProcessDirectory>();

function enterProcessDirectory(base: string): ProcessDirectory {
  const parent = processDirectories.get(base) ?? makeProcessDirectory(base);
  parent.count++;
  return parent;
}

function makeProcessDirectory(base: string): ProcessDirectory {
  const { path, lock } = makeLocked(join(base, `${processPrefix}${process.pid}-`));
  const parent: ProcessDirectory = {
    path,
    lock,
    count: 0,
    leave() {
      if (--parent.count > 0) return;
      processDirectories.delete(base);
      removeProcessDirectory(path);
      lock.close();
    },
  };
  processDirectories.set(base, parent);
  return parent;
}

/** Between its making and its lock somebody may take it for abandoned. Then another is made. */
function makeLocked(start: string): { path: string; lock: OwnedFd } {
  for (;;) {
    const path = orSay(`make the directory ${start}XXXXXX`, () => mkdtempSync(start));
    const lock = tryLock(path);
    if (lock !== undefined) return { path, lock };
  }
}

/** Undefined if somebody has it, or it is gone. */
function tryLock(path: string): OwnedFd | undefined {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const lock = OwnedFd.tryOpen(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, path, os.errno.ENOENT);
  if (lock === undefined) return undefined;
  const answer = addon.fd_lock(lock.fd);
  if (answer === 0 && isStillThere(path, lock)) return lock;
  lock.close();
  if (answer !== -os.errno.EAGAIN) check(answer, 'flock', `lock ${path}`);
  return undefined;
}

/** Whoever had the lock before may have removed it. */
function isStillThere(path: string, { fd }: OwnedFd): boolean {
  const [named, locked] = [lstatSync(path, { throwIfNoEntry: false }), fstatSync(fd)];
  return named?.ino === locked.ino && named.dev === locked.dev;
}

function takeAbandoned(path: string): AbandonedDirectory | undefined {
  const lock = tryLock(path);
  if (lock === undefined) return undefined;
  return {
    directories: orSay(`list ${path}`, () => readdirSync(path)).map((name) => join(path, name)),
    remove: () => orSay(`remove ${path}`, () => rmSync(path, { recursive: true, force: true })),
    close: () => lock.close(),
  };
}

/** It is empty, unless a directory in it could not be removed: that waits for a daemon. */
function removeProcessDirectory(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // As said.
  }
}

function orSay<T>(attempted: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileError(error, attempted);
  }
}
