/**
 * The directory and environment of one end-to-end test, which afterwards proves that the test left nothing on this
 * machine.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from '../base/leak-free.js';
import { makeRootfs } from '../runtime/rootfs.js';
import { type LivingProcess, type Marks, findControlGroups, findProcesses, findLeftovers } from './leftovers.js';
import type { OtherLeftovers } from './leftovers.js';
import { stopDaemon } from './user-daemon.js';
import { waitFor } from '../base/wait-for.js';

export interface Testbed {
  /** Removed after the test. Its path is short enough for a socket in it. */
  readonly directory: string;
  /** The environment for every process of the test: its own $XDG_RUNTIME_DIR, and a variable that identifies them. */
  readonly env: NodeJS.ProcessEnv;
  /** A root filesystem with busybox, created at the first use. */
  readonly rootfs: string;
  path(name: string): string;
  /** Returns a unique container id. */
  newId(): string;
  /** Adds an id that another program has chosen. */
  adoptId(id: string): void;
  /** The ids of the containers of the test. */
  readonly ids: readonly string[];
  /** Runs at the end of the test, the last one first, before the check for leftovers. */
  after(undo: () => unknown): void;
  /** Adds leftovers to the check that only some tests can have. */
  lookFor(leftovers: OtherLeftovers): void;
  /** The processes of the test that are alive. */
  processes(): LivingProcess[];
  /** Everything that exists and must be gone when the test ends. */
  leftovers(): string[];
  /** Ends the daemon of `termshim run`, which must be idle. The end of the test does it too. */
  stopDaemon(): Promise<void>;
  /** Lets the daemon log errors without failing the test. */
  letDaemonComplain(): void;
  /** Kills and removes everything at once, for a process that exits before the end of its testbed. */
  removeAll(): void;
}

export function openTestbed(test: Scope): Testbed {
  const name = `e2e-${randomBytes(5).toString('hex')}`;
  const ids: string[] = [];
  const undos: (() => unknown)[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'termshim-test-'));
  const runtimeDirectory = join(directory, 'xdg');
  mkdirSync(runtimeDirectory, { mode: 0o700 });
  const marks: Marks = { directory, runtimeDirectory, variable: `TERMSHIM_TEST=${name}`, ids, others: [] };
  const env = { ...process.env, XDG_RUNTIME_DIR: runtimeDirectory, TERMSHIM_TEST: name };
  let mayComplain = false;
  test.after(async () => {
    try {
      for (const undo of undos.toReversed()) await undo();
      const stopping = await stopDaemon(env, mayComplain).then(
        () => undefined,
        (error: Error) => error,
      );
      await assertNothingLeft(marks);
      if (stopping !== undefined) throw stopping;
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
  let rootfs: string | undefined;
  return {
    directory,
    env,
    get rootfs() {
      if (rootfs === undefined) {
        rootfs = makeRootfs(directory);
        for (const applet of moreApplets) symlinkSync('busybox', join(rootfs, 'bin', applet));
      }
      return rootfs;
    },
    path: (file) => join(directory, file),
    newId() {
      const id = `${name}-${ids.length}`;
      ids.push(id);
      return id;
    },
    adoptId: (id) => void ids.push(id),
    ids,
    lookFor: (leftovers) => void marks.others.push(leftovers),
    after: (undo) => void undos.push(undo),
    processes: () => findProcesses(marks),
    leftovers: () => findLeftovers(marks),
    stopDaemon: () => stopDaemon(env, mayComplain),
    letDaemonComplain: () => void (mayComplain = true),
    removeAll() {
      remove(marks, findLeftovers(marks));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const moreApplets = ['seq', 'setsid', 'sha256sum', 'yes'];

/** Waits a moment for the end of processes. Removes what is left, so that one failure does not cause another. */
async function assertNothingLeft(marks: Marks): Promise<void> {
  await waitFor(() => findLeftovers(marks).length === 0, 'nothing to be left', 3000).catch(() => {});
  const leftovers = findLeftovers(marks);
  remove(marks, leftovers);
  assert.deepEqual(leftovers, [], 'the test left something behind');
}

function remove(marks: Marks, leftovers: readonly string[]): void {
  killAll(marks);
  for (const id of marks.ids) if (leftovers.includes(`/run/runc/${id}`)) spawnSync('runc', ['delete', '--force', id]);
  for (const path of marks.ids.flatMap(findControlGroups)) spawnSync('rmdir', [path]);
  for (const other of marks.others) other.remove();
}

/** Repeats until none is left: a new process may be missing from a list, and a process holds its mounts until it has ended. */
function killAll(marks: Marks): void {
  const deadline = performance.now() + 3000;
  for (let left = findProcesses(marks); left.length > 0 && performance.now() < deadline; left = findProcesses(marks)) {
    spawnSync('kill', ['-KILL', ...left.map(({ pid }) => String(pid))]);
  }
}
