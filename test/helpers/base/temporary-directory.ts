/** A directory for one test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from './leak-free.js';

/** It is removed after the test. Its path is short enough for a socket in it. */
export function temporaryDirectory(test: Scope): string {
  const path = mkdtempSync(join(tmpdir(), 'termshim-test-'));
  test.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
