/** A directory for FIFOs and sockets, gone when the harness ends. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = mkdtempSync(join(tmpdir(), 'bench-'));
let count = 0;

process.once('exit', () => rmSync(root, { recursive: true, force: true }));

/** A new, empty directory whose path is short enough for a socket. */
export function createScratch(): string {
  const path = join(root, `${++count}`);
  mkdirSync(path);
  return path;
}
