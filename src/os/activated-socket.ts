/** A listening socket that whoever started this process has made for it, as systemd does; see sd_listen_fds(3). */
import { readFileSync, readlinkSync } from 'node:fs';
import { addon } from '../native/addon.js';
import { check } from '../errors/errors.js';
import { OwnedFd } from './owned-fd.js';

/** The first descriptor that is passed on. */
const firstFd = 3;

/**
 * Undefined if there is none for us. The variables that tell of it are removed, since our children would take it for
 * theirs.
 */
export function takeActivatedSocket(): OwnedFd | undefined {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = process.env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[name];
  if (Number(pid) !== process.pid || !(Number(count) >= 1)) return undefined;
  return new OwnedFd(check(addon.fd_adopt(firstFd), 'fcntl', 'take over the socket'), 'the socket that was passed on');
}

/** Where a socket listens, as proc_pid_net(5) has it. Empty if it has no path. */
export function pathOfSocket(fd: number): string {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  const lines = readFileSync('/proc/self/net/unix', 'utf8').split('\n');
  const fields = lines.map((line) => line.split(' ')).find((it) => inode !== undefined && it[6] === inode);
  return fields?.slice(7).join(' ') ?? '';
}
