/*
 * A process without free descriptors fails in every step that opens one. Each failure must close what was opened before
 * it, or the shortage never ends. The test creates a container with no free descriptor, with one, with two, and so on,
 * until the container can be created.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants } from 'node:fs';
import { addon } from '../../src/native/addon.js';
import { openDescriptors } from '../helpers/base/descriptors.js';
import { leakTest } from '../helpers/base/leak-free.js';
import { newContainer, newStdio } from '../helpers/runtime/task.js';
import { waitFor } from '../helpers/base/wait-for.js';

for (const kind of ['terminal', 'pipes'] as const) {
  leakTest(`a container with ${kind} that fails for lack of descriptors leaves none open`, async (scope) => {
    const { stdio } = newStdio(scope, kind);
    for (let spare = 0; ; spare++) {
      const before = openDescriptors();
      const refill = leaveDescriptors(spare);
      const creating = newContainer(scope, 'exec sleep 100', stdio);
      const failure: unknown = await creating.then(
        () => undefined,
        (error: unknown) => error,
      );
      refill();
      if (failure === undefined) return;
      assert.match((failure as Error).message, /EMFILE|Too many open files/);
      const added = (): string[] => openDescriptors().filter((it) => !before.includes(it));
      await waitFor(() => added().length === 0, 'what was opened to be closed', 2000).catch(() => {});
      assert.deepEqual(added(), [], `left open when there were ${spare} descriptors`);
    }
  });
}

/** Leaves only so many, until the returned function is called. */
function leaveDescriptors(spare: number): () => void {
  const few = 200;
  const [, soft = ''] = /^(\d+)/.exec(prlimit('--output=SOFT', '--noheadings')) ?? [];
  prlimit(`--nofile=${few}:`);
  const taken: number[] = [];
  for (;;) {
    const fd = addon.fd_open('/dev/null', constants.O_RDONLY, 0);
    if (fd < 0) break;
    taken.push(fd);
  }
  for (let i = 0; i < spare; i++) addon.fd_close(taken.pop() as number);
  return () => {
    for (const fd of taken) addon.fd_close(fd);
    prlimit(`--nofile=${soft}:`);
  };
}

function prlimit(...options: string[]): string {
  const query = options.some((it) => it.startsWith('--nofile=')) ? [] : ['--nofile'];
  const { stdout, status } = spawnSync('prlimit', ['--pid', String(process.pid), ...query, ...options]);
  assert.equal(status, 0);
  return stdout.toString();
}
