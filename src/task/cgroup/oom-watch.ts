/**
 * Reports that a container runs out of memory.
 *
 * v1: an eventfd that is registered with the cgroup (Documentation/admin-guide/cgroup-v1/memory.rst, 9 and 10). The
 * kernel counts it up when the limit of the cgroup or of a parent is hit, just before it kills a process, and once more
 * when the cgroup is removed.
 *
 * v2: memory.events has the number of killed processes, and raises POLLPRI whenever it changes (cgroup-v2.rst).
 */
import { constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../native/addon.js';
import { EPOLLIN, EPOLLPRI, watch } from '../../os/epoll.js';
import { TermshimError, check } from '../../errors/errors.js';
import { OwnedFd } from '../../os/owned-fd.js';
import type { Cgroup } from './cgroup-paths.js';
import { readCounts } from './stat-files.js';

export interface OomWatch {
  /** Stops the watch. Idempotent. */
  close(): void;
}

/**
 * Calls `onOom` whenever memory has run out; several times in one turn of the event loop are one call. If the memory
 * controller is off or the cgroup was removed, `onOom` is never called. The watch keeps Node alive until it is closed.
 */
export function watchOom(cgroup: Cgroup, onOom: () => void): OomWatch {
  const directory = cgroup.version === 1 ? cgroup.directories.get('memory') : cgroup.directory;
  if (directory === undefined) return nothingToWatch;
  try {
    return cgroup.version === 1 ? watchEventfd(directory, onOom) : watchEventsFile(directory, onOom);
  } catch (error) {
    if (isAbsence(error)) return nothingToWatch;
    throw error;
  }
}

const nothingToWatch: OomWatch = { close() {} };

/** The inode identifies the cgroup: when the kernel reports its removal, another cgroup may have its path. */
function watchEventfd(directory: string, onOom: () => void): OomWatch {
  const inode = inodeOf(directory);
  const event = registerEventfd(directory);
  return watchOwned(event, EPOLLIN, () => {
    addon.fd_read(event.fd, new Uint8Array(8));
    if (inodeOf(directory) === inode) onOom();
  });
}

/** The kernel drops the registration when the eventfd is closed. */
function registerEventfd(directory: string): OwnedFd {
  using control = openFile(directory, 'memory.oom_control', constants.O_RDONLY);
  using registry = openFile(directory, 'cgroup.event_control', constants.O_WRONLY);
  const attempted = `watch ${directory} for OOMs`;
  const event = new OwnedFd(check(addon.eventfd_create(), 'eventfd', attempted), `the eventfd of ${directory}`);
  const answer = addon.fd_write(registry.fd, Buffer.from(`${event.fd} ${control.fd}`));
  if (answer < 0) event.close();
  check(answer, 'write', attempted);
  return event;
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

/** Each read opens the file anew through its descriptor: this is the file of this very cgroup, or fails. */
function watchEventsFile(directory: string, onOom: () => void): OomWatch {
  const file = openFile(directory, 'memory.events', constants.O_RDONLY);
  const countKilled = (): bigint => readCounts('/proc/self/fd', String(file.fd))?.('oom_kill') ?? 0n;
  let told = countKilled();
  return watchOwned(file, EPOLLPRI, () => {
    const killed = countKilled();
    if (killed <= told) return;
    told = killed;
    onOom();
  });
}

function openFile(directory: string, file: string, flags: number): OwnedFd {
  const path = join(directory, file);
  return OwnedFd.open(path, flags, path);
}

/** Takes over the descriptor. */
function watchOwned(owned: OwnedFd, events: number, listener: () => void): OomWatch {
  const watching = watch(owned.fd, events, listener);
  return {
    close() {
      watching?.close();
      owned.close();
    },
  };
}

/** ENODEV: the cgroup is being removed. */
function isAbsence(error: unknown): boolean {
  return error instanceof TermshimError && (error.errno === 'ENOENT' || error.errno === 'ENODEV');
}
