/**
 * Short-lived directories that only this user can enter, for sockets, FIFOs, pid files and bundles.
 *
 * Those of one process are in its *process directory*, below the runtime directory. The process holds a lock on that
 * (flock(2)), which the kernel releases when the process ends, even by SIGKILL. So a process directory that can be
 * locked is abandoned. A pid would prove less: the kernel may have given it to another process, or there may be one
 * with that pid in another pid namespace.
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
  /** Removes the directory and its contents. Idempotent. If it throws, the removal is tried again at exit. */
  remove(): void;
}

/**
 * Creates `<runtime directory>/of-<pid>-XXXXXX/<prefix>-XXXXXX` with mode 0700. If the owner does not remove the
 * directory, this process removes it at exit; if the process is killed, the next daemon of this user removes it. Throws
 * ERR_SYSTEM, ERR_DIRECTORY_UNSAFE.
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
        // The removal fails if there is no free descriptor. The lock must be released even then.
        leave();
      }
    },
  };
}

/** The process directory of a process that was killed. This process has locked it. */
export interface AbandonedDirectory {
  /** The private directories in it. */
  readonly directories: readonly string[];
  /** Removes the process directory and its contents. */
  remove(): void;
  /** Releases the lock, so that other processes may clean the directory up. Idempotent. */
  close(): void;
}

/** Locks this user's process directories that no process has locked. The caller closes each of them. */
export function takeAbandonedDirectories(): AbandonedDirectory[] {
  const base = makeRuntimeDirectory();
  const names = orSay(`list ${base}`, () => readdirSync(base)).filter((name) => name.startsWith(processPrefix));
  return names.flatMap((name) => takeAbandoned(join(base, name)) ?? []);
}

const processPrefix = 'of-';

interface ProcessDirectory {
  path: string;
  lock: OwnedFd;
  /** How many private directories are in it or are being made. */
  count: number;
  leave(): void;
}

/** Keyed by the runtime directory, which tests change. */
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

/** Before this process has locked a new directory, another may take it for abandoned. Then this makes another one. */
function makeLocked(start: string): { path: string; lock: OwnedFd } {
  for (;;) {
    const path = orSay(`make the directory ${start}XXXXXX`, () => mkdtempSync(start));
    const lock = tryLock(path);
    if (lock !== undefined) return { path, lock };
  }
}

/** Undefined if another process has locked the directory, or it does not exist. */
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

/** False if the previous holder of the lock has removed the directory. */
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

/** A process directory is empty unless a directory in it could not be removed. Then the next daemon removes both. */
function removeProcessDirectory(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // It is not empty.
  }
}

function orSay<T>(attempted: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileError(error, attempted);
  }
}
