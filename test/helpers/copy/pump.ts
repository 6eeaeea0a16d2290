/** Pumps of the addon with kernel objects at both ends, all closed after the test. */
import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { addon } from '../../../src/native/addon.js';
import { OwnedFd } from '../../../src/os/owned-fd.js';
import type { Scope } from '../base/leak-free.js';

/** What a FIFO holds. */
export const fifoBytes = 65536;

/** A second, of which no run of a test takes more than a little. */
const plentyUs = 1_000_000;

export function createPump(scope: Scope, source: number, sink: number): number {
  const pump = addon.pump_create(source, sink);
  assert.ok(pump >= 0);
  scope.after(() => addon.pump_destroy(pump));
  return pump;
}

/** Its answer, taken apart. */
export function runPump(pump: number, budgetUs = plentyUs, toTheEnd = true): { stop: number; errno: number } {
  const answer = addon.pump_run(pump, budgetUs, toTheEnd);
  assert.ok(answer >= 0, `pump_run answered ${answer}`);
  return { stop: answer & 0xff, errno: answer >> 8 };
}

export function openFile(scope: Scope, path: string, flags: number): number {
  const file = OwnedFd.open(path, flags, path);
  scope.after(() => file.close());
  return file.fd;
}

/** Master and tty; the tty is raw, so that bytes pass as they are. */
export function openRawPty(scope: Scope): { master: number; tty: OwnedFd } {
  const master = new OwnedFd(addon.tty_open_master(), 'the master of a test');
  scope.after(() => master.close());
  const path = `/dev/pts/${addon.tty_pts_number(master.fd)}`;
  const tty = OwnedFd.open(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK, path);
  scope.after(() => tty.close());
  addon.tty_set_raw(tty.fd);
  return { master: master.fd, tty };
}

/** All that can be read now. */
export function readAll(fd: number): Buffer {
  const chunks: Buffer[] = [];
  const block = Buffer.alloc(fifoBytes);
  for (let got = addon.fd_read(fd, block); got > 0; got = addon.fd_read(fd, block)) {
    chunks.push(Buffer.from(block.subarray(0, got)));
  }
  return Buffer.concat(chunks);
}
