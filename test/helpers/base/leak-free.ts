/** A test that fails if this process has other descriptors after it than before. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { addon } from '../../../src/native/addon.js';
import { EPOLLIN, watch } from '../../../src/os/epoll.js';
import { openDescriptors } from './descriptors.js';
import { waitFor } from './wait-for.js';

/** Where a test registers how to undo what it did; a `TestContext` is one too. */
export interface Scope {
  after(undo: () => unknown): void;
}

/**
 * Runs `body`, then what it registered with `after`, last first, then fails if a descriptor is open that was not
 * before. (The `after` hooks of node:test run too late to be looked at from inside a test.)
 */
export function leakTest(
  name: string,
  body: (scope: Scope) => unknown,
  { skip = false }: { skip?: string | false } = {},
): void {
  void test(name, { skip }, () => runLeakFree(body));
}

async function runLeakFree(body: (scope: Scope) => unknown): Promise<void> {
  await warmUp();
  const before = openDescriptors();
  const undos: (() => unknown)[] = [];
  const failures: unknown[] = [];
  const attempt = async (step: () => unknown): Promise<void> => {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  };
  await attempt(() => body({ after: (undo) => void undos.push(undo) }));
  while (undos.length > 0) await attempt(undos.pop() as () => unknown);
  if (failures.length > 0) throw failures[0];
  await assertNoNewDescriptors(before);
}

/** Waits for those that Node closes a turn later. */
export async function assertNoNewDescriptors(before: readonly string[]): Promise<void> {
  const added = (): string[] => openDescriptors().filter((entry) => !before.includes(entry));
  await waitFor(() => added().length === 0, 'every descriptor to be closed', 2000).catch(() => {});
  assert.deepEqual(added(), [], 'descriptors were left open');
}

let warm: Promise<void> | undefined;

/** What the first use leaves open for good: our epoll set, and what Node needs for child processes. */
export function warmUp(): Promise<void> {
  warm ??= (async () => {
    const master = addon.tty_open_master();
    watch(master, EPOLLIN, () => {})?.close();
    addon.fd_close(master);
    await once(spawn('true', { stdio: 'ignore' }), 'exit');
  })();
  return warm;
}
