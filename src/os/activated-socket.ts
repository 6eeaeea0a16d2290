/** A listening socket that this process has inherited from its parent, such as systemd; see sd_listen_fds(3). */
import { readFileSync, readlinkSync } from 'node:fs';
import { addon } from '../native/addon.js';
import { check } from '../errors/errors.js';
import { OwnedFd } from './owned-fd.js';

/** The first descriptor that the parent passes on (SD_LISTEN_FDS_START). */
const firstFd = 3;

/**
 * Takes over the inherited socket; undefined if there is none for this process. Removes the variables that announce it,
 * so that child processes do not take it for theirs.
 */
export function takeActivatedSocket(): OwnedFd | undefined {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = process.env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[name];
  if (Number(pid) !== process.pid || !(Number(count) >= 1)) return undefined;
  return new OwnedFd(
    check(addon.fd_adopt(firstFd), 'fcntl', 'use the inherited socket'),
    'the socket that was passed on',
  );
}

/** The path of a unix socket, from /proc/self/net/unix; see proc_pid_net(5). Empty if it has none. */
export function pathOfSocket(fd: number): string {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  const lines = readFileSync('/proc/self/net/unix', 'utf8').split('\n');
  const fields = lines.map((line) => line.split(' ')).find((it) => inode !== undefined && it[6] === inode);
  return fields?.slice(7).join(' ') ?? '';
}
